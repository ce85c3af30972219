"""Length-prefixed pairs, and length-prefixed chunks: see `xproto.wire.keyvalues` and `xproto.wire.chunked`."""

from __future__ import annotations

from conformance.judges.walks.reading import BadSignal, Reading, ShortSignal
from xproto.plan import LITTLE, Op


def key_values(reading: Reading, op: Op) -> None:
    """Pairs until the section's end. A length of -1 is a null, and its pair is none."""
    while reading.at < reading.stop:
        key, value = _text(reading, op), _text(reading, op)
        if key is not None and value is not None:
            reading.pair(op, key, value)


def _text(reading: Reading, op: Op) -> bytes | None:
    size = reading.integer(op.width, op.flags)
    if size < -1 or size >= 1 << 63:
        raise BadSignal
    return None if size == -1 else reading.take(size)


def chunks(reading: Reading, op: Op) -> None:
    """Chunks until an empty one. A chunk asks for the length behind it too, which every chunk has."""
    while size := reading.integer(op.width, op.flags & LITTLE):
        if reading.at + size > reading.plan.limit:
            raise BadSignal
        if reading.at + size > reading.stop:
            raise ShortSignal(reading.at + size + op.width)
        reading.at += size
