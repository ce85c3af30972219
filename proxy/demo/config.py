"""The proxy's configuration: an ordinary file, as anybody would write it, with ports that the kernel picked.

Ports are *reserved*: the demo binds each, shared (SO_REUSEPORT) and never listening, as long as it runs. So a killed
host's port refuses connections as it should, nobody else can get it, and the host that comes back finds it free.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from proxy.demo import scenario
from proxy.demo.authority import CLIENT, Certificates

Host = tuple[str, str]
"""Cluster and node."""

KEEPALIVE = {"interval": "500ms", "timeout": "1s", "misses": 3}
"""Far below the default of 15 s, so that heartbeats are seen within the demo's few seconds."""
BACKOFF = {"base": "100ms", "max": "500ms"}

HEAD = """\
# Written by `xproto demo`. Calls of seven protocols come in at one port, in plaintext and by TLS; what each says of
# itself decides where it goes. `xproto validate` accepts this file, and `xproto run` serves it.
"""
SCALARS = "admin: 127.0.0.1:0\ndrain_timeout: 1s\n"


class Ports:
    """A reserved port for each host."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._sockets: dict[Host, socket.socket] = {}
        try:
            for host in hosts:
                self._sockets[host] = reserve()
        except OSError:
            self.close()
            raise
        self.of = {host: int(each.getsockname()[1]) for host, each in self._sockets.items()}

    def address(self, host: Host) -> str:
        return f"127.0.0.1:{self.of[host]}"

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()


def reserve() -> socket.socket:
    """A bound socket that does not listen."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", 0))
    return made


def all_hosts() -> list[Host]:
    return [(cluster, node) for cluster in scenario.PROTOCOL_OF for node in scenario.NODES]


def render(ports: Ports, certificates: Certificates) -> str:
    """The file's text."""
    tls = {"certificates": "mesh", "client": {"verify": "optional", "ca": "roots", "san": [{"uri": CLIENT}]}}
    listener = {"name": "mesh", "address": "127.0.0.1:0", "protocols": "auto", "routes": "main", "plaintext": True, "tls": tls}
    config = {
        "secrets": {
            "mesh": {"certificate": certificates.path("mesh.crt"), "private_key": certificates.path("mesh.key")},
            "roots": {"ca": certificates.path("ca.crt")},
        },
        "listeners": [listener],
        "routes": {"main": [_route(route) for route in scenario.ROUTES]},
        "clusters": {cluster: _cluster(cluster, ports) for cluster in scenario.PROTOCOL_OF},
    }
    return f"{HEAD}{SCALARS}{yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=120)}"


def _route(route: scenario.Route) -> Mapping[str, Any]:
    timeout = {"timeout": route.timeout} if route.timeout else {}
    return {"name": route.name, "match": dict(route.match), "cluster": route.cluster, **timeout}


def _cluster(cluster: str, ports: Ports) -> Mapping[str, Any]:
    hosts = [ports.address((cluster, node)) for node in scenario.NODES]
    http = {"http": "http2"} if scenario.PROTOCOL_OF[cluster] in scenario.SHARING else {}
    return {"hosts": hosts, **http, "keepalive": dict(KEEPALIVE), "backoff": dict(BACKOFF)}
