"""One worker process as control sees it: started, asked, told to drain, its end awaited.

The end of a process is seen through a pidfd on the loop, so there are no signal handlers for children and no thread;
and a process id is never signalled after it was reaped.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
from dataclasses import dataclass
from typing import Any

from proxy.control.spawn import command, environment
from proxy.control.wire import Channel, Describe, Described, Drain, Failed, Message, Ready, Start, send_descriptors

DESCRIBE_TIMEOUT = 2.0
"""Seconds after which the admin port does without a worker that does not answer."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What every incarnation of a worker is started with. `descriptors` are the counters' and the listeners'."""

    index: int
    snapshot: bytes
    listeners: tuple[str, ...]
    descriptors: tuple[int, ...]


class Child:
    """One incarnation. `ready` is a future: None, or an exception that says why the worker cannot start."""

    def __init__(self, orders: Orders, loop: asyncio.AbstractEventLoop) -> None:
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self._loop = loop
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._channel = Channel(self._on_message, lambda: None)
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = command("proxy.worker", str(theirs.fileno()), str(len(orders.descriptors)))
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=(theirs.fileno(),),
                env=environment(),
            )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        loop.add_reader(self._pidfd, self._on_end)
        self._task = loop.create_task(self._begin(ours, orders))

    def __repr__(self) -> str:
        return f"<Child pid={self.pid} returncode={self._process.returncode}>"

    async def _begin(self, ours: socket.socket, orders: Orders) -> None:
        seed = int.from_bytes(os.urandom(8), "little")
        start = Start(orders.index, orders.snapshot, orders.listeners, seed)
        try:
            send_descriptors(ours, orders.descriptors)
            ours.setblocking(False)
            await self._loop.create_unix_connection(lambda: self._channel, sock=ours)
            self._channel.send_nowait(start)
        except OSError:
            ours.close()  # the worker died; its end is reported by its pidfd

    def _on_message(self, message: Message) -> None:
        match message:
            case Ready() if not self.ready.done():
                self.ready.set_result(None)
            case Failed(reason) if not self.ready.done():
                self.ready.set_exception(ChildError(reason))
            case Described(number, body):
                if (asked := self._asked.pop(number, None)) and not asked.done():
                    asked.set_result(body)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        self._channel.close()
        self._task.cancel()
        for asked in self._asked.values():
            asked.cancel()
        if not self.ready.done():
            self.ready.set_exception(ChildError(f"it ended while starting ({render_code(code)})"))
        self.ready.exception()  # seen, even if nobody waits for it
        self.ended.set_result(code)

    async def describe(self) -> dict[str, Any] | None:
        """What the worker's engine tells of itself; None when it does not answer."""
        number = next(self._ids)
        asked: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._asked[number] = asked
        self._channel.send_nowait(Describe(number))
        done, _ = await asyncio.wait((asked, self.ended), timeout=DESCRIBE_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        self._asked.pop(number, None)
        return asked.result() if asked in done and not asked.cancelled() else None

    def drain_nowait(self, timeout: float) -> None:
        """Tells the worker to finish within `timeout` seconds (0: now) and to exit."""
        self._channel.send_nowait(Drain(timeout))

    def kill_nowait(self) -> None:
        """The last resort."""
        if not self.ended.done():
            self._process.kill()


class ChildError(Exception):
    """A worker that could not start."""


def render_code(code: int) -> str:
    """``exit code 1`` or ``signal 9``."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
