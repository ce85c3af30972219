"""SOFARPC's own client and server for Java, and calls between SOFARPC for Java and for Node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from harness.mesh import SOFA_INTERFACE, SOFA_SERVICE, Mesh
from harness.processes import node
from harness.proxy import Proxy, config

if TYPE_CHECKING:
    from pathlib import Path

FIVE_MB = 5 * 1024 * 1024
VARIANTS: dict[str, dict[str, Any]] = {"v1": {"version": 1}, "v2": {"version": 2}, "v2crc": {"version": 2, "crc": True}}


def call(mesh: Mesh, via: str, method: str, **args: Any) -> dict[str, Any]:
    return mesh.peer("sofa_client").do("call", target=mesh.address(via, "sofa_server"), method=method, **args)


def test_calls(mesh: Mesh, via: str) -> None:
    for text in ("hello", "", "é😀漢", "x" * 40_000):
        assert call(mesh, via, "echo", text=text).get("same")
    large = call(mesh, via, "echoBytes", size=FIVE_MB, timeout=20_000)
    assert (large.get("same"), large.get("length")) == (True, FIVE_MB), large


def test_exceptions_and_timeouts(mesh: Mesh, via: str) -> None:
    failed = call(mesh, via, "fail", text="boo 😀")
    assert (failed["error"], failed["message"]) == ("EchoException", "boo 😀")
    late = call(mesh, via, "sleep", ms=400, timeout=100)
    assert late["error"] == "SofaTimeOutException", late
    assert call(mesh, via, "sleep", ms=500, timeout=3000).get("value") == "slept 500"


def test_oneways(mesh: Mesh, via: str) -> None:
    server = mesh.peer("sofa_server")
    server.ok("reset")
    for _ in range(20):
        assert call(mesh, via, "tell", text="x")["ok"]
    assert server.ok("wait", method="tell", count=20)["count"] == 20
    assert call(mesh, via, "echo", text="after").get("same")


def test_many_calls_over_one_connection(mesh: Mesh, via: str) -> None:
    server = mesh.peer("sofa_server")
    server.ok("reset")
    result = call(mesh, via, "echo", text="call", count=2000, threads=24, timeout=20_000)
    assert result["ok"], result
    stats = server.ok("stats")
    assert (stats["methods"], stats["connections"]) == ({"echo": 2000}, 1)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_node_calls_java(mesh: Mesh, via: str, variant: str) -> None:
    target = mesh.address(via, "sofa_server")
    say: dict[str, Any] = {"target": target, "interface": SOFA_INTERFACE, "client": "cross", **VARIANTS[variant]}
    client = mesh.peer("node_client")
    assert client.do("call", text="from node 😀", **say).get("same")
    assert client.do("call", method="echoBytes", size=100_000, **say).get("same")
    failed = client.do("call", method="fail", text="boo", **say)
    assert (failed["ok"], failed["message"]) == (False, "boo")


def test_java_calls_node(mesh: Mesh, tmp_path: Path) -> None:
    with node("server.js", tmp_path / "node.log", "0", SOFA_INTERFACE) as server:
        setup = config({"one": server.address}, [({"service": SOFA_SERVICE}, "one")])
        with Proxy(setup, tmp_path) as proxy:
            for target in (server.address, proxy.address):
                result = mesh.peer("sofa_client").do("call", target=target, method="echo", text="from java 😀")
                assert result.get("same"), result


def test_a_call_without_a_route_is_refused_at_once(mesh: Mesh, tmp_path: Path) -> None:
    setup = config({"one": mesh.peer("sofa_server").address}, [({"service": "com.test.Other:1.0"}, "one")])
    with Proxy(setup, tmp_path) as proxy:
        result = mesh.peer("sofa_client").do("call", target=proxy.address, method="echo", text="x", timeout=20_000)
    assert not result["ok"]
    assert "Timeout" not in result["error"], result
