"""Node's sofa-rpc-node and Python's anthunder, client and server, straight and through the proxy."""

from __future__ import annotations

from typing import Any

import pytest
from harness.mesh import NODE_INTERFACE, PYTHON_SERVICE, Mesh

VARIANTS = {"v1": {"version": 1}, "v2": {"version": 2}, "v2crc": {"version": 2, "crc": True}}
FIVE_MB = 5 * 1024 * 1024


@pytest.fixture(params=list(VARIANTS))
def variant(request: pytest.FixtureRequest) -> dict[str, Any]:
    return VARIANTS[request.param]


def node(mesh: Mesh, via: str, *, cmd: str = "call", **args: Any) -> dict[str, Any]:
    target = mesh.address(via, "node_server")
    return mesh.peer("node_client").do(cmd, target=target, interface=NODE_INTERFACE, **args)


def python(mesh: Mesh, via: str, **args: Any) -> dict[str, Any]:
    target = mesh.address(via, "anthunder_server")
    return mesh.peer("anthunder_client").do("call", target=target, service=PYTHON_SERVICE, **args)


def test_node_calls(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    for text in ("hello", "é😀漢", "x" * 10_000):
        assert node(mesh, via, text=text, **variant).get("same")
    failed = node(mesh, via, method="fail", text="boo", **variant)
    assert not failed["ok"]
    assert "boo" in failed["message"]
    late = node(mesh, via, method="sleep", ms=300, timeout=80, **variant)
    assert not late["ok"]
    assert node(mesh, via, text="after", **variant).get("same")


def test_node_large_payload(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    result = node(mesh, via, method="echoBytes", size=FIVE_MB, timeout=20_000, **variant)
    assert (result.get("same"), result.get("length")) == (True, FIVE_MB), result


def test_node_oneways_are_sent_and_their_answers_dropped(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    server = mesh.peer("node_server")
    server.ok("reset")
    for _ in range(10):
        assert node(mesh, via, mode="oneway", method="tell", text="x", **variant)["ok"]
    # This server answers oneways too; none of those answers may reach another call.
    burst = node(mesh, via, text="call", count=100, threads=10, client="after", **variant)
    assert burst["ok"], burst
    assert server.ok("wait", method="tell", count=10)["count"] == 10


def test_node_heartbeats(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    for _ in range(3):
        assert node(mesh, via, cmd="heartbeat", **variant)["ok"]
    assert node(mesh, via, text="after", **variant).get("same")


def test_node_clients_share_one_upstream_connection(mesh: Mesh, via: str, variant: dict[str, Any]) -> None:
    assert node(mesh, via, text="warm", client="many#0", **variant)["ok"]
    server = mesh.peer("node_server")
    server.ok("reset")
    result = node(mesh, via, text="call", count=1500, threads=24, clients=6, client="many", timeout=20_000, **variant)
    assert result["ok"], result
    stats = server.ok("stats")
    assert stats["methods"] == {"echo": 1500}
    assert stats["connections"] == (0 if via == "proxy" else 5)  # those made since the reset


def test_anthunder_calls(mesh: Mesh, via: str) -> None:
    for mode in ("sync", "async"):
        for args in ({"text": "hello"}, {"text": "é😀"}, {"size": 10_000}):
            assert python(mesh, via, mode=mode, **args).get("same")
    for args in ({"method": "fail", "text": "boo"}, {"method": "nosuch", "text": "x"}):
        assert not python(mesh, via, **args)["ok"]
    assert not python(mesh, via, method="sleep", text="300", timeout=80)["ok"]
    assert python(mesh, via, text="after").get("same")


def test_anthunder_large_payload(mesh: Mesh, via: str) -> None:
    result = python(mesh, via, size=FIVE_MB, timeout=20_000)
    assert (result.get("same"), result.get("length")) == (True, FIVE_MB), result


@pytest.mark.parametrize("mode", ["oneway", "request-oneway"])
def test_anthunder_oneways(mesh: Mesh, via: str, mode: str) -> None:
    server = mesh.peer("anthunder_server")
    server.ok("reset")
    for _ in range(10):
        assert python(mesh, via, mode=mode, method="tell", text="x")["ok"]
    assert server.ok("wait", method="tell", count=10)["count"] == 10
    assert python(mesh, via, text="after").get("same")


def test_anthunder_clients_share_one_upstream_connection(mesh: Mesh, via: str) -> None:
    assert python(mesh, via, text="warm", client="many#0")["ok"]
    server = mesh.peer("anthunder_server")
    server.ok("reset")
    result = python(mesh, via, text="call", count=1500, threads=24, clients=6, client="many", timeout=20_000)
    assert result["ok"], result
    stats = server.ok("stats")
    assert stats["methods"] == {"echo": 1500}
    assert stats["connections"] == (0 if via == "proxy" else 5)


def test_calls_without_a_route_fail_at_once(mesh: Mesh) -> None:
    address = mesh.proxy.address
    refused = mesh.peer("node_client").do("call", target=address, interface="com.test.Nobody", text="x", timeout=20_000)
    assert (refused["ok"], refused["error"]) == (False, "Error"), refused
    # anthunder gives up on any failed call with a KeyError; a TimeoutError would mean that no answer came.
    refused = mesh.peer("anthunder_client").do("call", target=address, service="com.test.Nobody:1.0", text="x", timeout=20_000)
    assert (refused["ok"], refused["error"]) == (False, "KeyError"), refused
