"""The values at which a decision changes: next to bounds, members and constants, and at the ends of what a field holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from conformance.judges.trace import Part, bounds, get, members
from xproto.plan import CHECK, Op, OpCode


def wrong_checksums(frame: bytes, part: Part) -> Iterator[int]:
    """A bit wrong, several, all of them, and the right one in the other order."""
    now = get(frame, part)
    yield from (now ^ 1, now ^ 0x80000000, now ^ 0xFFFFFFFF, 0, 0xFFFFFFFF)
    yield int.from_bytes(now.to_bytes(4, "little"), "big")


def _around(*values: int) -> list[int]:
    return [near for value in values for near in (value - 1, value, value + 1)]


def _load(op: Op) -> list[int]:
    return _around(op.x, op.y) if op.flags & CHECK else []


WANTED: dict[OpCode, Callable[[Op], list[int]]] = {
    OpCode.LOAD: _load,
    OpCode.VARINT: lambda op: _around(op.x, op.y),
    OpCode.JCE_INTEGER: lambda op: _around(op.x, op.y),
    OpCode.BITS: lambda op: _around(0, op.y),
    OpCode.RANGE: lambda op: _around(op.x, op.y),
    OpCode.MEMBER: lambda op: _around(*members(op)),
    OpCode.TABLE: lambda op: list(range(min(len(op.data), 33))),
    OpCode.JEQ: lambda op: _around(op.y),
    OpCode.JNE: lambda op: _around(op.y),
    OpCode.SKIP: lambda _: [],
    OpCode.ENTER: lambda _: [],
}


def possible(part: Part, wanted: Sequence[int], now: int) -> list[int]:
    """The wanted values and some of the part's own that fit into it, the wanted ones first."""
    lo, hi = bounds(part)
    half = (hi + 1) >> 1
    own = [now - 1, now, now + 1, 0, 1, lo, hi, half, half - 1, now ^ half]
    return [value for value in dict.fromkeys((*wanted, *own)) if lo <= value <= hi]
