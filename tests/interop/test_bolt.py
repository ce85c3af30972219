"""SOFABolt's own client and server, straight and through the proxy."""

from __future__ import annotations

from typing import Any

import pytest
from harness.mesh import BOLT_SERVICE, Mesh
from harness.relay import TO_CLIENT, Relay
from harness.rpc_facts import bolt_facts

VARIANTS = {"v1": {"version": 1}, "v2": {"version": 2}, "v2crc": {"version": 2, "crc": True}}
FIVE_MB = 5 * 1024 * 1024


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest) -> dict[str, Any]:
    return VARIANTS[request.param]


def headers(method: str, **more: str) -> dict[str, str]:
    return {"service": BOLT_SERVICE, "sofa_head_method_name": method, **more}


def call(mesh: Mesh, via: str, method: str = "echo", *, extra: dict[str, str] | None = None, **args: Any) -> Any:
    target = mesh.address(via, "bolt_server")
    return mesh.peer("bolt_client").do("call", target=target, headers=headers(method, **(extra or {})), **args)


@pytest.mark.parametrize("mode", ["sync", "future", "callback"])
def test_calls_are_answered(mesh: Mesh, via: str, variant: dict[str, Any], mode: str) -> None:
    for text in ("hello", "", "é😀漢字", "x" * 10_000):
        result = call(mesh, via, mode=mode, text=text, **variant)
        assert result["ok"], result
        assert result["same"]
        assert result["headers"] == {"echoed": "echo"}


def test_headers_arrive_unchanged(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    extra = {"empty": "", "ключ": "значение", "emoji": "😀", **{f"k{i}": "v" * i for i in range(60)}}
    result = call(mesh, via, "headers", extra=extra, text="x", **variant)
    assert result["headers"] == headers("headers", **extra)


def test_oneways_arrive(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    server = mesh.peer("bolt_server")
    server.ok("reset")
    for _ in range(20):
        assert call(mesh, via, "told", mode="oneway", text="x", **variant)["ok"]
    assert server.ok("wait", method="told", count=20)["count"] == 20
    assert call(mesh, via, text="after", **variant)["same"]


@pytest.mark.parametrize(("method", "error"), [("fail", "InvokeServerException"), ("unserializable", "SerializationException")])
def test_exceptions_reach_the_caller(mesh: Mesh, via: str, variant: dict[str, Any], method: str, error: str) -> None:
    result = call(mesh, via, method, text="boo", **variant)
    assert (result["ok"], result["error"], result["cause"]) == (False, error, "RpcServerException")
    assert call(mesh, via, text="after", **variant)["same"]


def test_a_timeout_leaves_the_connection_usable(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    late = call(mesh, via, "sleep", extra={"ms": "400"}, text="late", timeout=100, **variant)
    assert (late["ok"], late["error"]) == (False, "InvokeTimeoutException")
    slow = call(mesh, via, "sleep", extra={"ms": "500"}, text="slow", timeout=3000, **variant)
    assert (slow["ok"], slow["text"]) == (True, "slow")


def test_five_megabytes(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    result = call(mesh, via, size=FIVE_MB, timeout=20_000, **variant)
    assert (result.get("same"), result.get("length")) == (True, FIVE_MB), result


def test_many_clients_share_one_upstream_connection(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    server = mesh.peer("bolt_server")
    server.ok("reset")
    result = call(mesh, via, text="call", count=3000, threads=24, clients=6, client="many", timeout=20_000, **variant)
    assert result["ok"], result
    stats = server.ok("stats")
    assert stats["methods"] == {"echo": 3000}
    assert stats["connections"] == (1 if via == "proxy" else 6)


def test_many_megabytes_at_once(mesh: Mesh, via: str) -> None:
    result = call(mesh, via, size=1 << 20, count=40, threads=8, clients=4, client="large", timeout=30_000)
    assert result["ok"], result


def test_heartbeats_are_acknowledged(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    client = mesh.peer("bolt_beating_client")
    with Relay(mesh.address(via, "bolt_server")) as relay:
        say = {"target": relay.address, "headers": headers("echo"), "client": relay.address, **variant}
        assert client.ok("call", text="before", **say)["same"]
        # Three heartbeats without an answer would have closed the connection.
        relay.wait(lambda f: f.direction == TO_CLIENT and bolt_facts(f.data)["kind"] == "heartbeat_ack", count=5)
        assert client.ok("call", text="after", **say)["same"]
        assert relay.connections == 1
        frames = [bolt_facts(frame.data) for frame in relay.frames()]
        client.ok("close", client=relay.address)
    sent = [frame["id"] for frame in frames if frame["kind"] == "heartbeat"]
    acknowledged = [frame["id"] for frame in frames if frame["kind"] == "heartbeat_ack"]
    assert sent[: len(acknowledged)] == acknowledged
    assert all(frame["status"] == 0 for frame in frames if frame["kind"] == "heartbeat_ack")


def test_a_call_without_a_route_is_refused(mesh: Mesh, variant: dict[str, Any]) -> None:
    client = mesh.peer("bolt_client")
    for given in ({}, {"service": "com.test.Nobody:1.0"}, {"service": BOLT_SERVICE.upper()}):
        result = client.do("call", target=mesh.proxy.address, headers=given, text="x", **variant)
        assert (result["ok"], result["error"]) == (False, "InvokeException"), result
    for kind in ("string", "bytes"):
        result = client.do("call", target=mesh.proxy.address, type=kind, text="x", **variant)
        assert (result["ok"], result["error"]) == (False, "InvokeException"), result
    assert call(mesh, "proxy", text="after", **variant)["same"]
