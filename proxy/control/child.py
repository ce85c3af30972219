"""One worker process as control sees it: started, asked, told to drain, its end awaited.

The end of a process is seen through a pidfd on the loop, so there are no signal handlers for children and no thread;
and a process id is never signalled after it was reaped. A worker that is still starting can be asked already: it answers
when it has started.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
from collections.abc import Sequence
from typing import Any

from proxy.control.channel import Channel
from proxy.control.spawn import command, deaf, environment
from proxy.control.state import State, Step
from proxy.control.wire import (
    Abort,
    Answer,
    Commit,
    Committed,
    Describe,
    Described,
    Drain,
    Failed,
    Message,
    Prepare,
    Prepared,
    Ready,
    Refused,
    Reopen,
    Rotate,
    Start,
)
from proxy.tls.material import Material

DESCRIBE_TIMEOUT = 2.0
"""Seconds after which the admin port does without a worker that does not answer."""
PREPARE_TIMEOUT = 30.0
"""Seconds for making a configuration ready, next to serving; a hundred thousand routes take about two."""
COMMIT_TIMEOUT = 5.0
"""Seconds for putting it in use, which takes milliseconds. A worker that needs longer is stuck."""


class Child:
    """One incarnation, maybe the `first`. `ready` is a future: None, or an exception that says why the worker cannot start."""

    def __init__(self, index: int, state: State, counters: int, loop: asyncio.AbstractEventLoop, first: bool = True) -> None:
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.index, self._loop = index, loop
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._ids = itertools.count(1)
        ours, theirs = socket.socketpair()
        with theirs, deaf():
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                command("proxy.worker", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=(theirs.fileno(),),
                env=environment(),
            )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        loop.add_reader(self._pidfd, self._on_end)
        self._channel = Channel(loop, ours, self._on_message, lambda: None)
        seed = int.from_bytes(os.urandom(8), "little")
        start = Start(index, state.encoded, state.slots, state.names, seed, state.materials, first)
        self._channel.send_nowait(start, [counters, *state.descriptors(index)])

    def __repr__(self) -> str:
        return f"<Child pid={self.pid} returncode={self._process.returncode}>"

    def _on_message(self, message: Message) -> None:
        match message:
            case Ready() if not self.ready.done():
                self.ready.set_result(None)
            case Failed(reason) if not self.ready.done():
                self.ready.set_exception(ChildError(reason))
            case Described() | Prepared() | Refused() | Committed():
                if (asked := self._asked.pop(message.id, None)) and not asked.done():
                    asked.set_result(message)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        self._channel.close()
        for asked in self._asked.values():
            asked.cancel()
        if not self.ready.done():
            self.ready.set_exception(ChildError(f"it ended while starting ({render_code(code)})"))
        self.ready.exception()  # seen, even if nobody waits for it
        self.ended.set_result(code)

    async def describe(self) -> dict[str, Any] | None:
        """What the worker's engine tells of itself; None when it does not answer."""
        answer = await self._ask(Describe(next(self._ids)), DESCRIBE_TIMEOUT)
        return answer.body if isinstance(answer, Described) else None

    async def prepare(self, step: Step) -> str | None:
        """Lets the worker make the next state ready; gives the reason if it cannot."""
        state = step.state
        fresh = tuple(each.name for each in step.fresh)
        question = Prepare(next(self._ids), state.encoded, state.slots, step.kept, fresh, state.materials)
        match await self._ask(question, PREPARE_TIMEOUT, step.descriptors(self.index)):
            case Prepared():
                return None
            case Refused(reason=reason):
                return reason
        return "it ended meanwhile" if self.ended.done() else f"it was not done after {PREPARE_TIMEOUT:g} s"

    async def commit(self) -> bool:
        """Lets the worker use what it prepared; whether it says that it does."""
        return isinstance(await self._ask(Commit(next(self._ids)), COMMIT_TIMEOUT), Committed)

    def rotate_nowait(self, materials: dict[str, Material]) -> None:
        """Gives the worker secrets that have changed."""
        self._channel.send_nowait(Rotate(materials))

    def reopen_nowait(self) -> None:
        """Lets the worker open the files of access logs again."""
        self._channel.send_nowait(Reopen())

    def abort_nowait(self) -> None:
        """Lets the worker forget what it prepared."""
        self._channel.send_nowait(Abort())

    async def _ask(
        self, question: Describe | Prepare | Commit, within: float, descriptors: Sequence[int] = ()
    ) -> Answer | None:
        asked: asyncio.Future[Answer] = self._loop.create_future()
        self._asked[question.id] = asked
        try:
            self._channel.send_nowait(question, descriptors)
            await asyncio.wait((asked, self.ended), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._asked.pop(question.id, None)
        return asked.result() if asked.done() and not asked.cancelled() else None

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
