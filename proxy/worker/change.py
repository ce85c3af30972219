"""A worker takes a new configuration, in two steps: made ready next to the traffic, then used, in one turn of the loop.

Making ready is long (a protocol is compiled, a large table is built) and done by a thread, so calls go on meanwhile; only
the engine's part of it, which is short, is the loop's. What always holds: until `commit` nothing has changed, and after
it everything has; a descriptor is closed once by whoever is last to use it.

Secrets that are rotated change the parts in use and nothing of what is prepared: control sends again, after the commit,
what that made old. They are kept at once, in the order in which control speaks, and put in use by `renew`, which may take
its time and only looks at what is newest.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from proxy.control.wire import Prepare
from proxy.datapath.engine import Change, Engine
from proxy.tls.material import Material
from proxy.worker.assemble import Parts, make_parts, prepare

Sockets = dict[str, socket.socket]


class _Ready(NamedTuple):
    change: Change
    parts: Parts
    listening: Sockets
    fresh: list[socket.socket]


class Configuration:
    """What the engine runs by, and what it may run by next. `listening` has this process's sockets by listener."""

    def __init__(self, engine: Engine, parts: Parts, listening: Sockets) -> None:
        self.listening = listening
        self._engine, self._parts = engine, parts
        self._ready: _Ready | None = None
        self._newest = 0

    async def prepare(self, asked: Prepare, descriptors: list[int]) -> None:
        """Makes ready what `commit` will use; raises whatever is in the way. The descriptors are `asked.fresh`'s."""
        self.abort()
        self._newest = asked.id
        fresh = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            loop = asyncio.get_running_loop()
            parts = await loop.run_in_executor(None, make_parts, asked.snapshot, asked.slots, asked.materials, self._parts)
            if self._newest != asked.id:
                raise ValueError("it was called off")
            listening = {name: self.listening[old] for name, old in asked.kept.items()}
            listening.update(zip(asked.fresh, fresh, strict=True))
            self._ready = _Ready(prepare(self._engine, parts), parts, listening, fresh)
        except BaseException:
            close_all(fresh)
            raise

    def commit(self) -> None:
        """Uses what was prepared; raises if nothing was."""
        if self._ready is None:
            raise ValueError("nothing is prepared")
        ready, self._ready = self._ready, None
        self._engine.commit(ready.change, {name: each.fileno() for name, each in ready.listening.items()})
        before, self.listening, self._parts = self.listening, ready.listening, ready.parts
        staying = {each.fileno() for each in self.listening.values()}
        close_all(each for each in before.values() if each.fileno() not in staying)

    def abort(self) -> None:
        """Forgets what was prepared, or is being prepared."""
        self._newest = 0
        if self._ready is not None:
            ready, self._ready = self._ready, None
            close_all(ready.fresh)

    def rotate(self, materials: dict[str, Material]) -> None:
        """Keeps secrets of the configuration in use that have changed; `renew` follows."""
        self._parts = replace(self._parts, materials=self._parts.materials | materials)

    async def renew(self) -> list[str]:
        """Puts the newest materials in use; what is wrong with some, for the log.

        Not called again before it is done, but once more if any came meanwhile.
        """
        return await self._parts.contexts.rotate(self._parts.materials)

    async def reopen(self) -> list[str]:
        """Opens the files of access logs again, also of what is prepared; what is wrong with some, for the log."""
        loop = asyncio.get_running_loop()
        both = [self._parts.files] + ([self._ready.parts.files] if self._ready is not None else [])
        return [problem for each in both for problem in await loop.run_in_executor(None, each.reopen)]

    def stop_listening(self) -> None:
        """Takes no more connections, and no new configuration."""
        self.abort()
        self._engine.stop_accepting()
        close_all(self.listening.values())
        self.listening = {}


def close_all(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()
