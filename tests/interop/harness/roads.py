"""The one switch between clients and servers of HTTP/2: straight, or by a proxy between them.

A test asks its `route` for the address to dial: `route(server.address)`. Straight that is the server's own; else it is that
of a proxy with this server alone behind it, started when it is first asked for. Nothing else in a test, a client or a
server knows which of both it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .mesh import Mesh
from .pki import Pki
from .proxy import Proxy
from .secure import secrets

ROADS = ("direct", "proxy")
"""What every test takes. The other one is "proxy"."""


def proxy_config(server: str, pki: Pki, *, tls: bool, pages: str) -> str:
    """One server of HTTP/2 behind one port; with `tls` both sides speak it.

    pages: a server of HTTP/1.1, whose all paths are but those of grpc.testing; none if empty.
    """
    said, ours, theirs = "", "", ""
    if tls:
        said = secrets(pki, "web")
        ours, theirs = ", tls: {certificates: [web], alpn: [h2]}", ", tls: {ca: mesh-ca, server_name: a.test}"
    said += f'listeners:\n  - {{name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main{ours}}}\nroutes:\n  main:\n'
    if pages:
        said += "    - {match: {path: {prefix: /grpc.testing.}}, cluster: server}\n    - {cluster: pages}\n"
    else:
        said += "    - {cluster: server}\n"
    said += f'clusters:\n  server: {{hosts: ["{server}"], http: http2, timeout: 60s{theirs}}}\n'
    return said + (f'  pages: {{hosts: ["{pages}"], timeout: 60s}}\n' if pages else "")


class Roads(Mesh):
    """The proxies, each by what is behind it."""

    def __init__(self, folder: Path, pki: Pki) -> None:
        super().__init__(folder)
        self._pki = pki

    def past(self, server: str, *, tls: bool, pages: str) -> str:
        """Where a proxy listens that has this server behind it."""
        config = proxy_config(server, self._pki, tls=tls, pages=pages)
        if config not in self._started:
            self._started[config] = Proxy(config, self.folder, f"proxy-{len(self._started)}")
        proxy = self._started[config]
        assert isinstance(proxy, Proxy)
        return proxy.address


@dataclass(frozen=True)
class Route:
    """How the clients of one test reach their servers."""

    road: str
    _roads: Roads

    @property
    def direct(self) -> bool:
        return self.road == "direct"

    def __call__(self, server: str, *, tls: bool = False, pages: str = "") -> str:
        """The address to dial for a server's; see `proxy_config`."""
        return server if self.direct else self._roads.past(server, tls=tls, pages=pages)

    def children(self) -> list[object]:
        """Whose logs a failed test shows."""
        return [*self._roads.children()]
