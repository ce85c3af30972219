"""The worker's loop, and what it does when control says something.

What always holds: when control is gone, the worker is gone (its end of the socket pair closes with it); TERM and INT
are control's to handle, and a worker that got them too (a whole process group does) leaves them to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import traceback
from collections.abc import Sequence
from typing import Any

import uvloop

from proxy.control.wire import Channel, Describe, Described, Drain, Failed, Message, Ready, Start, encode, receive_start
from proxy.observe.log import Log
from proxy.snapshot import decode
from proxy.worker.assemble import build_engine, describe, map_counters

DRAIN_POLL = 0.02
"""Seconds between looks at whether the last call in flight is answered."""


class Worker:
    """An engine under control's orders. `finished` is done when the process should exit."""

    def __init__(self, loop: asyncio.AbstractEventLoop, engine: Any, listening: Sequence[int], log: Log) -> None:
        self._loop, self._engine, self._log = loop, engine, log
        self.finished: asyncio.Future[None] = loop.create_future()
        self.channel = Channel(self._on_message, self._on_end)
        self._deadline = float("inf")
        self._listening = [socket.socket(fileno=descriptor) for descriptor in listening]

    def _on_message(self, message: Message) -> None:
        match message:
            case Drain(timeout):
                self._drain(timeout)
            case Describe(number):
                self.channel.send_nowait(Described(number, describe(self._engine)))

    def _drain(self, timeout: float) -> None:
        """Called again, it can only bring the end nearer."""
        self._deadline = min(self._deadline, self._loop.time() + timeout)
        self._engine.stop_accepting()
        while self._listening:
            self._listening.pop().close()
        self._look()

    def _look(self) -> None:
        if self.finished.done():
            return
        left = self._engine.in_flight()
        if left and self._loop.time() < self._deadline:
            self._loop.call_later(DRAIN_POLL, self._look)
            return
        if left:
            self._log.warning(f"{left} calls were still in flight at the end")
        self.finished.set_result(None)

    def _on_end(self) -> None:
        if not self.finished.done():
            self._log.error("control is gone")
            self.finished.set_result(None)


def run(descriptor: int, count: int) -> int:
    """The process: `descriptor` is the worker's end of the pair, `count` how many descriptors come over it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel = socket.socket(fileno=descriptor)
    try:
        start, descriptors = receive_start(channel, count)
    except (EOFError, ConnectionError):
        return 1
    log = Log(f"worker-{start.index}")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_serve(loop, channel, start, descriptors, log))
    finally:
        loop.close()


async def _serve(
    loop: asyncio.AbstractEventLoop, channel: socket.socket, start: Start, descriptors: list[int], log: Log
) -> int:
    try:
        engine = build_engine(loop, decode(start.snapshot), map_counters(descriptors[0]), log.info, start.seed)
        for name, listening in zip(start.listeners, descriptors[1:], strict=True):
            engine.listen(name, listening)
    except Exception as error:  # noqa: BLE001 (control says it, and ends)
        log.error(traceback.format_exc())  # noqa: TRY400 (not a logger)
        with contextlib.suppress(OSError):
            channel.sendall(encode(Failed(f"{type(error).__name__}: {error}")))
        return 1
    worker = Worker(loop, engine, descriptors[1:], log)
    channel.setblocking(False)
    await loop.create_unix_connection(lambda: worker.channel, sock=channel)
    # What is here now stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    worker.channel.send_nowait(Ready())
    await worker.finished
    engine.close()
    return 0
