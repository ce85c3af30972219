"""The dubbothrift peers: Dubbo 2.6's own provider and consumer of its "thrift" protocol.

That provider keeps the method of every request by its id, for ever and for all its connections, and encodes an answer
as that method's: an id that comes again with another method gets an answer that is wrong, or none. Consumers count from
one, so whoever calls a provider straight has it alone; the proxy's ids begin elsewhere on each connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .mesh import Mesh
from .processes import DUBBOTHRIFT, Peer, java
from .proxy import Proxy

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = "com.test.ThriftEcho$Iface"
"""As the header of every frame names it."""
DEADLINE_MS = 250
"""The deadline of the method `slow`."""
AT_ONCE = 8
"""How many callers share a connection."""


def provider(log: Path) -> Peer:
    return java("DubboThriftProvider", log, home=DUBBOTHRIFT)


def consumer(log: Path) -> Peer:
    return java("DubboThriftConsumer", log, home=DUBBOTHRIFT)


def dubbothrift_config(host: str, protocols: str = "auto", service: str = SERVICE, deadline_ms: int = DEADLINE_MS) -> str:
    """A configuration that sends calls of `service` to `host`; `protocols` are the listener's."""
    return "\n".join(
        (
            "admin: 127.0.0.1:0",
            "listeners:",
            f'  - {{name: mesh, address: "127.0.0.1:0", protocols: {protocols}, routes: main}}',
            "routes:",
            "  main:",
            f'    - {{match: {{headers: {{service: "{service}", method: slow}}}}, cluster: echo, timeout: {deadline_ms}ms}}',
            f'    - {{match: {{headers: {{service: "{service}"}}}}, cluster: echo}}',
            "clusters:",
            f'  echo: {{lb: round_robin, hosts: ["{host}"]}}',
            "",
        )
    )


class DubboThriftMesh(Mesh):
    """Peers by role: `provider` and `behind`, which has the proxy for its only caller; `consumer` and `proxy`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._makers.update(provider=provider, behind=provider, consumer=consumer)

    @property
    def proxy(self) -> Proxy:
        if "proxy" not in self._started:
            self._started["proxy"] = Proxy(dubbothrift_config(self.peer("behind").address), self.folder)
        proxy = self._started["proxy"]
        assert isinstance(proxy, Proxy)
        return proxy

    def server(self, via: str) -> Peer:
        """The provider that a consumer calls that way."""
        return self.peer("behind" if via == "proxy" else "provider")
