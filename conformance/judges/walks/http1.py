"""HTTP/1.1's heads and bodies, read as the kernel must: byte by byte, refusing at the first wrong one.

What a whole head says is left to the reference in `xproto.wire.http1`, which shares no code with the kernel: a third
reader of all of RFC 9112's grammar would cost more than it could find. Its end, the body, and the texts that routes ask
for (`conformance.judges.http1_texts`) are read here anew.
"""

from __future__ import annotations

import io

from construct import ConstructError, Container, StreamError

from conformance.judges.http1_texts import text_of
from conformance.judges.walks.reading import BadSignal, Reading, ShortSignal
from xproto.plan import Op
from xproto.wire.http1 import (
    CHUNKED,
    COUNTED,
    MAX_EXTENSIONS,
    MAX_HEAD,
    MAX_TRAILERS,
    NONE,
    HttpHead,
    fact,
)

MAX_DIGITS = 15
"""Of a chunk's size."""
_HEX = b"0123456789abcdefABCDEF"
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NEVER = {b"content-length", b"transfer-encoding", b"host", b"connection", b"upgrade", b"expect"}
"""Trailers that would frame or route a message."""


def head(reading: Reading, op: Op) -> None:
    """A head, at the frame's beginning."""
    stream = io.BytesIO(reading.data[:MAX_HEAD])
    context = Container(_params=Container(from_upstream=reading.direction))
    try:
        found = HttpHead()._parse(stream, context, op.path)  # noqa: SLF001 - the reference
    except StreamError:
        raise ShortSignal from None
    except ConstructError:
        raise BadSignal from None
    reading.at = stream.tell()
    reading.set(op.dst, found.facts)
    reading.set(op.a, found.length)
    for key, slot in op.keys:
        reading.capture(slot, text_of(found, key))


def body(reading: Reading, op: Op) -> None:
    """What the head announced."""
    form, length = fact(reading.get(op.a), "form"), reading.get(op.b)
    if form == NONE:
        return
    if form == COUNTED:
        if length > reading.room:
            raise BadSignal
        reading.take(length)
        return
    if form != CHUNKED:
        raise ShortSignal  # no frame tells where it ends: the connection's end does
    try:
        while size := _chunk(reading):
            reading.take(size)
            _exactly(reading, b"\r\n")
        _trailers(reading)
    except ShortSignal:
        raise ShortSignal from None  # what a chunk needs is more than the next piece must bring


def _exactly(reading: Reading, wanted: bytes) -> None:
    for byte in wanted:
        if reading.byte() != byte:
            raise BadSignal


def _is_text(byte: int) -> bool:
    return byte == 9 or (byte >= 0x20 and byte != 0x7F)


def _chunk(reading: Reading) -> int:
    """A chunk's size; behind it, its extensions."""
    digits = b""
    while (byte := reading.byte()) in _HEX:
        digits += bytes((byte,))
        if len(digits) > MAX_DIGITS:
            raise BadSignal
    if not digits or byte not in b"\r;":
        raise BadSignal
    extensions = 0
    while byte != 0x0D:
        byte = reading.byte()
        extensions += 1
        if byte != 0x0D and not (_is_text(byte) and extensions <= MAX_EXTENSIONS):
            raise BadSignal
    _exactly(reading, b"\n")
    return int(digits, 16)


def _trailers(reading: Reading) -> None:
    """Fields, and the empty line: not more bytes than they may be, the last one included."""
    start = reading.at

    def following() -> int:
        if reading.at - start + 2 > MAX_TRAILERS and reading.at < reading.stop:
            raise BadSignal
        return reading.byte()

    while (byte := following()) != 0x0D:
        name = b""
        while byte != 0x3A:
            if byte not in _TOKEN:
                raise BadSignal
            name += bytes((byte,))
            byte = following()
        if not name or name.lower() in _NEVER:
            raise BadSignal
        while (byte := following()) != 0x0D:
            if not _is_text(byte):
                raise BadSignal
        if following() != 0x0A:
            raise BadSignal
    _exactly(reading, b"\n")
