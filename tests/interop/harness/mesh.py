"""Every real peer of the session, started when first asked for, and one proxy that all clients share.

Each server has a service name of its own, so that the proxy tells them apart by nothing but the calls' headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from .processes import Child, Peer, anthunder, java, node
from .proxy import Proxy, config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEARTBEAT_MS = "300"
BOLT_SERVICE = "com.test.EchoService:1.0"
NODE_INTERFACE = "com.test.NodeService"
NODE_SERVICE = f"{NODE_INTERFACE}:1.0"
PYTHON_SERVICE = "com.test.PythonService:1.0"
SOFA_INTERFACE = "com.test.SofaService"
SOFA_SERVICE = f"{SOFA_INTERFACE}:1.0"
ECHO = "com.test.EchoService"
OTHER = "com.test.OtherService"
TRIPLE = {"peer.protocol": "tri"}


class Mesh:
    """Peers by role: `bolt_server`, `bolt_client`, `node_server`, … and `proxy`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: dict[str, Child] = {}
        beat = {"bolt.tcp.heartbeat.interval": HEARTBEAT_MS, "peer.heartbeat": HEARTBEAT_MS}
        self._makers: dict[str, Callable[[Path], Peer]] = {
            "bolt_server": lambda log: java("BoltServer", log, "0"),
            "bolt_client": lambda log: java("BoltClient", log),
            "bolt_beating_client": lambda log: java("BoltClient", log, properties=beat),
            "sofa_server": lambda log: java("SofaServer", log, "0"),
            "sofa_client": lambda log: java("SofaClient", log),
            "dubbo_provider": lambda log: java("DubboProvider", log, "0"),
            "dubbo_second": lambda log: java("DubboProvider", log, "0"),
            "dubbo_consumer": lambda log: java("DubboConsumer", log),
            "triple_provider": lambda log: java("DubboProvider", log, "0", properties=TRIPLE),
            "triple_consumer": lambda log: java("DubboConsumer", log, properties=TRIPLE),
            "dubbo_beating_consumer": lambda log: java("DubboConsumer", log, properties=beat),
            "node_server": lambda log: node("server.js", log, "0", NODE_INTERFACE),
            "node_client": lambda log: node("client.js", log),
            "anthunder_server": lambda log: anthunder("server.py", log, "0", PYTHON_SERVICE),
            "anthunder_client": lambda log: anthunder("client.py", log),
        }

    def peer(self, name: str) -> Peer:
        """The peer of that role."""
        if name not in self._started:
            self._started[name] = self._makers[name](self.folder / f"{name}.log")
        peer = self._started[name]
        assert isinstance(peer, Peer)
        return peer

    @property
    def proxy(self) -> Proxy:
        """One proxy, one port, every server behind it; version 2.0.0 of the Dubbo service is the second provider's."""
        if "proxy" not in self._started:
            roles = ("bolt_server", "sofa_server", "node_server", "anthunder_server", "dubbo_provider", "dubbo_second")
            clusters = {role: self.peer(role).address for role in roles}
            routes = [
                ({"service": BOLT_SERVICE}, "bolt_server"),
                ({"service": SOFA_SERVICE}, "sofa_server"),
                ({"service": NODE_SERVICE}, "node_server"),
                ({"service": PYTHON_SERVICE}, "anthunder_server"),
                ({"service": ECHO, "version": "2.0.0"}, "dubbo_second"),
                ({"service": ECHO}, "dubbo_provider"),
            ]
            self._started["proxy"] = Proxy(config(clusters, routes), self.folder)
        proxy = self._started["proxy"]
        assert isinstance(proxy, Proxy)
        return proxy

    def address(self, via: str, server: str) -> str:
        """Where a client has to call to reach that server directly or by the proxy."""
        return self.proxy.address if via == "proxy" else self.peer(server).address

    def children(self) -> list[Child]:
        return list(self._started.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # The proxy first: it must not log the servers' deaths as its own failures.
        for name in sorted(self._started, key=lambda started: started != "proxy"):
            self._started[name].stop()
