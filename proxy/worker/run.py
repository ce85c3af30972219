"""The worker's loop, and what it does when control says something.

What always holds: when control is gone, the worker is gone (its end of the socket pair closes with it); TERM, INT, HUP
and USR1 are control's to handle, and a worker that got them too (a whole process group does) leaves them to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import traceback
from typing import Any

import uvloop

from proxy.control.channel import Channel, close_all, receive_start
from proxy.control.wire import (
    Abort,
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
    encode,
)
from proxy.observe.log import Log
from proxy.worker.assemble import build_engine, describe, make_parts, map_counters
from proxy.worker.change import Configuration

RENEW_AGAIN = 5.0
"""Seconds until secrets are tried again that could not be put in use."""
DRAIN_POLL = 0.02
"""Seconds between looks at whether the last call in flight is answered."""


class Worker:
    """An engine under control's orders. `finished` is done when the process should exit."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, end: socket.socket, engine: Any, configuration: Configuration, log: Log
    ) -> None:
        self._loop, self._engine, self._configuration, self._log = loop, engine, configuration, log
        self.finished: asyncio.Future[None] = loop.create_future()
        self._deadline = float("inf")
        self._draining = False
        self._preparing: set[asyncio.Task[None]] = set()
        self._reopening: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._rotated = False
        self.channel = Channel(loop, end, self._on_message, self._on_end)

    def _on_message(self, message: Message) -> None:
        match message:
            case Drain(timeout):
                self._drain(timeout)
            case Describe(number):
                self.channel.send_nowait(Described(number, describe(self._engine)))
            case Prepare():
                task = self._loop.create_task(self._prepare(message, self.channel.take(len(message.fresh))))
                self._preparing.add(task)
                task.add_done_callback(self._preparing.discard)
            case Commit(number):
                self._commit(number)
            case Abort():
                self._configuration.abort()
            case Reopen():
                self._reopening = self._loop.create_task(self._reopen(self._reopening))
            case Rotate(materials):
                self._configuration.rotate(materials)
                self._rotated = True
                if self._renewing is None or self._renewing.done():
                    self._renewing = self._loop.create_task(self._renew())

    async def _prepare(self, asked: Prepare, descriptors: list[int] | None) -> None:
        reason = ""
        if descriptors is None:
            reason = "it cannot open more files: see its limit of descriptors"
        elif self._draining:
            close_all(descriptors)
            reason = "it is draining"
        else:
            try:
                await self._configuration.prepare(asked, descriptors)
            except Exception as error:  # noqa: BLE001 (control says it, and everything stays as it is)
                self._log.error(traceback.format_exc())
                reason = f"{type(error).__name__}: {error}"
        self.channel.send_nowait(Refused(asked.id, reason) if reason else Prepared(asked.id))

    def _commit(self, number: int) -> None:
        """Without an answer control kills this process, which is right when it is in a state that nobody knows."""
        if self._draining:
            return
        try:
            self._configuration.commit()
        except Exception:  # noqa: BLE001 (as said)
            self._log.error(traceback.format_exc())
            self.finished.set_result(None)
            return
        self.channel.send_nowait(Committed(number))

    async def _reopen(self, before: asyncio.Task[None] | None) -> None:
        """In the order in which it was asked."""
        if before is not None:
            await asyncio.wait((before,))
        try:
            for problem in await self._configuration.reopen():
                self._log.error(problem)
        except Exception:  # noqa: BLE001 (a bug; what is open stays so)
            self._log.error(traceback.format_exc())

    async def _renew(self) -> None:
        """As often as secrets came since the last time; and again where one could not be put in use."""
        told: set[str] = set()
        while self._rotated:
            self._rotated = False
            try:
                problems = await self._configuration.renew()
                for problem in problems:
                    if problem not in told:
                        self._log.error(problem)
                told = set(problems)
                if problems:
                    await asyncio.sleep(RENEW_AGAIN)
                    self._rotated = True
            except Exception:  # noqa: BLE001 (what is in use goes on; control has judged it, so this is a bug)
                self._log.error(traceback.format_exc())

    def _drain(self, timeout: float) -> None:
        """Called again, it can only bring the end nearer."""
        self._draining = True
        self._deadline = min(self._deadline, self._loop.time() + timeout)
        self._configuration.stop_listening()
        self._look()

    def _look(self) -> None:
        if self.finished.done():
            return
        left = self._engine.in_flight()
        if left and self._loop.time() < self._deadline:
            self._loop.call_later(DRAIN_POLL, self._look)
            return
        if left:
            self._log.warning(f"{left} calls were still in flight at the end, tunnels included")
        self.finished.set_result(None)

    def _on_end(self) -> None:
        if not self.finished.done():
            self._log.error("control is gone")
            self.finished.set_result(None)


def run(descriptor: int) -> int:
    """The process: `descriptor` is the worker's end of the pair."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(each, signal.SIG_IGN)
    end = socket.socket(fileno=descriptor)
    try:
        start, descriptors = receive_start(end)
    except (EOFError, ConnectionError):
        return 1
    log = Log(f"worker-{start.index}")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(loop, end, start, descriptors, log))
    finally:
        loop.close()


async def _serve(loop: asyncio.AbstractEventLoop, end: socket.socket, start: Start, descriptors: list[int], log: Log) -> int:
    try:
        parts = make_parts(start.snapshot, start.slots, start.materials, first=start.first)
        for problem in parts.files.problems:
            log.error(problem)
        engine = build_engine(loop, parts, map_counters(descriptors[0]), log.info, start.seed)
        listening = {name: socket.socket(fileno=each) for name, each in zip(start.listeners, descriptors[1:], strict=True)}
        for name, each in listening.items():
            engine.listen(name, each.fileno())
    except Exception as error:  # noqa: BLE001 (control says it, and ends)
        log.error(traceback.format_exc())  # noqa: TRY400 (not a logger)
        with contextlib.suppress(OSError):
            end.sendall(encode(Failed(f"{type(error).__name__}: {error}")))
        return 1
    worker = Worker(loop, end, engine, Configuration(engine, parts, listening), log)
    # What is here now stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    worker.channel.send_nowait(Ready())
    await worker.finished
    engine.close()
    return 0
