"""A client whose calls are copied: the hosts of both clusters, and what is counted of the copies."""

from __future__ import annotations

from typing import Any

from proxy.snapshot import Mirror, Route
from tests.datapath.world import Backend, World
from tests.policy.scenes import cluster_of, start
from tests.policy.speech.table import Client, Host, Speech


class Mirrored:
    """One client, the host of `live`, and that of `shadow`, which gets copies; a test lets them answer."""

    client: Client

    def __init__(self, world: World, speech: Speech) -> None:
        self.world, self.speech = world, speech
        self.live, self.shadow = Host(world, speech, name="live"), Host(world, speech, name="shadow")

    async def start(self, shadow: Host | Backend | str | None = "", percent: float = 100.0, **shadows: Any) -> Mirrored:
        """`shadow`: another host there, or none; `shadows`: of its cluster."""
        there = self.shadow if shadow == "" else shadow
        route = Route("all", (), "live", mirrors=(Mirror("shadow", percent),))
        cluster = cluster_of(self.speech, "shadow", there, **shadows)
        start(self.world, self.speech, route, clusters={"live": self.live, "shadow": cluster})
        self.client = await self.speech.client(self.world)
        return self

    async def call(self, word: str = "a", **fields: Any) -> None:
        """One live call, there and back."""
        await self.client.ask(self.speech.word(word, **fields))
        assert (await self.live.serve()).word == word
        answer = await self.client.answer()
        assert (answer.ok, answer.text) == (True, "live")


def copies(world: World, outcome: str) -> int:
    return world.count("mirror_calls_total", cluster="shadow", outcome=outcome)


def dropped(world: World, reason: str) -> int:
    return world.count("mirror_dropped_total", cluster="shadow", reason=reason)


def waiting(world: World) -> int:
    return world.count("mirror_in_flight", cluster="shadow")
