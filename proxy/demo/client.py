"""The clients: one connection each, with several calls in flight, every answer handed to the ledger.

A connection knows its calls by the ids it chose, or by their order where frames have none (HTTP/1.1). Ids begin at a
place of its own and numbers are unique in the whole demo, so an answer that reached the wrong connection, or the wrong
call, cannot pass for a right one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import cast

from construct import ConstructError

from proxy.demo import scenario
from proxy.demo.authority import SERVER_NAME
from proxy.demo.frames import BLANK, DOWNSTREAM, TAG, UPSTREAM, Splitter, Stamp, Understanding, number_text
from proxy.demo.ledger import Ledger, Pending
from proxy.demo.scenario import Caller, Client, Request
from proxy.demo.speech import Speech
from xproto.errors import XprotoError
from xproto.kernel.codec import Frame
from xproto.spec import Kind

BAD_ANSWER = (XprotoError, ConstructError, ValueError)


class Connection(asyncio.Protocol):
    """One connection to the proxy's port. `numbers` is shared by all."""

    def __init__(self, client: Client, speech: Speech, ledger: Ledger, numbers: Iterator[int]) -> None:
        self.client, self.speech, self.ledger = client, speech, ledger
        self.tally = ledger.tallies[client.protocol]
        self.pending: dict[int, tuple[Pending, asyncio.Future[None]]] = {}
        self.transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._numbers = numbers
        self._ids = itertools.count(random.getrandbits(30))
        self._beats: set[int] = set()
        self._stamps: dict[Request, Stamp] = {}
        self._splitter = Splitter(speech.codec, UPSTREAM)
        self._understanding = Understanding(speech)
        self._heartbeat = Stamp(speech.codec, speech.heartbeat(client.fields), DOWNSTREAM) if speech.beats else None

    # -- what it says -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it
        self.tally.connections += 1

    def send(self, request: Request) -> asyncio.Future[None]:
        """Sends a call; the future is done when it has its answer (a oneway's at once)."""
        call_id, number = next(self._ids), number_text(next(self._numbers))
        answered: asyncio.Future[None] = self._loop.create_future()
        if request.oneway:
            self.tally.oneways += 1
            answered.set_result(None)
        else:
            self.tally.sent += 1
            self.pending[call_id] = Pending(request, number, perf_counter()), answered
        self._write(self._stamp(request).make(call_id, number))
        return answered

    @property
    def waits(self) -> bool:
        """Has something been sent that has no answer yet?"""
        return bool(self.pending or self._beats)

    def send_heartbeat(self) -> None:
        if self._heartbeat is None:
            return
        beat = next(self._ids)
        self._beats.add(beat)
        self.tally.heartbeats += 1
        self._write(self._heartbeat.make(beat, b""))

    def _stamp(self, request: Request) -> Stamp:
        stamp = self._stamps.get(request)
        if stamp is None:
            frame = self.speech.request(request, f"{self.client.name} {TAG}{BLANK}", self.client.fields)
            stamp = self._stamps[request] = Stamp(self.speech.codec, frame, DOWNSTREAM)
        return stamp

    def _write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    # -- what it hears ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        try:
            for found, frame in self._splitter.feed(data):
                self._hear(found, frame, now)
        except BAD_ANSWER as error:
            self.ledger.unexpected(self.client.protocol, f"{self.client.name}: {error}")
            if self.transport is not None:
                self.transport.abort()

    def _hear(self, found: Frame, frame: bytes, now: float) -> None:
        if found.kind == Kind.HEARTBEAT_ACK and found.id in self._beats:
            self._understanding.read(frame, found)
            self._beats.discard(found.id)
            self.tally.acks += 1
        elif found.kind == Kind.RESPONSE and (call_id := self._call_of(found)) in self.pending:
            pending, answered = self.pending.pop(call_id)
            self.tally.secret += self.client.secret
            self.ledger.answered(pending, *self._understanding.read(frame, found), now)
            if not answered.done():
                answered.set_result(None)
        else:
            name = Kind(found.kind).name
            self.ledger.unexpected(self.client.protocol, f"{self.client.name}: {name} {found.id}, which nobody waits for")

    def _call_of(self, found: Frame) -> int:
        """The id of the call that this answers: without ids, of the oldest one."""
        return found.id if self.speech.numbered else next(iter(self.pending), found.id)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.pending:
            self.ledger.complain(f"{self.client.name}: the connection ended with {len(self.pending)} calls open: {exc}")

    def close(self) -> None:
        """Calls that wait are lost."""
        for pending, _ in self.pending.values():
            self.ledger.never(pending)
        self.pending.clear()
        if self.transport is not None:
            self.transport.close()


class Traffic:
    """All connections, and the loops that call on them until `stop`."""

    def __init__(self, ledger: Ledger, speeches: dict[str, Speech]) -> None:
        self._ledger, self._speeches = ledger, speeches
        self._numbers = itertools.count(1)
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.connections: list[Connection] = []

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Connects everybody to the one port, some by TLS, and begins."""
        loop = asyncio.get_running_loop()
        for client in scenario.CLIENTS:
            factory = partial(Connection, client, self._speeches[client.protocol], self._ledger, self._numbers)
            secret = (context, SERVER_NAME) if client.secret else (None, None)
            _, made = await loop.create_connection(factory, host, port, ssl=secret[0], server_hostname=secret[1])
            self.connections.append(made)
            self._tasks.append(loop.create_task(self._beat(made)))
            for caller in scenario.callers(client):
                self._tasks += (loop.create_task(self._call(made, caller)) for _ in range(caller.many))

    async def _call(self, connection: Connection, caller: Caller) -> None:
        await self._pause(caller.think)
        while not self._stopping.is_set():
            await connection.send(random.choice(caller.requests))  # noqa: S311 (no secret)
            await self._pause(caller.think)

    async def _beat(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            connection.send_heartbeat()
            await self._pause(scenario.HEARTBEAT_EVERY)

    async def _pause(self, think: float) -> None:
        await asyncio.sleep(think * (0.5 + random.random()))  # noqa: S311 (no secret)

    async def stop(self, patience: float, grace: float) -> None:
        """No new calls; those in flight get `patience` seconds, and answers too many are awaited for `grace`."""
        self._stopping.set()
        end = perf_counter() + patience
        while any(each.waits for each in self.connections) and perf_counter() < end:  # noqa: ASYNC110 (a deadline)
            await asyncio.sleep(0.01)
        await asyncio.sleep(grace)

    def close(self) -> None:
        """Closes every connection."""
        for task in self._tasks:
            task.cancel()
        for connection in self.connections:
            connection.close()
