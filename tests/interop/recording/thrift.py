"""Vectors of every Thrift library's client and server, in every form of the wire that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dubbothrift import consumer, provider
from harness.relay import TO_CLIENT, TO_SERVER
from harness.thrift import SERVED, STARTERS, addresses, service
from harness.thrift_vectors import Tap
from harness.vectors import Software

if TYPE_CHECKING:
    from pathlib import Path

    from harness.processes import Peer
    from harness.vectors import Vectors

SOFTWARE = {
    "thriftpy2": Software("thriftpy2", "thriftpy2 0.7.1"),
    "apache": Software("apache", "thrift 0.25.0 (Apache Thrift for Python)"),
    "go": Software("go", "github.com/apache/thrift 0.22.0"),
    "java": Software("java", "org.apache.thrift:libthrift 0.22.0"),
}
SCENARIOS: dict[str, dict[str, Any]] = {
    "echo": {"method": "echo", "text": "héllo"},
    "add": {"method": "add", "a": 3, "b": -5, "multiplexed": True},
    "fail": {"method": "fail"},
    "missing": {"method": "missing", "text": "x"},
    "note": {"method": "note", "text": "x", "multiplexed": True},
}
EVERY: dict[str, dict[str, Any]] = {"every": {"method": "every", "multiplexed": True}}
"""A value of every type, where the peers know it."""
WITH_HEADER: dict[str, dict[str, Any]] = {
    "info": {"method": "echo", "text": "x", "info": {"service": "blue", "ключ": "é", "empty": ""}},
    "zlib": {"method": "echo", "text": "again and " * 20, "zlib": True},
    "zlib-info": {"method": "echo", "text": "again and " * 20, "zlib": True, "info": {"k": "v" * 200}},
}


DUBBO = Software("java", "com.alibaba:dubbo 2.6.12 with libthrift 0.8.0")
DUBBO_SCENARIOS: dict[str, dict[str, Any]] = {
    "echo": {"method": "echo", "text": "héllo"},
    "empty": {"method": "echo", "text": ""},
    "add": {"method": "add", "a": 3, "b": -5},
    "fail": {"method": "fail", "text": "no"},
    "slow": {"method": "slow", "ms": 1},
}


def record_dubbo(vectors: Vectors, logs: Path) -> None:
    """Dubbo's own framing. Last of all, an id comes again with another method: that is how its provider's exception is had."""
    with provider(logs / "dubbothrift-provider.log") as server, Tap(server.address) as tap:
        with consumer(logs / "dubbothrift-consumer.log") as client:
            for what, command in DUBBO_SCENARIOS.items():
                _exchange(vectors, what, tap, client, command)
        with consumer(logs / "dubbothrift-other.log") as client:
            _exchange(vectors, "exception", tap, client, {"method": "fail", "text": "an id that was of echo"})


def _exchange(vectors: Vectors, what: str, tap: Tap, client: Peer, command: dict[str, Any]) -> None:
    tap.clear()
    client.do("call", target=tap.address, **command)
    for direction, way in (("request", TO_SERVER), ("response", TO_CLIENT)):
        vectors.add("dubbothrift", f"dubbo-{what}-{direction}", DUBBO, direction, tap.passed(way))


def record(vectors: Vectors, logs: Path) -> None:
    for library in SERVED:
        start_server, start_client = STARTERS[library]
        with start_server(logs / f"{library}-server.log") as server, start_client(logs / f"{library}-client.log") as client:
            for (_, form), address in addresses(library, server).items():
                scenarios = {**SCENARIOS, **(EVERY if library in {"thriftpy2", "apache"} else {})}
                scenarios.update(WITH_HEADER if form.startswith("thrift-header") else {})
                with Tap(address) as tap:
                    for what, command in scenarios.items():
                        to = {"form": form, "service": service(library, form), "client": what, **command}
                        _record(vectors, f"{form.removeprefix('thrift-')}-{what}", library, tap, server, client, to)


def _record(vectors: Vectors, what: str, library: str, tap: Tap, server: Peer, client: Peer, command: dict[str, Any]) -> None:
    tap.clear()
    server.ok("reset")
    client.do("call", target=tap.address, **command)
    if command["method"] == "note":
        server.ok("wait", method="note", count=1)
    form, name, software = command["form"], f"{library}-{what}", SOFTWARE[library]
    vectors.add(form, f"{name}-request", software, "request", tap.passed(TO_SERVER))
    if command["method"] != "note":
        vectors.add(form, f"{name}-response", software, "response", tap.passed(TO_CLIENT))
