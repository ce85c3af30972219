"""One connection of a real client, to which the server is played: what it sends is read, its calls are answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from conformance.live.manners import WHOLE, Given, Manner, strange_id
from conformance.live.stage import FRAMES, IDS, End, Stage
from conformance.live.wire import PATIENCE, READ, Answer, read, shown
from xproto.errors import MalformedError
from xproto.spec import Fault, Kind
from xproto.templates import build_template

HOLD = 0.3
"""Seconds that a call waits for another, in manners that answer two."""


@dataclass(eq=False)
class Line:
    """One connection. last: the manner and the bytes of its last answer."""

    stage: Stage
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    buffer: bytearray = field(default_factory=bytearray)
    waiting: list[Given] = field(default_factory=list)
    last: Manner = WHOLE
    told: bytes = b""
    calls: int = 0
    closed: bool = False

    async def run(self) -> None:
        """Until either side ends it."""
        while not self.closed:
            data = await self._more()
            if data is None:
                self.stage.passed_over()
                await self._give(WHOLE, self.waiting, counted=False)
                continue
            if not data:
                self._end()
                return
            self.buffer += data
            while not self.closed and (frame := self._whole()) is not None:
                await self._take(frame)
            self.stage.news.set()

    def close(self) -> None:
        """From this side."""
        self.closed = True
        self.writer.close()

    async def _more(self) -> bytes | None:
        """None where a call has waited long enough for another."""
        try:
            return await asyncio.wait_for(self.reader.read(READ), HOLD if self.waiting else None)
        except TimeoutError:
            return None
        except OSError:
            return b""

    def _end(self) -> None:
        """The client ended it."""
        if self.closed:
            return
        if self.buffer:
            left = bytes(self.buffer)
            self.stage.bad(FRAMES, f"the client ends its connection {len(left)} bytes into a frame", left)
        if self.told:
            self.stage.ended(End(self.number, self.last, self.told, self.calls))

    def _whole(self) -> Answer | None:
        if not self.buffer:
            return None
        data = bytes(self.buffer)
        try:
            found = read(self.stage.registered, data, 0)
        except MalformedError as error:
            self.stage.bad(FRAMES, "the client sends bytes that are no frame", data, str(error), path=error.path)
            self.closed = True
            return None
        if found is not None:
            del self.buffer[: found.frame.size]
            self.stage.good(FRAMES)
        return found

    async def _take(self, call: Answer) -> None:
        codec, frame = self.stage.registered.codec, call.frame
        match frame.kind:
            case Kind.REQUEST | Kind.WRAPPED:
                await self._called(call)
            case Kind.HEARTBEAT:
                await self._send(codec.heartbeat_ack(frame.variant, frame.echo, frame.id))
            case Kind.HEARTBEAT_ACK:
                self.stage.acknowledged(call)
            case Kind.HANDSHAKE if self.stage.registered.protocol.session is not None:
                await self._send(build_template(self.stage.registered.lowered, Kind.HANDSHAKE_ACK, frame.variant, frame.echo))
            case Kind.HANDSHAKE:
                await self._send(codec.reply(Fault.NO_ROUTE, frame.variant, frame.echo, frame.id))
            case Kind.RESPONSE:
                self.stage.bad(FRAMES, "the client sends an answer where nothing was asked", call.data)

    async def _called(self, call: Answer) -> None:
        if self.stage.by_id:
            same = [given.call for given in self.waiting if given.call.frame.id == call.frame.id]
            if same:
                self.stage.bad(IDS, f"two calls that wait have the id {call.frame.id}", call.data, shown(same[0].data))
            else:
                self.stage.good(IDS)
        self.waiting.append(Given(call, self.stage.answer(call)))
        manner = self.stage.manner()
        if len(self.waiting) >= manner.holds:
            await self._give(manner, self.waiting)

    async def _give(self, manner: Manner, given: list[Given], *, counted: bool = True) -> None:
        self.waiting = []
        if counted:
            self.stage.used(manner)
        self.last, self.told = manner, given[-1].answer
        segments = manner.segments(self.stage.registered, given)
        if manner.beats:
            self.stage.beats(strange_id(given), segments[0])
        for index, segment in enumerate(segments):
            if index:
                await asyncio.sleep(PATIENCE.pace)
            await self._send(segment)
        self.calls += len(given)
        self.stage.calls += len(given)
        self.closed = self.closed or manner.closes

    async def _send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            self._end()
            self.closed = True
