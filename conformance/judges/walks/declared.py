"""What a declaration brings along: delimited text, and parts that its own construct reads.

The second is no second opinion on construct, which is the only reader there is, but on what the kernel does with it.
"""

from __future__ import annotations

from typing import cast

from conformance.judges.walks.reading import BadSignal, Reading, ShortSignal
from xproto.lower.interpreted import Reader
from xproto.plan import NONE, Op


def until(reading: Reading, op: Op) -> None:
    """At most `x` bytes and then the delimiter."""
    found = reading.data[: reading.stop].find(op.data, reading.at)
    if found > reading.at + op.x or (found < 0 and reading.stop - reading.at >= op.x + len(op.data)):
        raise BadSignal
    if found < 0:
        raise ShortSignal(max(reading.stop + 1, reading.at + len(op.data)))
    reading.capture(op.b, reading.data[reading.at : found])
    reading.at = found + len(op.data)


def interpret(reading: Reading, op: Op) -> None:
    """`x` bytes, or what the section still has, by the field's own construct."""
    data = reading.take(reading.stop - reading.at if op.x < 0 else op.x)
    reader = cast("Reader", op.reader)
    try:
        value = reader.parse(data, reading.direction)
        block = reader.block(value) if op.keys else {}
        texts = {slot: reader.pick(block, key) for key, slot in op.keys}
    except Exception:  # noqa: BLE001 - whatever the construct raises is the frame's fault
        raise BadSignal from None
    if op.b != NONE:
        texts[op.b] = reader.text(value)
    for slot, text in texts.items():
        reading.capture(slot, text)
