"""Vectors of Apache Dubbo's own consumer and provider (hessian2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from harness.frames import is_event
from harness.processes import java
from harness.relay import TO_CLIENT, Relay
from harness.vectors import Software
from harness.wire import ask, with_dubbo_version

from .dialogue import exchange, heartbeat

if TYPE_CHECKING:
    from pathlib import Path

    from harness.processes import Peer
    from harness.vectors import Vectors

JAVA = Software("java", "org.apache.dubbo:dubbo 3.2.16, hessian2 by com.alibaba:hessian-lite 3.2.13")
CRAFTED = Software("java", "org.apache.dubbo:dubbo 3.2.16 consumer, with another dubbo version put in afterwards")
GENERIC = "a generic call, the method is its first argument"
SERVICE = "com.test.EchoService"
NO_VERSION = "0.0.0"
HEARTBEAT_MS = "600"

CALLS: dict[str, dict[str, Any]] = {
    "echo": {"method": "echo", "text": "hello"},
    "echo-emoji": {"method": "echo", "text": "a😀é漢"},
    "echo-empty": {"method": "echo", "text": ""},
    "echo-null": {"method": "echo"},
    "echo-32-chars": {"method": "echo", "text": "x" * 32},
    "echo-1023-chars": {"method": "echo", "text": "y" * 1023},
    "echo-1024-chars": {"method": "echo", "text": "z" * 1024},
    "echo-chunked": {"method": "echo", "text": "a" * 32_767 + "😀" + "b" * 500},
    "echo-mixed": {"method": "echo", "size": 4000},
    "bytes-empty": {"method": "echoBytes", "size": 0},
    "bytes-15": {"method": "echoBytes", "size": 15},
    "bytes-16": {"method": "echoBytes", "size": 16},
    "bytes-1024": {"method": "echoBytes", "size": 1024},
    "bytes-chunked": {"method": "echoBytes", "size": 20_000},
    "fail-declared": {"method": "fail", "text": "declared"},
    "fail-runtime": {"method": "failRuntime", "text": "runtime"},
    "add": {"method": "add", "a": 40, "b": 2},
    "nothing": {"method": "nothing"},
    "scalars": {"method": "scalars"},
    "ints": {"method": "ints"},
    "strings": {"method": "strings"},
    "person": {"method": "person"},
    "person-cyclic": {"method": "person", "cyclic": True},
    "people": {"method": "people"},
    "list": {"method": "list"},
    "map": {"method": "map"},
    "attachments": {"method": "attachments", "attachments": {"tag": "gray", "trace-id": "4bf92f35"}},
    "attachment-long": {"method": "attachments", "attachments": {"long": "v" * 500}},
    **{f"any-{shape}": {"method": "any", "shape": shape} for shape in (
        "null", "date", "minute", "true", "person", "list", "longlist", "map", "orderedmap", "set", "cycle", "nested",
        "decimal",
    )},
    **{f"any-int-{value}": {"method": "any", "shape": "int", "value": value} for value in (
        0, -16, 47, 48, -17, 2047, -2048, 2048, 262_143, -262_144, 262_144, 2**31 - 1, -(2**31)
    )},
    **{f"any-long-{value}": {"method": "any", "shape": "long", "value": value} for value in (
        0, -8, 15, 16, 2047, -2048, 2048, 262_143, 262_144, 2**31 - 1, 2**31, -(2**63)
    )},
    **{f"any-double-{value}": {"method": "any", "shape": "double", "value": value} for value in (
        0.0, 1.0, -128.0, 127.5, 32767.0, 12.25, 3.14159, 1e300
    )},
}  # fmt: skip


def record(vectors: Vectors, logs: Path) -> None:
    beat = {"peer.heartbeat": HEARTBEAT_MS}
    with (
        java("DubboConsumer", logs / "dubbo-consumer.log", properties=beat) as consumer,
        java("DubboProvider", logs / "dubbo-provider.log", "0") as provider,
        Relay(provider.address) as relay,
    ):
        for name, command in CALLS.items():
            _call(vectors, relay, consumer, name, **command)
        _routing(vectors, relay, consumer)
        _generic(vectors, relay, consumer)
        _oneway_and_late(vectors, relay, consumer)
        _flags(vectors, relay, provider)
        _refused(vectors, relay, consumer, provider)
        ping, ack = heartbeat(relay, 0)
        vectors.add("dubbo", "java-heartbeat", JAVA, "request", ping)
        vectors.add("dubbo", "java-heartbeat-ack", JAVA, "response", ack)
        _readonly(vectors, relay, provider)
    with (
        java("DubboConsumer", logs / "dubbo-consumer-2.log") as consumer,
        java("DubboProvider", logs / "dubbo-provider-2.log", "0", properties={"peer.threads": "1"}) as provider,
        Relay(provider.address) as relay,
    ):
        _exhausted(vectors, relay, consumer)


def _call(vectors: Vectors, relay: Relay, consumer: Peer, name: str, **command: Any) -> None:
    request, response = exchange(relay, consumer, **command)
    version = command.get("version", NO_VERSION)
    vectors.add(
        "dubbo",
        f"java-{name}-request",
        JAVA,
        "request",
        request,
        meaning=GENERIC if command.get("generic") else "",
        service=command.get("interface", SERVICE),
        method=command["method"],
        headers={"version": version, "group": command.get("group")},
    )
    vectors.add("dubbo", f"java-{name}-response", JAVA, "response", response)


def _routing(vectors: Vectors, relay: Relay, consumer: Peer) -> None:
    _call(vectors, relay, consumer, "version", method="whoami", version="2.0.0")
    _call(vectors, relay, consumer, "group", method="whoami", version="1.0.0", group="blue")
    other = "com.test.OtherService"
    _call(vectors, relay, consumer, "other-interface", method="whoami", version="1.0.0", interface=other)
    _call(vectors, relay, consumer, "no-such-version", method="whoami", version="9.0.0")


def _generic(vectors: Vectors, relay: Relay, consumer: Peer) -> None:
    generic = {"generic": True, "version": "1.0.0", "text": "gen"}
    for method in ("echo", "add", "person", "whoami", "fail", "nosuch"):
        _call(vectors, relay, consumer, f"generic-{method}", method=method, a=1, b=2, **generic)


def _oneway_and_late(vectors: Vectors, relay: Relay, consumer: Peer) -> None:
    request, _ = exchange(relay, consumer, answered=False, method="tell", text="hello")
    keys = {"version": NO_VERSION, "group": None}
    vectors.add("dubbo", "java-oneway", JAVA, "request", request, service=SERVICE, method="tell", headers=keys)
    _call(vectors, relay, consumer, "timeout", method="sleep", ms=300, timeout=50)


def _flags(vectors: Vectors, relay: Relay, provider: Peer) -> None:
    """The response flags without attachments, which a provider sends to consumers of other versions."""
    for name in ("echo", "nothing", "fail-declared"):
        request = vectors.frames[f"java-{name}-request"]
        for version in ("2.0.1", "2.6.2"):
            old = with_dubbo_version(request, version)
            crafted = f"old-{version}-{name}"
            method = {"fail-declared": "fail"}.get(name, name)
            expected = {"service": SERVICE, "method": method, "headers": {"version": NO_VERSION, "group": None}}
            vectors.add("dubbo", f"java-{crafted}-request", CRAFTED, "request", old, **expected)
            vectors.add("dubbo", f"java-{crafted}-response", JAVA, "response", ask(provider.address, old))


def _refused(vectors: Vectors, relay: Relay, consumer: Peer, provider: Peer) -> None:
    """A body that cannot be decoded: the real provider's answer."""
    body = b"\x052.0.2\x14com.test.EchoService\x050.0.0\x04echo\x12Ljava/lang/String;\x45\x45\x45"
    bad = struct.pack(">HBBQi", 0xDABB, 0xC2, 0, 77, len(body)) + body
    vectors.add("dubbo", "java-undecodable-response", JAVA, "response", ask(provider.address, bad))


def _readonly(vectors: Vectors, relay: Relay, provider: Peer) -> None:
    relay.clear()
    provider.ok("drain")
    event = relay.wait(lambda frame: frame.direction == TO_CLIENT and frame.data[16:] == b"\x01R")[0]
    vectors.add("dubbo", "java-readonly", JAVA, "response", event.data, meaning="the provider is shutting down gracefully")


def _exhausted(vectors: Vectors, relay: Relay, consumer: Peer) -> None:
    """A provider with one thread and no queue answers status 100 while that thread is busy."""
    relay.clear()
    consumer.do("call", target=relay.address, method="sleep", ms=400, count=2, threads=2, client="busy")
    answers = relay.wait(lambda frame: frame.direction == TO_CLIENT and not is_event(frame.data), count=2)
    vectors.add("dubbo", "java-exhausted-response", JAVA, "response", next(f.data for f in answers if f.data[3] != 20))
