"""A proxy as its users start it, between clients and hosts that live in the test: its loop turns while a call is on its way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, Self, TypeVar

import uvloop

from tests.control.proxy_process import PATIENCE
from tests.datapath.world import World
from tests.policy.speech.table import ALL, VARIANTS, Answer, Asked, Call, Client, Host, Speech

Found = TypeVar("Found")


class Mesh:
    """Its hosts answer whatever they are spoken to in with their names: so one cluster serves calls of every protocol."""

    doors: dict[str, str]
    """Addresses of the proxy's listeners, by their names."""

    def __init__(self, world: World, names: tuple[str, ...]) -> None:
        self.world = world
        self.hosts = {name: Host(world, *ALL, *VARIANTS, name=name, answers=Answer(name)) for name in names}

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

    def client(self, door: str, speech: Speech, source: str = "127.0.0.1") -> Client:
        """Of the proxy's listener."""
        made = self.run(speech.client(self.world, source, self.doors[door]))
        made.peer.patience = PATIENCE
        return made

    def call(self, client: Client, call: Call) -> Answer:
        """There and back."""
        self.run(client.ask(call))
        return self.run(client.answer())

    def ask(self, door: str, speech: Speech, call: Call) -> Answer:
        """The answer to one call, on a connection of its own."""
        client = self.client(door, speech, call.source)
        answer = self.call(client, call)
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
