"""A proxy as its users start it, between clients and hosts that live in the test: its loop turns while a call is on its way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, Self, TypeVar

import uvloop

from tests.control.proxy_process import PATIENCE
from tests.datapath.world import World
from tests.policy.speech.table import ALL, VARIANTS, Answer, Asked, Call, Host, Speech

Found = TypeVar("Found")


class Mesh:
    """Its hosts answer whatever they are spoken to in with their names: so one cluster serves calls of every protocol."""

    doors: dict[str, str]
    """Addresses of the proxy's listeners, by their names."""

    def __init__(self, world: World, names: tuple[str, ...]) -> None:
        self.world = world
        speeches = (*VARIANTS, *ALL)
        self.hosts = {name: Host(world, *speeches, name=name, answers=Answer(name)) for name in names}

    @classmethod
    @contextlib.contextmanager
    def of(cls, *names: str) -> Iterator[Self]:
        loop = uvloop.new_event_loop()
        made = cls(World(loop), names)
        try:
            yield made
        finally:
            made.world.close()
            made.run(made.ended())
            loop.close()

    async def ended(self) -> None:
        """All that was cancelled has seen it."""
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    def run(self, what: Coroutine[Any, Any, Found]) -> Found:
        return self.world.loop.run_until_complete(what)

    def ask(self, door: str, speech: Speech, call: Call) -> Answer:
        """The answer to one call, on a connection of its own."""
        return self.run(self._ask(door, speech, call))

    async def _ask(self, door: str, speech: Speech, call: Call) -> Answer:
        client = await speech.client(self.world, call.source, self.doors[door])
        client.peer.patience = PATIENCE
        await client.ask(call)
        answer = await client.answer()
        client.peer.close()
        return answer

    def came(self) -> dict[str, list[Asked]]:
        """What each host got since this was asked last."""
        return {name: host.came() for name, host in self.hosts.items()}

    def send(self, door: str, speech: Speech, call: Call) -> str:
        """Which host got it; `none` where the proxy answered itself."""
        self.came()
        answer = self.ask(door, speech, call)
        got = [name for name, calls in self.came().items() if calls]
        assert len(got) < 2, "it went to both"
        assert not got or answer.ok
        return got[0] if got else "none"
