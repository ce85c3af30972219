"""A host: takes connections and reads their calls, which a test answers, or which it answers itself.

What always holds: a call waits in `calls` before its answer is sent, so that who has the answer finds it there.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from tests.datapath.world import PATIENCE, Backend, Peer, World
from tests.policy.speech.model import Answer, Asked, Server, Speech

START = 6
"""Bytes by which a connection's protocol is told."""


class Connection:
    """One that a host has. Its socket is closed only when nobody reads it."""

    server: Server

    def __init__(self, host: Host, peer: Peer) -> None:
        self.host, self.peer = host, peer
        peer.patience = None
        self.reader = host.world.loop.create_task(self.read())

    async def read(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.server = await (await self.speech()).serve(self.peer)
            while True:
                asked = await self.server.take()
                asked.connection = self
                self.host.calls.put_nowait(asked)
                if self.host.answers is not None:
                    await asked.reply(self.host.answers)

    async def speech(self) -> Speech:
        """That of several in which it begins."""
        if len(self.host.speeches) == 1:
            return self.host.speeches[0]
        while True:
            with contextlib.suppress(BlockingIOError):
                start = self.peer.sock.recv(START, socket.MSG_PEEK)
                if not start:
                    raise EOFError
                if len(start) == START:
                    return next(each for each in self.host.speeches if each.begins(start))
            await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Nobody reads it any more."""
        self.reader.cancel()
        await asyncio.wait([self.reader])

    async def reset(self) -> None:
        await self.quiet()
        self.peer.reset()

    async def close(self) -> None:
        await self.quiet()
        self.peer.close()


class Host:
    """`answers`: what it answers every call with at once; None: calls wait for the test. `backend`: where it listens."""

    def __init__(
        self, world: World, *speeches: Speech, name: str = "", answers: Answer | None = None, backend: Backend | None = None
    ) -> None:
        self.world, self.speeches, self.name, self.answers = world, speeches, name, answers
        self.backend = backend or world.backend()
        self.address = self.backend.address
        self.calls = asyncio.Queue[Asked]()
        self.connections: list[Connection] = []
        self.accepting = world.loop.create_task(self.accept())
        world.closing.insert(0, self)

    async def accept(self) -> None:
        while True:
            sock, _ = await self.world.loop.sock_accept(self.backend.sock)
            self.connections.append(Connection(self, self.world.peer(sock)))

    async def take(self) -> Asked:
        """The next call that comes."""
        return await asyncio.wait_for(self.calls.get(), PATIENCE)

    async def serve(self, text: str | None = None) -> Asked:
        """The next call, answered: with its name, if with nothing else."""
        asked = await self.take()
        await asked.answer(self.name if text is None else text)
        return asked

    def came(self) -> list[Asked]:
        """What came since it was asked last."""
        return [self.calls.get_nowait() for _ in range(self.calls.qsize())]

    async def silent(self) -> bool:
        """Has nothing come, after all that is under way was handled?"""
        for _ in range(20):
            await asyncio.sleep(0)
        return self.calls.empty()

    async def leave(self) -> None:
        """From now on nobody is here."""
        self.accepting.cancel()
        await asyncio.wait([self.accepting])
        self.backend.close()
        for each in self.connections:
            if not each.reader.done():
                await each.reset()

    def close(self) -> None:
        for task in (self.accepting, *(each.reader for each in self.connections)):
            task.cancel()
