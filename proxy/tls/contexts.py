"""All sides of TLS that a snapshot has, kept while secrets and snapshots change.

Each filter chain and each cluster has a context of its own, also where two would be equal: a session of one must not be
resumed by the other, which may want more of its clients (CVE-2025-23419).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping

import msgspec

from proxy.snapshot import Snapshot
from proxy.tls.material import Material
from proxy.tls.settings import ClientTls
from proxy.tls.sides import Client, Server, Side

AT_ONCE = 20
PAUSE = 0.002
"""So many contexts are put in use at once, and so long is waited before the next: freeing one takes OpenSSL up to 20 µs, in
which no call goes on."""


class Contexts:
    """All of a snapshot's, by listener and chain, and by cluster and what its TLS is.

    Making it changes nothing of `before`. A side that `before` has of the same description is taken over by `commit`, with a
    new context if its material is another: the data path knows by the object that nothing else has changed.
    """

    def __init__(self, snapshot: Snapshot, materials: Mapping[str, Material], before: Contexts | None = None) -> None:
        self.materials = {name: each for name, each in materials.items() if name in snapshot.secrets}
        self.servers: dict[tuple[str, str], Server] = {}
        self.clients: dict[tuple[str, bytes], Client] = {}
        self._renewed: list[tuple[Side, ssl.SSLContext]] = []
        for listener in snapshot.listeners.values():
            for chain in listener.chains:
                key = listener.name, chain.name
                server = None if before is None else before.servers.get(key)
                if before is None or server is None or server.spec != chain.tls:
                    self.servers[key] = Server(chain.tls, materials)
                else:
                    self.servers[key] = server
                    if server.is_stale(materials):
                        self._renewed.append((server, server.make(materials)))
        for cluster in snapshot.clusters.values():
            for spec in (cluster.tls, *(match.tls for match in cluster.tls_matches)):
                if spec is None:
                    continue
                place = cluster.name, msgspec.msgpack.encode(spec)
                client = None if before is None else before.clients.get(place)
                if before is None or client is None:
                    self.clients[place] = Client(spec, materials)
                else:
                    self.clients[place] = client
                    if client.is_stale(materials):
                        self._renewed.append((client, client.make(materials)))

    def commit(self) -> None:
        """What was taken over uses the new material from now on."""
        for side, context in self._renewed:
            side.use(context, self.materials)
        self._renewed = []

    def server(self, listener: str, chain: str) -> Server:
        return self.servers[listener, chain]

    def client(self, cluster: str, spec: ClientTls) -> Client:
        return self.clients[cluster, msgspec.msgpack.encode(spec)]

    async def rotate(self, materials: Mapping[str, Material]) -> list[str]:
        """Take new material; what is refused, for the log. What it names keeps its old context, and may be tried again.

        A thread makes the contexts: OpenSSL takes half a millisecond for each, and holds no lock of ours meanwhile. They are
        put in use here, if nothing newer has come in the meantime.
        """
        self.materials |= materials
        wanted = dict(self.materials)
        sides = [each for each in (*self.servers.values(), *self.clients.values()) if each.is_stale(wanted)]
        made, problems = await asyncio.get_running_loop().run_in_executor(None, _make, sides, wanted)
        for at, (side, context) in enumerate(made, 1):
            if all(self.materials.get(name) == wanted.get(name) for name in side.secrets):
                side.use(context, wanted)
            if at % AT_ONCE == 0:
                await asyncio.sleep(PAUSE)
        return problems


def _make(sides: Iterable[Side], materials: Mapping[str, Material]) -> tuple[list[tuple[Side, ssl.SSLContext]], list[str]]:
    made: list[tuple[Side, ssl.SSLContext]] = []
    problems: list[str] = []
    for side in sides:
        try:
            made.append((side, side.make(materials)))
        except (ValueError, OSError) as error:
            problems.append(f"{error}; what was there before stays in use")
    return made, problems
