"""Bolt, Dubbo, Thrift, TTwitter, dubbothrift and Tars at once through one port: no answer to another's caller."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from harness import dubbothrift, finagle, tars, thrift
from harness.mesh import BOLT_SERVICE, ECHO, Mesh
from harness.proxy import Proxy, config

if TYPE_CHECKING:
    from pathlib import Path

CALLS, AT_ONCE = 1000, 10
THRIFT = {"thriftpy2": "thrift", "go": "thrift-header-compact", "java": "thrift-unframed"}
"""A library for the client, and the form that it calls in."""


def test_all_protocols_at_once_through_one_port(mesh: Mesh, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(tars.server(name, tmp_path)) for name in tars.LANGUAGES}
        clients = {name: stack.enter_context(tars.client(name, tmp_path)) for name in tars.LANGUAGES}
        echo = stack.enter_context(thrift.STARTERS["apache"][0](tmp_path / "thrift server.log"))
        callers = {name: stack.enter_context(thrift.STARTERS[name][1](tmp_path / f"{name}.log")) for name in THRIFT}
        dubbo = stack.enter_context(dubbothrift.provider(tmp_path / "dubbothrift server.log"))
        callers["dubbothrift"] = stack.enter_context(dubbothrift.consumer(tmp_path / "dubbothrift.log"))
        hosts = thrift.addresses("apache", echo)
        upgraded = stack.enter_context(finagle.server(tmp_path / "finagle server.log"))
        upgrading = stack.enter_context(finagle.client(tmp_path / "finagle client.log"))
        roles = ("bolt_server", "dubbo_provider")
        addresses = {
            **{role: mesh.peer(role).address for role in roles},
            **{name: peer.address for name, peer in servers.items()},
            "finagle": upgraded.address,
            "dubbothrift": dubbo.address,
            **{thrift.service("apache", form): hosts["apache", form] for form in THRIFT.values()},
        }
        routes = [({"service": BOLT_SERVICE}, "bolt_server"), ({"service": ECHO}, "dubbo_provider")]
        routes.append(({"service": dubbothrift.SERVICE}, "dubbothrift"))
        routes += [({"service": tars.SERVANTS[name]}, name) for name in servers]
        routes.append(({"service": finagle.SERVICE}, "finagle"))
        names = [thrift.service("apache", form) for form in THRIFT.values()]
        routes += [({"service": name}, name) for name in names]
        for role in roles:
            mesh.peer(role).ok("reset")
        target = stack.enter_context(Proxy(config(addresses, routes), tmp_path)).address
        headers = {"service": BOLT_SERVICE, "sofa_head_method_name": "echo"}
        common: dict[str, Any] = {"target": target, "count": CALLS, "threads": AT_ONCE, "client": "all", "timeout": 20_000}
        burst: dict[str, Any] = {"target": target, "count": AT_ONCE, "rounds": CALLS // AT_ONCE}
        jobs: list[tuple[Any, str, dict[str, Any]]] = [
            (mesh.peer("bolt_client"), "call", {"headers": headers, "size": 256, **common}),
            (mesh.peer("dubbo_consumer"), "call", {"method": "echo", "text": "dubbo", **common}),
            (callers["dubbothrift"], "call", {"method": "echo", "text": "dubbothrift", **common}),
            (clients["node"], "burst", {"servant": tars.SERVANTS["go"], "label": "to go", **burst}),
            (clients["go"], "burst", {"servant": tars.SERVANTS["node"], "label": "to node", **burst}),
        ]
        plain = {"target": target, "method": "echo", "text": "thrift", "count": CALLS, "threads": AT_ONCE, "multiplexed": True}
        for (library, form), name in zip(THRIFT.items(), names, strict=True):
            jobs.append((callers[library], "call", {**plain, "form": form, "service": name, "client": "all"}))
        jobs.append((upgrading, "call", {**plain, "form": "thrift-twitter", "service": finagle.SERVICE}))
        with ThreadPoolExecutor(len(jobs)) as pool:
            results = [pool.submit(peer.do, cmd, 60, **args) for peer, cmd, args in jobs]
            answers = [result.result() for result in results]
        assert all(answer["ok"] and not answer.get("wrong") for answer in answers), answers
        assert [mesh.peer(role).ok("stats")["calls"] for role in roles] == [CALLS, CALLS]
        assert [server.ok("stats")["calls"] for server in servers.values()] == [{"echo": CALLS}] * 2
        assert dubbo.ok("stats")["calls"] == {"echo": CALLS}
