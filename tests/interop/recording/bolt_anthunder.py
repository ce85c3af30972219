"""Vectors of Python's anthunder, client and server: codec 11 and every header that SOFARPC uses for Protobuf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.processes import anthunder
from harness.relay import Relay
from harness.vectors import Software

from .dialogue import exchange

if TYPE_CHECKING:
    from pathlib import Path

    from harness.vectors import Vectors

ANTHUNDER = Software("anthunder", "anthunder 0.8.1")
SERVICE = "com.test.EchoService:1.0"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "echo": ("ok", {"method": "echo", "text": "hello"}),
    "extra-headers": ("ok", {"method": "echo", "text": "hello", "headers": {"tag": "gray", "ключ": "значение"}}),
    "binary": ("ok", {"method": "echo", "size": 2048}),
    "fail": ("exception", {"method": "fail", "text": "boo"}),
    "no-method": ("no such method", {"method": "nosuch", "text": "x"}),
    "no-service": ("no such service", {"method": "echo", "text": "x", "service": "com.test.None:1.0"}),
    "empty-method": ("method missing", {"method": "", "text": "x"}),
    "timeout": ("the server gave up after the request's timeout", {"method": "sleep", "text": "300", "timeout": 100}),
    "request-oneway": ("its invoke_oneway makes a request", {"method": "tell", "text": "x", "mode": "request-oneway"}),
}


def record(vectors: Vectors, logs: Path) -> None:
    with (
        anthunder("server.py", logs / "anthunder-server.log", "0") as server,
        anthunder("client.py", logs / "anthunder-client.log") as client,
        Relay(server.address) as relay,
    ):
        for name, (meaning, command) in CALLS.items():
            request, response = exchange(relay, client, **command)
            keys = {"service": command.get("service", SERVICE), "method": command["method"]}
            vectors.add("bolt", f"anthunder-{name}-request", ANTHUNDER, "request", request, **keys)
            vectors.add("bolt", f"anthunder-{name}-response", ANTHUNDER, "response", response, meaning=meaning)
        request, _ = exchange(relay, client, answered=False, method="tell", text="hello", mode="oneway")
        vectors.add("bolt", "anthunder-oneway", ANTHUNDER, "request", request, service=SERVICE, method="tell")
