"""The bytes of one direction as frames, by the kernel's scan.

A direction is *reading*, or *lost* (what came before the next byte is not known: the capture began later, or lacks bytes), or
*dead* (malformed: nobody could know where the next frame begins). Lost ends at the first packet that begins with a frame.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Codec
from xproto.spec import Kind

MOST_KEPT = 256 << 20
"""Bytes of frames that are not all there, of all connections together."""
FREE_SCANS, SCANS = 1 << 20, 16
"""Bytes that may be scanned again before a frame is whole: so many, and so many times the bytes that came."""


class State(enum.Enum):
    READING = "reading"
    LOST = "lost"
    DEAD = "dead"


class Cut(NamedTuple):
    """A frame. offset: in its direction's bytes. first, last: when its first and its last byte came."""

    offset: int
    data: bytes
    kind: Kind
    id: int
    timeout: int
    first: int | None
    last: int | None


class Fault(NamedTuple):
    """Why bytes could not be read. offset: in the direction's bytes; field: at fault, or ""; data: from the frame's start."""

    offset: int
    field: str
    why: str
    data: bytes = b""


class Kept:
    """How much all cutters of a run keep."""

    def __init__(self) -> None:
        self.size = 0


Size = Callable[[bytes], int | None]
"""The size of the frame that begins here where the kernel does not know it: see `xproto.decode.http`."""


class Cutter:
    """One direction: 0 for a client's bytes, 1 for a server's."""

    def __init__(self, codec: Codec, direction: int, kept: Kept, size: Size | None = None) -> None:
        self.codec, self.direction, self.state = codec, direction, State.READING
        self._kept, self._size = kept, size
        self._buffer = bytearray()
        self.at = 0
        """The offset of the first byte that is not read yet."""
        self._times: deque[tuple[int, int | None]] = deque()
        """(offset behind a piece, when it came)."""
        self._wanted = self._total = 0
        self._received = 0
        self.scanned = 0
        """Bytes that scans went over, those of frames that were not all there over and over."""
        self.skipped = 0
        """Bytes passed over since the direction was lost or dead."""

    def feed(self, time: int | None, data: bytes) -> Iterator[Cut | Fault]:
        if self.state is State.DEAD:
            self.skip(len(data))
            return
        if self.state is State.LOST and not self._begins(data):
            self.skip(len(data))
            return
        if self.state is State.LOST:
            self.state = State.READING
            if self.skipped:
                why = f"{self.skipped} bytes passed over, up to a packet that begins with a frame"
                yield Fault(self.at - self.skipped, "", why)
            self.skipped = 0
        self._buffer += data
        self._kept.size += len(data)
        self._received += len(data)
        self._times.append((self.at + len(self._buffer), time))
        yield from self._cut(self._wanted)
        if self._kept.size > MOST_KEPT:
            fault = Fault(self.at, "", f"given up: more than {MOST_KEPT >> 20} MiB wait for the rest of their frames")
            self.stop()
            yield fault

    def settle(self) -> Iterator[Cut | Fault]:
        """Frames that are whole and were not looked for yet: before the other direction goes on."""
        if self.scanned + len(self._buffer) <= FREE_SCANS + SCANS * self._received:
            yield from self._cut(self._total)

    def end(self, *, by_gap: int = 0) -> Iterator[Cut | Fault]:
        """No more bytes come, or so many are missing before the next ones."""
        if self.state is not State.READING:
            self.skip(by_gap)
            return
        yield from self._cut(0, ended=True)
        start, left = self.at, bytes(self._buffer)
        self._let_go(len(left))
        self.skip(by_gap)
        why = ""
        if left:
            why = f"the last frame is not all there: {len(left)} bytes of {max(self._total, len(left) + 1)} or more"
        if by_gap:
            self.state, self.skipped = State.LOST, 0
            why = f"{by_gap} bytes are not in the capture" + (f", in a frame of which {len(left)} are" if left else "")
        if why and self.state is not State.DEAD:
            yield Fault(start, "", why, left[:64])

    def lose(self) -> None:
        """It is not known whether a frame begins here."""
        self.state = State.LOST

    def stop(self) -> None:
        """What follows is not this protocol's."""
        self.state = State.DEAD
        self.skipped = len(self._buffer)
        self._let_go(len(self._buffer))

    def skip(self, size: int) -> None:
        self.at += size
        self.skipped += size

    def _begins(self, data: bytes) -> bool:
        try:
            found = self.codec.scan_bytes(data, self.direction)
        except MalformedError:
            return False
        return not isinstance(found, NeedMore) or found.total <= self.codec.frame_limit

    def _cut(self, wanted: int, *, ended: bool = False) -> Iterator[Cut | Fault]:
        while self._buffer and len(self._buffer) >= wanted and self.state is State.READING:
            try:
                found = self._whole(ended=ended)
            except MalformedError as error:
                fault = Fault(self.at + error.offset, error.path, error.why, bytes(self._buffer[:64]))
                self.stop()
                yield fault
                return
            if isinstance(found, NeedMore):
                self.scanned += len(self._buffer)
                self._total = found.total
                self._wanted = max(found.total, len(self._buffer) + len(self._buffer) // 8)
                return
            self.scanned += len(found.data)
            self._wanted = self._total = wanted = 0
            yield found

    def _whole(self, *, ended: bool) -> Cut | NeedMore:
        size = self._size(bytes(self._buffer)) if self._size is not None else None
        if size is not None and (len(self._buffer) < size or size < 0):
            if size > 0 or not ended:
                return NeedMore(max(size, len(self._buffer) + 1))
            size = len(self._buffer)
        if size is None:
            frame = self.codec.scan_bytes(self._buffer, self.direction)
            if isinstance(frame, NeedMore):
                return frame
            return self._take(frame.size, Kind(frame.kind), frame.id, frame.timeout)
        return self._take(size, Kind.RESPONSE, 0, 0)

    def _take(self, size: int, kind: Kind, number: int, timeout: int) -> Cut:
        offset, data = self.at, bytes(self._buffer[:size])
        first = self._times[0][1] if self._times else None
        last = next((time for end, time in self._times if end >= offset + size), None)
        self._let_go(size)
        return Cut(offset, data, kind, number, timeout, first, last)

    def _let_go(self, size: int) -> None:
        del self._buffer[:size]
        self.at += size
        self._kept.size -= size
        while self._times and self._times[0][0] <= self.at:
            self._times.popleft()

