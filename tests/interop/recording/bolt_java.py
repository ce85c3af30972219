"""Vectors of SOFABolt's own client and server, with SOFARPC's own header map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.processes import java
from harness.relay import Relay
from harness.vectors import Software

from .dialogue import exchange, heartbeat

if TYPE_CHECKING:
    from pathlib import Path

    from harness.vectors import Vectors

JAVA = Software("java", "com.alipay.sofa:bolt 1.6.11, header map by com.alipay.sofa:sofa-rpc-all 5.12.0")
SERVICE = "com.test.EchoService:1.0"
HEARTBEAT_MS = "300"
LATE = "ok, but after the caller's timeout of 50 ms"
NOBODY = "no processor for the request's class"
VARIANTS: dict[str, dict[str, Any]] = {
    "v1": {"version": 1, "crc": False},
    "v2": {"version": 2, "crc": False},
    "v2crc": {"version": 2, "crc": True},
}


def headers(method: str, **more: str) -> dict[str, str]:
    """The header map of a SOFARPC call, in the order in which SOFARPC writes it."""
    routing = {"sofa_head_method_name": method, "sofa_head_target_service": SERVICE, "service": SERVICE}
    return {**routing, "sofa_head_target_app": "echo-app", "rpc_trace_context.sofaRpcId": "0", **more}


def record(vectors: Vectors, logs: Path) -> None:
    beat = {"bolt.tcp.heartbeat.interval": HEARTBEAT_MS}
    with (
        java("BoltServer", logs / "bolt-server.log", "0") as server,
        java("BoltClient", logs / "bolt-client.log", properties=beat) as client,
        Relay(server.address) as relay,
    ):
        for connection, (name, variant) in enumerate(VARIANTS.items()):
            _variant(vectors, relay, client, name, connection, variant)
        _plain(vectors, relay, client)
        _edges(vectors, relay, client)


def _variant(vectors: Vectors, relay: Relay, client: Any, name: str, connection: int, variant: dict[str, Any]) -> None:
    for method, meaning in (("echo", "ok"), ("fail", "exception"), ("unserializable", "unserializable")):
        given = headers(method)
        request, response = exchange(relay, client, headers=given, text="hello", **variant)
        vectors.add("bolt", f"java-{name}-{method}-request", JAVA, "request", request, service=SERVICE, method=method)
        vectors.add("bolt", f"java-{name}-{method}-response", JAVA, "response", response, meaning=meaning)
    given = headers("echo")
    request, _ = exchange(relay, client, answered=False, mode="oneway", headers=given, text="hello", **variant)
    vectors.add("bolt", f"java-{name}-oneway", JAVA, "request", request, service=SERVICE, method="echo")
    given = headers("sleep", ms="200")
    request, response = exchange(relay, client, headers=given, text="late", timeout=50, **variant)
    vectors.add("bolt", f"java-{name}-timeout-request", JAVA, "request", request, service=SERVICE, method="sleep")
    vectors.add("bolt", f"java-{name}-timeout-response", JAVA, "response", response, meaning=LATE)
    ping, ack = heartbeat(relay, connection)
    vectors.add("bolt", f"java-{name}-heartbeat", JAVA, "request", ping)
    vectors.add("bolt", f"java-{name}-heartbeat-ack", JAVA, "response", ack)


def _plain(vectors: Vectors, relay: Relay, client: Any) -> None:
    """Requests without a header map, in Bolt's own Hessian."""
    for kind, text in (("string", "hello"), ("bytes", "hello"), ("string", "é😀"), ("string", "throw")):
        name = {"hello": kind, "é😀": "emoji", "throw": "string-throw"}[text]
        request, response = exchange(relay, client, type=kind, text=text)
        vectors.add("bolt", f"java-plain-{name}-request", JAVA, "request", request, service=None, method=None)
        vectors.add("bolt", f"java-plain-{name}-response", JAVA, "response", response)
    request, response = exchange(relay, client, type="unknown", text="")
    vectors.add("bolt", "java-no-processor-request", JAVA, "request", request, service=None, method=None)
    vectors.add("bolt", "java-no-processor-response", JAVA, "response", response, meaning=NOBODY)


def _edges(vectors: Vectors, relay: Relay, client: Any) -> None:
    """Header maps and contents of unusual shape."""
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "empty-content": (headers("headers"), {"size": 0}),
        "binary-content": (headers("headers"), {"size": 4096}),
        "many-headers": (headers("headers", **{f"k{i}": f"v{i}" for i in range(100)}), {"text": "x"}),
        "unicode-header": (headers("headers", ключ="значение", emoji="😀"), {"text": "x"}),
        "empty-values": (headers("headers", empty=""), {"text": "x"}),
        "null-value": ({**headers("headers"), "nothing": None}, {"text": "x"}),
        "long-header": (headers("headers", long="x" * 20_000), {"text": "x"}),
    }
    for name, (given, content) in cases.items():
        request, response = exchange(relay, client, headers=given, **content)
        vectors.add("bolt", f"java-{name}-request", JAVA, "request", request, service=SERVICE, method="headers")
        vectors.add("bolt", f"java-{name}-response", JAVA, "response", response)
