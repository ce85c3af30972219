"""Vectors of Tars: each client with each server, and requests as a third library writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness import tars
from harness.processes import ANTHUNDER_PYTHON, PYTHON, Peer
from harness.relay import TO_CLIENT, TO_SERVER
from harness.vectors import Software

if TYPE_CHECKING:
    from pathlib import Path

    from harness.vectors import Vectors

SOFTWARE = {"node": Software("node", "@tars/rpc 2.0.15"), "go": Software("go", "TarsGo 1.4.5")}
TARSIO = Software("tarsio", "tarsio 0.5.3")
SCENARIOS: dict[str, dict[str, Any]] = {
    "echo": {"name": "echo"},
    "context": {"name": "context", "text": "who", "context": {"who": "me", "empty": ""}},
    "fail": {"name": "fail"},
    "missing": {"name": "missing"},
    "big": {"name": "big", "text": "9000"},
    "note": {"name": "note", "text": "n", "oneway": True},
    "tars_ping": {"name": "tars_ping"},
}
IDS = (127, 128, -129, 32767, 32768, 2**31 - 2, -2147483647)
"""Those at which a jce integer gets wider, of the one client that lets them be chosen."""
PATIENCE_S = 8


def record(vectors: Vectors, logs: Path) -> None:
    for caller in tars.LANGUAGES:
        for callee in tars.LANGUAGES:
            _record(vectors, logs, caller, callee)
    with Peer("tarsio", [str(ANTHUNDER_PYTHON), str(PYTHON / "tarsio_writer.py")], logs / "tarsio.log") as writer:
        for name, frame in writer.ok("write")["frames"].items():
            vectors.add("tars", f"tarsio-{name}", TARSIO, "request", bytes.fromhex(frame))


def _record(vectors: Vectors, logs: Path, caller: str, callee: str) -> None:
    with tars.server(callee, logs) as server, tars.client(caller, logs) as client, tars.TarsRelay(server.address) as relay:
        talk = _Talk(vectors, f"{caller}-{callee}", (caller, callee), client, relay)
        for what, command in SCENARIOS.items():
            talk.call(what, command)
        if caller == callee == "node":
            talk.call("tup", {"name": "echo", "tup": True})
        if caller == "go":
            for number in IDS:
                talk.call(f"id{number}", {"name": "echo", "id": number})
        if callee == "go":
            relay.clear()
            server.ok("leave")
            leaving = relay.wait(lambda frame: frame.direction == TO_CLIENT, timeout=PATIENCE_S)[0].data
            vectors.add("tars", f"{caller}-go-reconnect", SOFTWARE["go"], "response", leaving)


class _Talk:
    def __init__(self, vectors: Vectors, prefix: str, languages: tuple[str, str], client: Peer, relay: tars.TarsRelay) -> None:
        self.vectors, self.prefix, self.client, self.relay = vectors, prefix, client, relay
        self.caller, self.callee = languages

    def call(self, what: str, command: dict[str, Any]) -> None:
        """Keeps the request, and its answer if it has one."""
        self.relay.clear()
        to = {"servant": tars.SERVANTS[self.callee], "target": self.relay.address, "timeout": 5000}
        self.client.ok("call", **{"text": "hé", **to, **command})
        asked = self._first(TO_SERVER, "request", "method", command["name"])
        oneway = bool(command.get("oneway"))
        kind = "oneway" if oneway else "request"
        self.vectors.add("tars", f"{self.prefix}-{what}-{kind}", SOFTWARE[self.caller], "request", asked)
        if not oneway:
            answered = self._first(TO_CLIENT, "response", "id", tars.facts(asked, "request")["id"])
            self.vectors.add("tars", f"{self.prefix}-{what}-response", SOFTWARE[self.callee], "response", answered)

    def _first(self, way: str, direction: str, fact: str, value: object) -> bytes:
        found = self.relay.wait(
            lambda frame: frame.direction == way and tars.facts(frame.data, direction)[fact] == value, timeout=PATIENCE_S
        )
        return found[0].data
