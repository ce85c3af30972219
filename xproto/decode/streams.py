"""TCP segments as the bytes of each direction, in order, once each.

Of bytes that were sent twice the first ones count. A hole is waited for until it is clear that the capture lacks it: the other
side acknowledged what is behind it, or MOST_HELD is waiting, or the connection ends. Then it is a gap, and said as one.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from xproto.autodetect.proxy_protocol import Endpoint
from xproto.decode.packets import ACK, FIN, RST, SYN, Segment

MOST_HELD = 1 << 20
"""Bytes behind a hole, and at most so many segments: a receive window's worth."""
MOST_HELD_IN_ALL = 64 << 20
"""Of all connections together: over it, the one that has more to hold does not wait for its holes."""
MOST_SEGMENTS = 1024
ACKED_SEGMENTS = 3
"""Segments behind a hole after which an acknowledgement of it counts: captures may change the order of close packets."""
MOST_CONNECTIONS = 16_384
"""Open at a time; the one that was silent longest is given up."""
MOST_CLOSED = 1024
"""Connections that are remembered after their end, so that late copies of their bytes are known for what they are."""


class Receiver(Protocol):
    """What one connection is told. direction: 0 from `source`, 1 from `destination`."""

    def data(self, direction: int, time: int | None, data: bytes) -> None: ...
    def gap(self, direction: int, time: int | None, size: int) -> None: ...
    def end(self, reason: str) -> None: ...


Opener = Callable[[Endpoint, Endpoint, bool], Receiver]
"""(source, destination, certain): a receiver for a new connection. certain: it was seen that source opened it."""


@dataclass
class _Half:
    """One direction. Places are counted from the first byte, without wrapping."""

    first: int | None = None
    """The sequence number of place 0."""
    next: int = 0
    """The place of the byte that is to come."""
    held: list[tuple[int, int, Segment]] = field(default_factory=list)
    size: int = 0
    """Bytes held."""
    acked: int = 0
    fin: int | None = None

    def place(self, seq: int) -> int:
        """Of a sequence number: the one nearest to what is to come."""
        assert self.first is not None
        return self.next + ((seq - self.first - self.next + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


class _Connection:
    def __init__(self, source: Endpoint, receiver: Receiver) -> None:
        self.source, self.receiver = source, receiver
        self.halves = (_Half(), _Half())
        self.count = 0

    def take(self, segment: Segment) -> str:
        """Passes on what the segment adds; returns why the connection has ended, or nothing."""
        direction = 0 if segment.source == self.source else 1
        half, other = self.halves[direction], self.halves[1 - direction]
        seq = segment.seq
        if segment.flags & SYN:
            seq = (seq + 1) & 0xFFFFFFFF
            half.first = seq if half.first is None else half.first
        if segment.flags & ACK and other.first is not None:
            other.acked = max(other.acked, other.place(segment.ack))
            self._drain(1 - direction)
        if segment.data or segment.cut or segment.flags & FIN:
            half.first = seq if half.first is None else half.first
            self._put(direction, half.place(seq), segment)
        if segment.flags & RST:
            return "reset"
        return "closed" if all(each.fin is not None and each.next >= each.fin for each in self.halves) else ""

    def _put(self, direction: int, place: int, segment: Segment) -> None:
        half = self.halves[direction]
        if segment.flags & FIN:
            half.fin = place + len(segment.data) + segment.cut
        if place + len(segment.data) + segment.cut <= half.next:
            return
        self.count += 1
        heapq.heappush(half.held, (place, self.count, segment))
        half.size += len(segment.data)
        self._drain(direction)

    def _drain(self, direction: int, *, all_of_it: bool = False) -> None:
        half = self.halves[direction]
        while half.held:
            place, _, segment = half.held[0]
            if place > half.next:
                if not all_of_it and not self._is_lost(half, place):
                    return
                self.receiver.gap(direction, segment.time, place - half.next)
                half.next = place
            heapq.heappop(half.held)
            half.size -= len(segment.data)
            fresh = segment.data[half.next - place :]
            if fresh:
                half.next += len(fresh)
                self.receiver.data(direction, segment.time, fresh)
            missing = place + len(segment.data) + segment.cut - half.next
            if segment.cut and missing > 0:
                half.next += missing
                self.receiver.gap(direction, segment.time, missing)

    @staticmethod
    def _is_lost(half: _Half, place: int) -> bool:
        return (
            half.size > MOST_HELD
            or len(half.held) > MOST_SEGMENTS
            or (half.acked >= place and len(half.held) >= ACKED_SEGMENTS)
        )

    @property
    def held(self) -> int:
        return sum(half.size for half in self.halves)

    def release(self) -> None:
        """Passes on all that is held; what is missing in between is a gap."""
        for direction in (0, 1):
            self._drain(direction, all_of_it=True)

    def end(self, reason: str) -> None:
        self.release()
        self.receiver.end(reason)


class Streams:
    """All connections of a capture. `connections` counts them."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._open: OrderedDict[frozenset[Endpoint], _Connection] = OrderedDict()
        self._closed: OrderedDict[frozenset[Endpoint], None] = OrderedDict()
        self.connections = 0
        self._held = 0

    def feed(self, segment: Segment) -> None:
        key = frozenset((segment.source, segment.destination))
        connection = self._open.get(key)
        if connection is not None and self._is_another(connection, segment):
            self._end(key, "replaced by a new connection between the same ports")
            connection = None
        if connection is None:
            if not self._begins(key, segment):
                return
            connection = self._begin(key, segment)
        self._open.move_to_end(key)
        before = connection.held
        reason = connection.take(segment)
        self._held += connection.held - before
        if self._held > MOST_HELD_IN_ALL:
            self._held -= connection.held
            connection.release()
        if reason:
            self._end(key, reason)

    def finish(self) -> None:
        """The capture has ended, and with it every connection."""
        for key in list(self._open):
            self._end(key, "")

    @staticmethod
    def _is_another(connection: _Connection, segment: Segment) -> bool:
        if not segment.flags & SYN or segment.flags & ACK:
            return False
        half = connection.halves[0 if segment.source == connection.source else 1]
        return half.first is not None and half.first != (segment.seq + 1) & 0xFFFFFFFF

    def _begins(self, key: frozenset[Endpoint], segment: Segment) -> bool:
        if segment.flags & SYN:
            return True
        return bool(segment.data or segment.cut) and key not in self._closed and not segment.flags & RST

    def _begin(self, key: frozenset[Endpoint], segment: Segment) -> _Connection:
        if len(self._open) >= MOST_CONNECTIONS:
            self._end(next(iter(self._open)), f"given up: more than {MOST_CONNECTIONS} connections are open")
        self._closed.pop(key, None)
        self.connections += 1
        source, destination = segment.source, segment.destination
        if segment.flags & SYN and segment.flags & ACK:
            source, destination = destination, source
        connection = _Connection(source, self._opener(source, destination, bool(segment.flags & SYN)))
        self._open[key] = connection
        return connection

    def _end(self, key: frozenset[Endpoint], reason: str) -> None:
        connection = self._open.pop(key)
        self._held -= connection.held
        connection.end(reason)
        self._closed[key] = None
        if len(self._closed) > MOST_CLOSED:
            self._closed.popitem(last=False)
