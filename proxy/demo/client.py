"""The clients: one connection each, with several calls in flight, every answer handed to the ledger.

A connection knows its calls by the ids it chose, or by their order where frames have none (HTTP/1.1). Ids begin at a
place of its own, so an answer that reached the wrong connection cannot pass for a right one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
from collections.abc import Iterator
from time import perf_counter
from typing import cast

from construct import ConstructError

from proxy.demo import scenario
from proxy.demo.authority import SERVER_NAME, Certificates
from proxy.demo.frames import DOWNSTREAM, UPSTREAM, Splitter, Stamp, Understanding
from proxy.demo.ledger import Ledger
from proxy.demo.line import Line, text_of
from proxy.demo.rpc import Stub
from proxy.demo.scenario import Caller, Client, Request
from proxy.demo.speech import Speech
from proxy.demo.streams import ALPN, Streams
from proxy.demo.web import Http
from xproto.errors import XprotoError
from xproto.kernel.codec import Frame
from xproto.spec import Kind

BAD_ANSWER = (XprotoError, ConstructError, ValueError)


class Connection(Line, asyncio.Protocol):
    """One connection whose frames are built from a declaration."""

    def __init__(self, client: Client, speech: Speech, ledger: Ledger, numbers: Iterator[int]) -> None:
        super().__init__(client, ledger, numbers)
        self.speech = speech
        self.transport: asyncio.Transport | None = None
        self._ids = itertools.count(random.getrandbits(30))
        self._beats: set[int] = set()
        self._stamps: dict[Request, Stamp] = {}
        self._splitter = Splitter(speech.codec, UPSTREAM)
        self._understanding = Understanding(speech)
        self._heartbeat = Stamp(speech.codec, speech.heartbeat(client.fields), DOWNSTREAM) if speech.beats else None

    async def connect(self, host: str, port: int, secure: ssl.SSLContext | None) -> None:
        name = SERVER_NAME if secure is not None else None
        await self._loop.create_connection(lambda: self, host, port, ssl=secure, server_hostname=name)

    # -- what it says -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it
        self.tally.connections += 1

    def send(self, request: Request) -> asyncio.Future[None]:
        call_id = next(self._ids)
        number, answered = self.begin(call_id, request)
        self._write(self._stamp(request).make(call_id, number))
        return answered

    @property
    def waits(self) -> bool:
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
            frame = self.speech.request(request, text_of(self.client), self.client.fields)
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
            self.unexpected(error)
            if self.transport is not None:
                self.transport.abort()

    def _hear(self, found: Frame, frame: bytes, now: float) -> None:
        if found.kind == Kind.HEARTBEAT_ACK and found.id in self._beats:
            self._understanding.read(frame, found)
            self._beats.discard(found.id)
            self.tally.acks += 1
        elif found.kind == Kind.RESPONSE and (call_id := self._call_of(found)) in self.pending:
            self.finish(call_id, *self._understanding.read(frame, found), now)
        else:
            self.unexpected(f"{Kind(found.kind).name} {found.id}, which nobody waits for")

    def _call_of(self, found: Frame) -> int:
        """The id of the call that this answers: without ids, of the oldest one."""
        return found.id if self.speech.numbered else next(iter(self.pending), found.id)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended(exc)

    def close(self) -> None:
        super().close()
        if self.transport is not None:
            self.transport.close()


class Traffic:
    """All connections, and the loops that call on them until `stop`."""

    def __init__(self, ledger: Ledger, speeches: dict[str, Speech]) -> None:
        self._ledger, self._speeches = ledger, speeches
        self._numbers = itertools.count(1)
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.connections: list[Line] = []

    async def start(self, host: str, port: int, certificates: Certificates) -> None:
        """Connects everybody to the one port, some by TLS, and begins."""
        loop = asyncio.get_running_loop()
        contexts = {False: certificates.context(), True: certificates.context(ALPN)}
        for client in scenario.CLIENTS:
            made = self._made(client, certificates)
            await made.connect(host, port, contexts[client.protocol == "http2"] if client.secret else None)
            self.connections.append(made)
            self._tasks.append(loop.create_task(self._beat(made)))
            for caller in scenario.callers(client):
                self._tasks += (loop.create_task(self._call(made, caller)) for _ in range(caller.many))

    def _made(self, client: Client, certificates: Certificates) -> Line:
        if client.protocol == "grpc":
            return Stub(client, certificates, self._ledger, self._numbers)
        if client.protocol == "http2":
            return Streams(client, cast("Http", self._speeches["http1"]), self._ledger, self._numbers)
        return Connection(client, self._speeches[client.protocol], self._ledger, self._numbers)

    async def _call(self, connection: Line, caller: Caller) -> None:
        await self._pause(caller.think)
        while not self._stopping.is_set():
            await connection.send(random.choice(caller.requests))  # noqa: S311 (no secret)
            await self._pause(caller.think)

    async def _beat(self, connection: Line) -> None:
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

    async def closed(self) -> None:
        """What takes a moment of it."""
        for connection in self.connections:
            await connection.closed()
