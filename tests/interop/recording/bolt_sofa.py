"""Vectors of SOFARPC's own client and server for Java: its header map, its request and response classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.processes import java
from harness.relay import Relay
from harness.vectors import Software

from .dialogue import exchange

if TYPE_CHECKING:
    from pathlib import Path

    from harness.vectors import Vectors

SOFARPC = Software("sofarpc", "com.alipay.sofa:sofa-rpc-all 5.12.0, com.alipay.sofa:bolt 1.6.11")
SERVICE = "com.test.SofaService:1.0"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "echo": ("ok", {"method": "echo", "text": "é😀"}),
    "bytes": ("ok", {"method": "echoBytes", "size": 3000}),
    "fail": ("exception", {"method": "fail", "text": "boo"}),
    "timeout": ("ok, but after the caller's timeout of 50 ms", {"method": "sleep", "ms": 300, "timeout": 50}),
}


def record(vectors: Vectors, logs: Path) -> None:
    with (
        java("SofaServer", logs / "sofa-server.log", "0") as server,
        java("SofaClient", logs / "sofa-client.log") as client,
        Relay(server.address) as relay,
    ):
        for name, (meaning, command) in CALLS.items():
            request, response = exchange(relay, client, **command)
            keys = {"service": SERVICE, "method": command["method"]}
            vectors.add("bolt", f"sofarpc-{name}-request", SOFARPC, "request", request, **keys)
            vectors.add("bolt", f"sofarpc-{name}-response", SOFARPC, "response", response, meaning=meaning)
        request, _ = exchange(relay, client, answered=False, method="tell", text="hello")
        vectors.add("bolt", "sofarpc-oneway", SOFARPC, "request", request, service=SERVICE, method="tell")
