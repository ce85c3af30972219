"""Vectors of Finagle: the upgrade of a connection to TTwitter, and calls on it and on one that is not upgraded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.described import spoken
from harness.finagle import SERVICE, client, server
from harness.processes import java
from harness.relay import TO_CLIENT, TO_SERVER
from harness.thrift import service
from harness.twitter_vectors import TwitterRelay
from harness.vectors import Software

if TYPE_CHECKING:
    from pathlib import Path

    from harness.processes import Peer
    from harness.vectors import Vectors

FINAGLE = Software("finagle", "com.twitter:finagle-thrift_2.12 24.2.0")
JAVA = Software("java-upgrade", "org.apache.thrift:libthrift 0.22.0")
TRACE = "00000000deadbeef"
ECHO = {"method": "echo", "text": "x"}
SCENARIOS: dict[str, dict[str, Any]] = {
    "echo": {"method": "echo", "text": "héllo"},
    "add": {"method": "add", "a": 3, "b": -5, "multiplexed": True},
    "fail": {"method": "fail"},
    "missing": {"method": "missing", "text": "x"},
    "note": {"method": "note", "text": "x"},
    "trace": {**ECHO, "trace": TRACE},
    "client-id": {**ECHO, "id": "interop"},
    "delegation": {**ECHO, "dtab": "/s/blue=>/s/green;/zk=>/$/inet/localhost"},
    "context": {**ECHO, "context": "hello é"},
    "all": {**ECHO, "trace": TRACE, "id": "interop", "dtab": "/s/blue=>/s/green", "context": "c" * 300},
    "plain-echo": {"method": "echo", "text": "héllo", "upgrade": False},
    "plain-note": {"method": "note", "text": "x", "upgrade": False},
}
"""Each on a connection of its own."""


def record(vectors: Vectors, logs: Path) -> None:
    with server(logs / "finagle-server.log") as finagle, client(logs / "finagle-client.log") as caller:
        with TwitterRelay(finagle.address) as relay:
            for what, command in SCENARIOS.items():
                _record(vectors, what, relay, finagle, caller, command)
        with java("ThriftServer", logs / "java-server.log", "java") as plain, TwitterRelay(plain.address) as relay:
            to = {"target": relay.address, "form": "thrift", "service": service("java", "thrift")}
            caller.ok("call", **to, **ECHO)
            refused = relay.frames(TO_CLIENT)[0].data
            vectors.add("thrift", "java-refused-response", JAVA, "response", refused)


def _record(vectors: Vectors, what: str, relay: TwitterRelay, finagle: Peer, caller: Peer, command: dict[str, Any]) -> None:
    relay.clear()
    finagle.ok("reset")
    to = {"target": relay.address, "form": "thrift-twitter", "service": SERVICE, "client": what}
    caller.do("call", **to, **command)
    if command["method"] == "note":
        # The next answer is that of the next call: nothing came for the oneway.
        finagle.ok("wait", method="note", count=1)
        caller.ok("call", **to, **{**command, "method": "echo"})
    asked, answered = ([frame.data for frame in relay.frames(way)] for way in (TO_SERVER, TO_CLIENT))
    if command.get("upgrade", True):
        request, response = asked.pop(0), answered.pop(0)
        if what == "echo":
            vectors.add("thrift-twitter", "finagle-upgrade-request", FINAGLE, "request", request)
            vectors.add("thrift-twitter", "finagle-upgrade-response", FINAGLE, "response", response)
    vectors.add(spoken(asked[0]), f"finagle-{what}-request", FINAGLE, "request", asked[0])
    if command["method"] != "note":
        vectors.add(spoken(answered[0]), f"finagle-{what}-response", FINAGLE, "response", answered[0])
    elif len(answered) != 1:
        raise ValueError(f"{len(answered)} frames came after a oneway and a call")
