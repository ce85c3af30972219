"""Playing the server to a real client: its calls are answered in odd manners, and what it sends is judged.

The client is driven by whoever has it; the kit listens. The first call is answered whole, each further one in the next
manner that the protocol has. A client that gives a connection up behind an odd answer and connects again does not take
that manner; unless it ends connections behind whole answers as well, or all of them after as many calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from conformance.live.manners import MANNERS, WHOLE, Given, Manner, strange_id
from conformance.live.wire import PATIENCE, READ, Answer, read, shown
from conformance.suite import MOST_FAILURES, Failure, Result
from xproto.errors import MalformedError
from xproto.registry import Registered
from xproto.spec import Fault, Kind, Order
from xproto.templates import build_template

HOLD = 0.3
"""Seconds that a call waits for another, in manners that answer two."""
ACKNOWLEDGED = 2.0
"""Seconds within which a heartbeat of the server's must be acknowledged."""
FRAMES = "frames"
IDS = "ids"
ACKS = "acknowledgements"
ABOUT = {
    FRAMES: "every byte that the client sends is of a good frame",
    IDS: "no two calls that wait on one connection have the same id",
    ACKS: "the server's heartbeats are acknowledged, with their ids",
}


@dataclass(frozen=True)
class End:
    """A connection that its client ended: which it was, the manner and the bytes of its last answer, how many calls it had."""

    number: int
    last: Manner
    data: bytes
    calls: int


@dataclass(eq=False)
class Stage:
    """What is seen of one client. answer: gives the bytes that answer a call."""

    registered: Registered
    answer: Callable[[Answer], bytes]
    manners: Sequence[Manner] = MANNERS
    calls: int = 0
    connections: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _found: dict[str, Result] = field(default_factory=dict)
    _ends: list[End] = field(default_factory=list)
    _beats: dict[int, tuple[float, bytes]] = field(default_factory=dict)
    _lines: set[Line] = field(default_factory=set)
    _next: int = 0

    def __post_init__(self) -> None:
        self._found = {name: Result(name, about) for name, about in ABOUT.items()}
        for manner in self.manners:
            name = f"answers {manner.name}"
            self._found[name] = Result(name, f"the client takes {manner.about}", lacks=manner.lacks(self.registered))
        self._usable = [manner for manner in self.manners if not manner.lacks(self.registered)]

    @property
    def by_id(self) -> bool:
        return self.registered.lowered.identity.id is not None and self.registered.protocol.order is Order.BY_ID

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self.connections += 1
        line = Line(self, reader, writer, self.connections)
        self._lines.add(line)
        try:
            await line.run()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self._lines.discard(line)
            self.news.set()

    async def end(self) -> None:
        """Ends the connections that are left."""
        for line in self._lines:
            line.close()
        while self._lines:
            self.news.clear()
            await self.news.wait()

    def manner(self) -> Manner:
        """The next manner's turn."""
        return self._usable[self._next % len(self._usable)]

    def used(self, manner: Manner) -> None:
        self._found[f"answers {manner.name}"].cases += 1
        self._next += 1
        if manner.closes and len(self._usable) > 1:
            self._usable.remove(manner)  # once: clients may shun a server for a while that ends connections
            self._next = 0

    def passed_over(self) -> None:
        """The manner whose turn it is cannot be had now."""
        self._next += 1

    def good(self, check: str) -> None:
        self._found[check].cases += 1

    def bad(self, check: str, fault: str, data: bytes, *found: str, path: str = "") -> None:
        result = self._found[check]
        result.cases, result.failed = result.cases + 1, result.failed + 1
        if len(result.failures) < MOST_FAILURES:
            result.failures.append(Failure(check, f"connection {self.connections}", 0, fault, path, found, data))

    def beats(self, id: int, data: bytes) -> None:
        """A heartbeat of the server's was sent."""
        self._beats[id] = time.monotonic(), data

    def acknowledged(self, ack: Answer) -> None:
        if self._beats.pop(ack.frame.id, None) is None:
            waited = ", ".join(map(str, self._beats)) or "none"
            self.bad(ACKS, f"an acknowledgement has the id {ack.frame.id}; heartbeats were sent with {waited}", ack.data)
        else:
            self.good(ACKS)

    def ended(self, end: End) -> None:
        """The client ended a connection."""
        self._ends.append(end)

    async def settle(self) -> None:
        """Until the heartbeats that were sent are acknowledged, as long as that may take."""
        deadline = time.monotonic() + ACKNOWLEDGED
        while self._beats and (left := deadline - time.monotonic()) > 0:
            self.news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), left)

    def results(self) -> list[Result]:
        """What was seen. Once only, when the client has finished."""
        for _, data in self._beats.values():
            self.bad(ACKS, f"a heartbeat of the server's is not acknowledged within {ACKNOWLEDGED:g} s", data)
        given_up = [end for end in self._ends if end.number < self.connections]
        habit = len(given_up) > 1 and len({end.calls for end in given_up}) == 1
        if not habit and all(end.last is not WHOLE for end in given_up):
            for end in given_up:
                result = self._found[f"answers {end.last.name}"]
                result.cases -= 1  # counted when it was used
                self.bad(result.name, f"the client gives its connection up behind {end.last.about}", end.data)
        for name, result in self._found.items():
            if not result.cases and not result.lacks:
                result.lacks = "no call came for it" if name.startswith("answers ") else "there was nothing to see"
        return list(self._found.values())


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
