"""The Finagle peers: Twitter's Thrift, whose client asks first whether the server knows TTwitter.

A server takes both on one port, plain Thrift from who does not ask and TTwitter from who does. Routes look at the same
names as those of the other Thrift peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .mesh import Mesh
from .processes import PEERS, Peer, java
from .proxy import Proxy
from .thrift import DEADLINE_MS

if TYPE_CHECKING:
    from pathlib import Path

HOME = PEERS / "finagle"
SERVICE = "finagle_thrift_twitter"


def server(log: Path) -> Peer:
    return java("FinagleServer", log, "finagle", home=HOME)


def client(log: Path) -> Peer:
    return java("FinagleClient", log, home=HOME)


def finagle_config(address: str, deadline_ms: int = DEADLINE_MS) -> str:
    """One listener for TTwitter, and plain Thrift from who does not ask, and that one server; `slow` has that deadline."""
    return f"""\
admin: 127.0.0.1:0
listeners:
  - {{name: mesh, address: "127.0.0.1:0", protocols: [thrift-twitter, thrift], routes: main}}
routes:
  main:
    - {{match: {{headers: {{service: {SERVICE}, method: slow}}}}, cluster: finagle, timeout: {deadline_ms}ms}}
    - {{match: {{headers: {{method: {SERVICE}__slow}}}}, cluster: finagle, timeout: {deadline_ms}ms}}
    - {{match: {{headers: {{service: {SERVICE}}}}}, cluster: finagle}}
    - {{match: {{headers: {{method: {{prefix: {SERVICE}__}}}}}}, cluster: finagle}}
clusters:
  finagle: {{lb: round_robin, hosts: ["{address}"]}}
"""


class FinagleMesh(Mesh):
    """`finagle_server`, `finagle_client` and `proxy`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._makers.update({"finagle_server": server, "finagle_client": client})

    @property
    def proxy(self) -> Proxy:
        if "proxy" not in self._started:
            self._started["proxy"] = Proxy(finagle_config(self.peer("finagle_server").address), self.folder)
        proxy = self._started["proxy"]
        assert isinstance(proxy, Proxy)
        return proxy

    def to(self, via: str, **args: Any) -> dict[str, Any]:
        """What the client is told for a call of the server; more in `args`."""
        return {"target": self.address(via, "finagle_server"), "form": "thrift-twitter", "service": SERVICE, **args}
