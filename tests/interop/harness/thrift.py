"""The Thrift peers: every library's server and client, and one proxy with one port for all forms of the wire.

Plain Thrift says no service, so each server's methods carry the name of its service as a prefix where the calls are not
multiplexed; the proxy's routes look at the one or at the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .mesh import Mesh
from .processes import ANTHUNDER_PYTHON, PEERS, PYTHON, Peer, PeerError, java
from .proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

PLAIN = ("thrift", "thrift-compact", "thrift-unframed", "thrift-unframed-compact")
OLD = ("thrift-old", "thrift-unframed-old")
HEADER = ("thrift-header", "thrift-header-compact")
SERVED = {
    "thriftpy2": PLAIN + OLD,
    "apache": PLAIN + OLD + HEADER,
    "go": PLAIN + OLD + HEADER,
    "java": PLAIN + OLD,
}
"""Which forms each library has, as a server and as a client."""
DEADLINE_MS = 250
"""The deadline of the method `slow`."""


def python(script: str, log: Path, *args: str) -> Peer:
    if not ANTHUNDER_PYTHON.exists():
        raise PeerError("the Python peers are not installed; run tests/interop/setup.sh")
    return Peer(f"python {script}", [str(ANTHUNDER_PYTHON), str(PYTHON / script), *args], log)


def go(log: Path, *args: str) -> Peer:
    binary = PEERS / "go" / "build" / "peer"
    if not binary.exists():
        raise PeerError("the Go peers are not built; run tests/interop/setup.sh")
    return Peer(f"go {args[0]}", [str(binary), *args], log)


STARTERS: dict[str, tuple[Callable[[Path], Peer], Callable[[Path], Peer]]] = {
    "thriftpy2": (
        lambda log: python("thriftpy2_server.py", log, "thriftpy2"),
        lambda log: python("thriftpy2_client.py", log),
    ),
    "apache": (
        lambda log: python("apache_server.py", log, "apache"),
        lambda log: python("apache_client.py", log),
    ),
    "java": (lambda log: java("ThriftServer", log, "java"), lambda log: java("ThriftClient", log)),
    "go": (lambda log: go(log, "server", "go"), lambda log: go(log, "client")),
}
"""How each library's server and client are started."""


def service(server: str, form: str) -> str:
    return f"{server}_{form.replace('-', '_')}"


def thrift_config(hosts: Mapping[tuple[str, str], str], deadline_ms: int = DEADLINE_MS) -> str:
    """A configuration with one listener for every protocol; `hosts` are the addresses by (server, form)."""
    lines = [
        "admin: 127.0.0.1:0",
        "listeners:",
        '  - {name: mesh, address: "127.0.0.1:0", protocols: auto, routes: main}',
        "routes:",
        "  main:",
    ]
    for server, form in hosts:
        name = service(server, form)
        lines += [
            f"    - {{match: {{headers: {{service: {name}, method: slow}}}}, cluster: {name}, timeout: {deadline_ms}ms}}",
            f"    - {{match: {{headers: {{method: {name}__slow}}}}, cluster: {name}, timeout: {deadline_ms}ms}}",
            f"    - {{match: {{headers: {{service: {name}}}}}, cluster: {name}}}",
            f"    - {{match: {{headers: {{method: {{prefix: {name}__}}}}}}, cluster: {name}}}",
        ]
    lines.append("clusters:")
    lines += [f'  {service(*key)}: {{lb: round_robin, hosts: ["{address}"]}}' for key, address in hosts.items()]
    return "\n".join(lines) + "\n"


def addresses(name: str, server: Peer) -> dict[tuple[str, str], str]:
    """Where that server has its forms."""
    ports = server.ok("ports")["ports"]
    return {(name, form): f"127.0.0.1:{ports[form]}" for form in SERVED[name]}


class ThriftMesh(Mesh):
    """Peers by role: `thriftpy2_server`, `thriftpy2_client`, … and `proxy`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name, (server, client) in STARTERS.items():
            self._makers[f"{name}_server"] = server
            self._makers[f"{name}_client"] = client

    @property
    def proxy(self) -> Proxy:
        if "proxy" not in self._started:
            hosts = {key: address for name in SERVED for key, address in self.hosts(name).items()}
            self._started["proxy"] = Proxy(thrift_config(hosts), self.folder)
        proxy = self._started["proxy"]
        assert isinstance(proxy, Proxy)
        return proxy

    def hosts(self, name: str) -> dict[tuple[str, str], str]:
        return addresses(name, self.peer(f"{name}_server"))

    def to(self, via: str, server: str, form: str, **args: Any) -> dict[str, Any]:
        """What a client is told for a call of that server in that form; more in `args`."""
        target = self.proxy.address if via == "proxy" else self.hosts(server)[server, form]
        return {"target": target, "form": form, "service": service(server, form), **args}


def pairs(forms: Iterable[str] = PLAIN + OLD + HEADER) -> list[tuple[str, str, str]]:
    """Every (form, client, server) that there is."""
    return [
        (form, client, server) for form in forms for client in SERVED for server in SERVED
        if form in SERVED[client] and form in SERVED[server]
    ]  # fmt: skip
