"""A connection whose protocol is known: its bytes as messages, its messages as calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xproto.decode.calls import Calls, Ends, Problem, Said
from xproto.decode.cutter import Cut, Cutter, Fault, Kept, State
from xproto.decode.http import Exchanges, is_http
from xproto.decode.message import Message, Reader
from xproto.decode.values import Values, add_values
from xproto.registry import Registered
from xproto.spec import Kind, Order


class Speech:
    """A conversation whose protocol is known; direction 0 is the client's."""

    def __init__(
        self, ends: Ends, registered: Registered, said: Said, kept: Kept, values: Sequence[Values] = (), *, lost: bool = False
    ) -> None:
        self.ends, self.registered, self._said, self._values = ends, registered, said, values
        codec = registered.codec
        self._reader = Reader(registered)
        self._exchanges = Exchanges() if is_http(codec) else None
        size = self._exchanges.size if self._exchanges is not None else None
        self.cutters = Cutter(codec, 0, kept), Cutter(codec, 1, kept, size)
        protocol = registered.protocol
        greets = protocol.session is None or protocol.session.handshake_ack is not None
        by_id = protocol.order is Order.BY_ID and protocol.id is not None
        self._calls = Calls(ends, by_id, said, unanswered=frozenset() if greets else {Kind.HANDSHAKE})
        if lost:
            for cutter in self.cutters:
                cutter.lose()

    def data(self, direction: int, time: int | None, data: bytes) -> None:
        self._tell(1 - direction, self.cutters[1 - direction].settle())
        self._tell(direction, self.cutters[direction].feed(time, data))

    def gap(self, direction: int, _time: int | None, size: int) -> None:
        self._tell(direction, self.cutters[direction].end(by_gap=size))

    def end(self) -> None:
        for direction in (0, 1):
            self._tell(direction, self.cutters[direction].end())
        for direction, cutter in enumerate(self.cutters):
            if cutter.skipped and cutter.state is not State.READING:
                self._problem(direction, Fault(cutter.at - cutter.skipped, "", f"{cutter.skipped} further bytes were not read"))
        self._calls.end()

    def _tell(self, direction: int, found: Iterable[Cut | Fault]) -> None:
        for each in found:
            if isinstance(each, Fault):
                self._problem(direction, each)
                continue
            message = self._reader.read(each, direction)
            add_values(message, self._values)
            for fault in message.faults:
                self._problem(direction, fault, message.time)
            self._calls.take(message)
            if self._exchanges is not None and message.fields is not None:
                self._exchange(message)

    def _exchange(self, message: Message) -> None:
        assert self._exchanges is not None
        if message.direction == 0:
            self._exchanges.asks(message.fields.head)
            return
        self._exchanges.answers(message.fields.head)
        if self._exchanges.tunnel:
            for cutter in self.cutters:
                cutter.stop()

    def _problem(self, direction: int, fault: Fault, time: int | None = None) -> None:
        self._said(Problem(self.ends, direction, self.registered.protocol.name, fault, time))
