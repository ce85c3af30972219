"""Real servers that drain, die in the middle of a call, or are kept alive by the proxy's own heartbeats."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from harness.frames import is_event
from harness.mesh import BOLT_SERVICE, ECHO, NODE_SERVICE, PYTHON_SERVICE, Mesh
from harness.processes import java
from harness.proxy import Proxy, config
from harness.relay import TO_CLIENT, TO_SERVER, Relay

if TYPE_CHECKING:
    from pathlib import Path

KEEPALIVE = ", keepalive: {interval: 200ms, timeout: 200ms, misses: 20}"
SLOW = {"service": BOLT_SERVICE, "sofa_head_method_name": "sleep", "ms": "20000"}


@pytest.mark.parametrize("version", [1, 2])
def test_a_bolt_server_dies_in_the_middle_of_a_call(mesh: Mesh, tmp_path: Path, version: int) -> None:
    client = mesh.peer("bolt_client")
    with java("BoltServer", tmp_path / "server.log", "0") as server:
        setup = config({"one": server.address}, [({"service": BOLT_SERVICE}, "one")])
        with Proxy(setup, tmp_path) as proxy, ThreadPoolExecutor(1) as pool:
            say: dict[str, Any] = {"target": proxy.address, "headers": SLOW, "text": "x", "version": version, "timeout": 15_000}
            pending = pool.submit(client.do, "call", **say)
            server.ok("wait", method="sleep", count=1)
            server.process.kill()
            result = pending.result()
            assert (result["ok"], result["error"]) == (False, "ConnectionClosedException"), result
            again = client.do("call", **{**say, "timeout": 3000})
            assert not again["ok"]
            assert again["error"] != "InvokeTimeoutException", again


def test_a_dubbo_provider_dies_in_the_middle_of_a_call(mesh: Mesh, tmp_path: Path) -> None:
    consumer = mesh.peer("dubbo_consumer")
    with java("DubboProvider", tmp_path / "provider.log", "0") as provider:
        setup = config({"one": provider.address}, [({"service": ECHO}, "one")])
        with Proxy(setup, tmp_path) as proxy, ThreadPoolExecutor(1) as pool:
            say: dict[str, Any] = {"target": proxy.address, "method": "sleep", "ms": 20_000, "timeout": 15_000}
            pending = pool.submit(consumer.do, "call", **say)
            provider.ok("wait", method="any", count=1)
            provider.process.kill()
            result = pending.result()
    assert (result["error"], result["code"]) == ("RpcException", 1), result
    assert "connection closed" in result["message"]


def test_a_draining_dubbo_provider_gets_no_new_calls(mesh: Mesh, tmp_path: Path) -> None:
    consumer = mesh.peer("dubbo_consumer")
    with (
        java("DubboProvider", tmp_path / "leaving.log", "0") as leaving,
        java("DubboProvider", tmp_path / "staying.log", "0") as staying,
    ):
        setup = config({"both": f'{leaving.address}", "{staying.address}'}, [({"service": ECHO}, "both")])
        with Proxy(setup, tmp_path) as proxy, ThreadPoolExecutor(1) as pool:
            say: dict[str, Any] = {"target": proxy.address, "client": "drain", "timeout": 10_000}
            slow: dict[str, Any] = {"method": "sleep", "ms": 600, "count": 2, "threads": 2}
            pending = pool.submit(consumer.do, "call", **{**say, **slow})
            leaving.ok("wait", method="any", count=1)
            staying.ok("wait", method="any", count=1)
            leaving.ok("drain")
            assert pending.result()["ok"], "a call in flight on the draining provider was lost"
            after = consumer.do("call", method="echo", text="x", count=30, threads=3, **say)
            assert after["ok"], after
            assert staying.ok("stats")["calls"] == 31
            assert leaving.ok("stats")["calls"] == 1


SERVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bolt_server": ("bolt_client", {"headers": {**SLOW, "sofa_head_method_name": "echo"}}),
    "node_server": ("node_client", {"interface": NODE_SERVICE.split(":")[0]}),
    "anthunder_server": ("anthunder_client", {"service": PYTHON_SERVICE}),
    "dubbo_provider": ("dubbo_consumer", {"method": "echo"}),
}
ROUTED = {"bolt_server": BOLT_SERVICE, "node_server": NODE_SERVICE, "anthunder_server": PYTHON_SERVICE}


@pytest.mark.parametrize("server", list(SERVERS))
def test_real_servers_acknowledge_the_proxys_heartbeats(mesh: Mesh, tmp_path: Path, server: str) -> None:
    role, args = SERVERS[server]
    client = mesh.peer(role)
    with Relay(mesh.peer(server).address) as relay:
        setup = config({"one": relay.address}, [({"service": ROUTED.get(server, ECHO)}, "one")], KEEPALIVE)
        with Proxy(setup, tmp_path) as proxy:
            say: dict[str, Any] = {"target": proxy.address, "client": "keepalive", **args}
            assert client.ok("call", text="before", **say)["same"]
            relay.wait(lambda frame: frame.direction == TO_CLIENT and is_event(frame.data), count=4)
            assert client.ok("call", text="after", **say)["same"]
            assert relay.connections == 1
            sent = sum(is_event(frame.data) for frame in relay.frames(TO_SERVER))
            acknowledged = sum(is_event(frame.data) for frame in relay.frames(TO_CLIENT))
    assert acknowledged <= sent <= acknowledged + 1
