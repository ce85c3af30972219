"""Vectors of Node's sofa-rpc-node, client and server: SOFARPC's own request and response classes in Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.processes import node
from harness.relay import Relay
from harness.vectors import Software

from .bolt_java import VARIANTS
from .dialogue import exchange, heartbeat

if TYPE_CHECKING:
    from pathlib import Path

    from harness.vectors import Vectors

NODE = Software("node", "sofa-rpc-node 2.10.0, sofa-bolt-node 2.0.1")
SERVICE = "com.test.EchoService:1.0"


def record(vectors: Vectors, logs: Path) -> None:
    with (
        node("server.js", logs / "node-server.log", "0") as server,
        node("client.js", logs / "node-client.log") as client,
        Relay(server.address) as relay,
    ):
        expected = {"service": SERVICE, "method": None}
        for connection, (name, variant) in enumerate(VARIANTS.items()):
            for method, meaning in (("echo", "ok"), ("fail", "exception"), ("nosuch", "no such method")):
                request, response = exchange(relay, client, method=method, text="é😀", **variant)
                vectors.add("bolt", f"node-{name}-{method}-request", NODE, "request", request, **expected)
                vectors.add("bolt", f"node-{name}-{method}-response", NODE, "response", response, meaning=meaning)
            # This server answers even a oneway; a proxy has to drop that answer.
            request, response = exchange(relay, client, mode="oneway", method="tell", text="hello", **variant)
            vectors.add("bolt", f"node-{name}-oneway", NODE, "request", request, **expected)
            vectors.add("bolt", f"node-{name}-oneway-response", NODE, "response", response, meaning="the answer to a oneway")
            client.ok("heartbeat", target=relay.address, **variant)
            ping, ack = heartbeat(relay, connection, clear=False)
            vectors.add("bolt", f"node-{name}-heartbeat", NODE, "request", ping)
            vectors.add("bolt", f"node-{name}-heartbeat-ack", NODE, "response", ack)
        request, response = exchange(relay, client, method="echoBytes", size=20_000)
        vectors.add("bolt", "node-bytes-request", NODE, "request", request, **expected)
        vectors.add("bolt", "node-bytes-response", NODE, "response", response, meaning="ok")
