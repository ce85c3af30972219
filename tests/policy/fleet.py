"""Several hosts of one cluster, each of which answers with its name."""

from __future__ import annotations

from typing import Any

from proxy.snapshot import HeaderMatch, Route
from tests.datapath.world import World
from tests.policy.scenes import start
from tests.policy.speech.table import Answer, Call, Client, Host, Speech


class Fleet:
    """`main`, with hosts a, b, c, … that speak this protocol, behind these routes. `answering`: without a test's help."""

    def __init__(self, world: World, speech: Speech, count: int = 3, *, answering: bool = True) -> None:
        self.world, self.speech = world, speech
        self.hosts = {
            name: Host(world, speech, name=name, answers=Answer(name) if answering else None)
            for name in (chr(ord("a") + n) for n in range(count))
        }

    def start(self, *routes: Route, versions: str = "", **cluster: Any) -> Fleet:
        """`versions`: of the hosts, a digit each, as metadata."""
        start(self.world, self.speech, routes, *self.hosts.values(), metadata=self.metadata(versions), **cluster)
        return self

    def metadata(self, versions: str) -> dict[str, dict[str, str]]:
        return {
            host.address: {"version": f"v{digit}"}
            for host, digit in zip(self.hosts.values(), versions or (), strict=False)
        }  # fmt: skip

    def address(self, name: str) -> str:
        return self.hosts[name].address

    async def kill(self, name: str) -> None:
        """It is gone, and the proxy has seen that."""
        await self.hosts[name].leave()
        place = list(self.hosts).index(name)
        await self.world.until(lambda: not self.world.upstreams(place))

    async def revive(self, name: str) -> None:
        """It is back, and no longer left alone."""
        host, _, port = self.address(name).partition(":")
        backend = self.world.backend_at(host, int(port))
        self.hosts[name] = Host(self.world, self.speech, name=name, answers=Answer(name), backend=backend)
        await self.world.advance(30.0)

    async def call(self, client: Client, word: str | Call) -> str:
        """Which host answers; else the code of the refusal."""
        await client.ask(word if isinstance(word, Call) else self.speech.word(word))
        answer = await client.answer()
        return answer.text if answer.ok else f"refused {answer.code}"

    async def calls(self, client: Client, words: list[str]) -> list[str]:
        return [await self.call(client, word) for word in words]


def word(speech: Speech, prefix: str, **fields: Any) -> Route:
    """A route for calls whose word begins so."""
    return Route(prefix, (HeaderMatch(speech.key, "prefix", prefix),), "main", **fields)
