"""Every client of every protocol at once, through one port."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.mesh import BOLT_SERVICE, NODE_INTERFACE, PYTHON_SERVICE, Mesh

SERVERS = ("bolt_server", "node_server", "anthunder_server", "dubbo_provider")


def test_all_clients_at_once_through_one_port(mesh: Mesh) -> None:
    address = mesh.proxy.address
    headers = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo"}
    burst: dict[str, Any] = {"target": address, "count": 1200, "threads": 12, "clients": 3, "client": "mixed"}
    burst["timeout"] = 20_000
    jobs: list[tuple[str, dict[str, Any]]] = [
        ("bolt_client", {"headers": headers, "size": 256, **burst}),
        ("bolt_beating_client", {"headers": headers, "size": 256, "version": 2, "crc": True, **burst}),
        ("node_client", {"interface": NODE_INTERFACE, "text": "node", **burst}),
        ("anthunder_client", {"service": PYTHON_SERVICE, "text": "python", **burst}),
        ("dubbo_consumer", {"method": "echo", "text": "dubbo 😀", **burst}),
        ("dubbo_beating_consumer", {"method": "echoBytes", "size": 4096, **burst}),
    ]
    for server in SERVERS:
        mesh.peer(server).ok("reset")
    peers = [mesh.peer(role) for role, _ in jobs]
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(peer.do, "call", 120, **args) for peer, (_, args) in zip(peers, jobs, strict=True)]
        results = {role: future.result() for (role, _), future in zip(jobs, futures, strict=True)}
    assert all(result["ok"] for result in results.values()), results
    calls = {server: mesh.peer(server).ok("stats")["calls"] for server in SERVERS}
    assert calls == {"bolt_server": 2400, "node_server": 1200, "anthunder_server": 1200, "dubbo_provider": 2400}
    # One upstream connection for Bolt v1 and one for v2, and one for both Dubbo consumers.
    assert mesh.peer("bolt_server").ok("stats")["connections"] == 2
    assert mesh.peer("dubbo_provider").ok("stats")["connections"] == 1
