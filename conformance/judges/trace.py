"""What a traced run of a Plan tells: each op that ran, and which bytes of the frame its decision rests on.

A `Part` is such a place: it can be read, and written again, without knowing the layout that it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conformance.outcome import Outcome
from xproto.plan import LITTLE, SIGNED, Form, Op
from xproto.wire.jce import integer_field


@dataclass(frozen=True)
class Part:
    """Bits of the frame that an integer was made of: ``integer at `at` >> shift & mask``.

    width: of the integer in bytes; 0 where it depends on the value: of a varint, or of a whole field of jce, which took
        `size` bytes.
    """

    at: int
    size: int
    width: int
    flags: int = 0
    shift: int = 0
    mask: int = -1
    form: Form = Form.FIXED


@dataclass(frozen=True)
class Step:
    """One op that ran: the bytes it consumed, and the parts of the frame that its decision rests on.

    inner: integers that a wire primitive read. around: indices of the steps that entered the sections around this one.
    size: what SKIP or ENTER asked for.
    """

    index: int
    op: Op
    start: int
    end: int
    parts: tuple[Part, ...] = ()
    inner: tuple[Part, ...] = ()
    around: tuple[int, ...] = ()
    size: int = 0


@dataclass
class Run:
    """What a run left behind. refused: the op that did not pass. hidden: see `walks.Reading`."""

    outcome: Outcome
    steps: list[Step]
    registers: dict[int, int]
    slots: dict[int, bytes]
    hidden: set[int]
    refused: Op | None = None


def members(op: Op) -> list[int]:
    """The values that MEMBER allows."""
    return [int.from_bytes(op.data[i : i + 8], "little", signed=True) for i in range(0, len(op.data), 8)]


def bounds(part: Part) -> tuple[int, int]:
    """The least and greatest value that the part's bits can hold."""
    if part.form is Form.JCE:
        return -(1 << 63), (1 << 63) - 1
    if not part.width:
        return 0, (1 << 7 * (part.size + 1)) - 1
    bits = 8 * part.width
    if part.mask >= 0:
        return 0, part.mask
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if part.flags & SIGNED else (0, (1 << bits) - 1)


def get(data: bytes, part: Part) -> int:
    """The part's value."""
    raw = data[part.at : part.at + part.size]
    if part.form is Form.JCE:
        return int.from_bytes(raw[2 if raw[0] >> 4 == 15 else 1 :], "big", signed=True)
    if not part.width:
        return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(raw))
    whole = int.from_bytes(raw, "little" if part.flags & LITTLE else "big", signed=bool(part.flags & SIGNED))
    return whole >> part.shift & part.mask if part.mask >= 0 else whole


def put(data: bytes, part: Part, value: int) -> bytes:
    """The bytes with this value in the part; one of no fixed width may take another number of bytes. Other bits stay."""
    lo, hi = bounds(part)
    if (part.width or part.form is Form.JCE) and not lo <= value <= hi:
        return data
    if part.form is Form.JCE:
        head = data[part.at : part.at + 2]
        raw = integer_field(head[1] if head[0] >> 4 == 15 else head[0] >> 4, value)
    elif not part.width:
        raw = b""
        while value > 0x7F:
            raw, value = raw + bytes((value & 0x7F | 0x80,)), value >> 7
        raw += bytes((value,))
    elif part.mask < 0:
        raw = value.to_bytes(part.width, "little" if part.flags & LITTLE else "big", signed=bool(part.flags & SIGNED))
    else:
        order: Literal["little", "big"] = "little" if part.flags & LITTLE else "big"
        old = int.from_bytes(data[part.at : part.at + part.width], order)
        raw = (old & ~(part.mask << part.shift) | value << part.shift).to_bytes(part.width, order)
    return data[: part.at] + raw + data[part.at + part.size :]
