"""Apache Dubbo's own consumer and provider, straight and through the proxy."""

from __future__ import annotations

from typing import Any

import pytest
from harness.mesh import ECHO, OTHER, Mesh
from harness.relay import TO_CLIENT, TO_SERVER, Relay

FIVE_MB = 5 * 1024 * 1024
SHAPES = (
    "null",
    "date",
    "minute",
    "true",
    "person",
    "list",
    "longlist",
    "map",
    "orderedmap",
    "set",
    "cycle",
    "nested",
    "decimal",
)
SCALARS = "true,-1,300,70000,1099511627776,1.5,3.14159,é,894621091000,😀"


def call(mesh: Mesh, via: str, method: str, *, server: str = "dubbo_provider", **args: Any) -> dict[str, Any]:
    target = mesh.address(via, server)
    return mesh.peer("dubbo_consumer").do("call", target=target, method=method, **args)


@pytest.mark.parametrize("text", ["hello", "", "a😀é漢", "x" * 1024, "a" * 32_767 + "😀" + "b" * 40_000])
def test_strings(mesh: Mesh, via: str, text: str) -> None:
    result = call(mesh, via, "echo", text=text)
    assert result.get("same"), result


@pytest.mark.parametrize("size", [0, 15, 16, 1024, 70_000, FIVE_MB])
def test_byte_arrays(mesh: Mesh, via: str, size: int) -> None:
    result = call(mesh, via, "echoBytes", size=size, timeout=20_000)
    assert (result.get("same"), result.get("length")) == (True, size), result


@pytest.mark.parametrize("method", ["scalars", "ints", "strings", "person", "people", "list", "map", "nothing"])
def test_arguments_of_every_kind(mesh: Mesh, via: str, method: str) -> None:
    for cyclic in (False, True):
        result = call(mesh, via, method, cyclic=cyclic)
        assert result.get("same"), result
    if method == "scalars":
        assert result["value"] == SCALARS


def test_values_of_every_shape(mesh: Mesh, via: str) -> None:
    for shape in SHAPES:
        result = call(mesh, via, "any", shape=shape, depth=60)
        assert result.get("same"), (shape, result)
    for value in (0, -17, 2048, 262_144, -(2**31), 2**40, -(2**63)):
        kind = "int" if -(2**31) <= value < 2**31 else "long"
        assert call(mesh, via, "any", shape=kind, value=value).get("value") == value


def test_version_and_group_choose_the_service(mesh: Mesh, via: str) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        (ECHO, {}),
        (f"{ECHO}:1.0.0", {"version": "1.0.0"}),
        (f"blue/{ECHO}:1.0.0", {"version": "1.0.0", "group": "blue"}),
        (f"{ECHO}:2.0.0", {"version": "2.0.0"}),
    ]
    for expected, chosen in cases:
        assert call(mesh, via, "whoami", **chosen).get("value") == expected


def test_the_proxy_routes_by_version(mesh: Mesh) -> None:
    first, second = mesh.peer("dubbo_provider"), mesh.peer("dubbo_second")
    for provider in (first, second):
        provider.ok("reset")
    for version in ("1.0.0", "2.0.0", "2.0.0"):
        assert call(mesh, "proxy", "whoami", version=version)["ok"]
    assert first.ok("stats")["services"] == {f"{ECHO}:1.0.0": 1}
    assert second.ok("stats")["services"] == {f"{ECHO}:2.0.0": 2}


def test_generic_calls(mesh: Mesh, via: str) -> None:
    generic: dict[str, Any] = {"generic": True, "version": "1.0.0"}
    assert call(mesh, via, "echo", text="gen", **generic)["value"] == "gen"
    assert call(mesh, via, "add", a=40, b=2, **generic)["value"] == 42
    assert call(mesh, via, "person", text="Zoë", **generic)["value"]["name"] == "Zoë"
    assert call(mesh, via, "fail", text="boo", **generic)["error"] == "GenericException"


def test_exceptions_reach_the_caller(mesh: Mesh, via: str) -> None:
    declared = call(mesh, via, "fail", text="declared 😀")
    assert (declared["error"], declared["message"]) == ("EchoException", "declared 😀")
    runtime = call(mesh, via, "failRuntime", text="runtime")
    assert (runtime["error"], runtime["message"]) == ("IllegalStateException", "runtime")


def test_attachments_arrive(mesh: Mesh, via: str) -> None:
    attachments = {"tag": "gray", "long": "v" * 500, "ключ": "значение"}
    seen = call(mesh, via, "attachments", attachments=attachments)["value"]
    assert {key: seen.get(key) for key in attachments} == attachments


def test_oneways_arrive(mesh: Mesh, via: str) -> None:
    provider = mesh.peer("dubbo_provider")
    provider.ok("reset")
    for _ in range(20):
        assert call(mesh, via, "tell", text="x")["ok"]
    assert provider.ok("wait", method="tell", count=20)["count"] == 20
    assert call(mesh, via, "echo", text="after")["same"]


def test_a_timeout_leaves_the_connection_usable(mesh: Mesh, via: str) -> None:
    late = call(mesh, via, "sleep", ms=400, timeout=100)
    assert (late["error"], late["code"]) == ("RpcException", 2)
    assert call(mesh, via, "sleep", ms=500, timeout=3000).get("value") == "slept 500"


def test_many_clients_share_one_upstream_connection(mesh: Mesh, via: str) -> None:
    provider = mesh.peer("dubbo_provider")
    provider.ok("reset")
    result = call(mesh, via, "echo", text="call", count=3000, threads=24, clients=6, client="many", timeout=20_000)
    assert result["ok"], result
    stats = provider.ok("stats")
    assert stats["calls"] == 3000
    assert stats["connections"] == (1 if via == "proxy" else 6)


def test_heartbeats_are_acknowledged(mesh: Mesh, via: str) -> None:
    consumer = mesh.peer("dubbo_beating_consumer")
    with Relay(mesh.address(via, "dubbo_provider")) as relay:
        say: dict[str, Any] = {"target": relay.address, "method": "echo", "client": relay.address}
        assert consumer.ok("call", text="before", **say)["same"]
        relay.wait(lambda f: f.direction == TO_CLIENT and f.data[2] == 0x22, count=4)
        assert consumer.ok("call", text="after", **say)["same"]
        assert relay.connections == 1
        sent = [f.data[4:12] for f in relay.frames(TO_SERVER) if f.data[2] == 0xE2]
        acknowledged = [f.data for f in relay.frames(TO_CLIENT) if f.data[2] & 0x20]
        consumer.ok("close", client=relay.address)
    assert acknowledged == [b"\xda\xbb\x22\x14" + number + b"\0\0\0\1N" for number in sent[: len(acknowledged)]]


def test_a_call_without_a_route_is_refused(mesh: Mesh) -> None:
    result = call(mesh, "proxy", "whoami", interface=OTHER, version="1.0.0")
    assert (result["error"], result["code"]) == ("RpcException", 1)
    assert "xproto: no route" in result["message"]
    assert call(mesh, "proxy", "echo", text="after")["same"]
