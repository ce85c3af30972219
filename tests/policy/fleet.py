"""Several hosts of one cluster, each of which answers with its name."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from proxy.snapshot import HeaderMatch, Route
from tests.datapath.world import Backend, World
from tests.policy.speech import Speech


class Fleet:
    """`main`, with hosts a, b, c, … that speak this protocol, behind these routes."""

    def __init__(self, world: World, speech: Speech, count: int = 3) -> None:
        self.world, self.speech = world, speech
        self.backends = {chr(ord("a") + n): world.backend() for n in range(count)}
        self.peers: dict[str, list[Any]] = {name: [] for name in self.backends}
        self.tasks: dict[str, list[asyncio.Task[None]]] = {name: [] for name in self.backends}

    def start(self, *routes: Route, versions: str = "", **cluster: Any) -> Fleet:
        """`versions`: of the hosts, a digit each, as metadata."""
        self.world.start(
            *self.backends.values(), protocols=self.speech.protocols, routes=routes,
            metadata=self.metadata(versions), **{**self.speech.cluster, **cluster},
        )  # fmt: skip
        self.world.size_of = self.speech.size_of
        for name in self.backends:
            self.serve(name)
        return self

    def metadata(self, versions: str) -> dict[str, dict[str, str]]:
        return {
            backend.address: {"version": f"v{digit}"}
            for backend, digit in zip(self.backends.values(), versions or (), strict=False)
        }

    def address(self, name: str) -> str:
        return self.backends[name].address

    def serve(self, name: str) -> None:
        self.tasks[name].append(self.world.loop.create_task(self._accept(name, self.backends[name])))

    async def _accept(self, name: str, backend: Backend) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            while True:
                server = await self.speech.server(backend)
                self.peers[name].append(server)
                self.tasks[name].append(self.world.loop.create_task(self._answer(name, server)))

    async def _answer(self, name: str, server: Any) -> None:
        with contextlib.suppress(Exception):  # the connection's end, in the words of each protocol's peer
            while True:
                await self.speech.answer(server, await self.speech.take(server), name)

    async def kill(self, name: str) -> None:
        """It is gone, and the proxy has seen that."""
        for task in self.tasks[name]:
            task.cancel()
        self.backends[name].close()
        for server in self.peers[name]:
            getattr(server, "peer", server).close()
        self.tasks[name], self.peers[name] = [], []
        place = list(self.backends).index(name)
        await self.world.until(lambda: not self.world.upstreams(place))

    async def revive(self, name: str) -> None:
        """It is back, and no longer left alone."""
        host, _, port = self.address(name).partition(":")
        self.backends[name] = self.world.backend_at(host, int(port))
        self.serve(name)
        await self.world.advance(30.0)

    async def call(self, client: Any, word: str, body: bytes = b"") -> str:
        """Which host answers; else the code of the refusal."""
        await self.speech.ask(client, word, body=body)
        told = await self.speech.hear(client)
        return told.text if told.code == 0 else f"refused {told.code}"

    async def calls(self, client: Any, words: list[str]) -> list[str]:
        return [await self.call(client, word) for word in words]


def everything(**fields: Any) -> Route:
    """A route for every call."""
    return Route("all", (), "main", **fields)


def word(speech: Speech, prefix: str, **fields: Any) -> Route:
    """A route for calls whose word begins so."""
    return Route(prefix, (HeaderMatch(speech.key, "prefix", prefix),), "main", **fields)
