"""Plans, run in Python: a second opinion on the kernel, and an account of what each op read.

Written from the Plan's own description, sharing no line with the kernel: integers here never wrap, bytes are sliced,
and Hessian values are walked by the reference in `xproto.wire.hessian_skip`. Besides the outcome it keeps a `Step` for
each op that ran and where every register came from, so that vectors can be derived from the Plan: a check is attacked
at the bytes that it reads.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

from conformance.outcome import Complete, Malformed, More, Outcome
from xproto.lower.roles import apply
from xproto.plan import AT, CHECK, LITTLE, NONE, SIGNED, VERIFY, Alu, Op, OpCode, Plan, Result
from xproto.wire.hessian import count_types
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError

_MASK = (1 << 64) - 1
_PAIR = re.compile(rb"\xed([\xa0-\xaf])(.)\xed([\xb0-\xbf])(.)", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """Bits of the frame that an integer was made of: ``integer at `at` >> shift & mask``.

    width: of the integer in bytes; 0 for a varint that took `size` bytes.
    """

    at: int
    size: int
    width: int
    flags: int = 0
    shift: int = 0
    mask: int = -1


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
    """What a run left behind. `refused` is the op that did not pass."""

    outcome: Outcome
    steps: list[Step]
    registers: dict[int, int]
    slots: dict[int, bytes]
    refused: Op | None = None


class _Short(Exception):  # noqa: N818 - a signal between functions of this module
    def __init__(self, total: int = 0) -> None:
        super().__init__()
        self.total = total


class _Bad(Exception):  # noqa: N818 - likewise
    pass


def run(plan: Plan, data: bytes, *, ignore_checksum: bool = False) -> Run:
    """Runs the Plan over the frame that `data` begins with."""
    return _Interpreter(plan, data, ignore_checksum).run()


@dataclass
class _Interpreter:
    plan: Plan
    data: bytes
    ignore_checksum: bool
    at: int = 0
    pc: int = 0
    sections: list[int] = field(default_factory=list)
    registers: dict[int, int] = field(default_factory=lambda: {int(Result.CRC_AT): -1})
    origin: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    slots: dict[int, bytes] = field(default_factory=dict)
    inner: list[Part] = field(default_factory=list)
    size: int = 0
    entered: list[int] = field(default_factory=list)
    reader: Reader | None = None

    @property
    def stop(self) -> int:
        return self.sections[-1] if self.sections else len(self.data)

    def run(self) -> Run:
        steps: list[Step] = []
        while True:
            index, start, around = self.pc, self.at, tuple(self.entered)
            op = self.plan.ops[index]
            self.pc, self.inner, self.size = index + 1, [], 0
            parts = self._parts(op)
            outcome: Outcome | None = None
            try:
                self._one(op)
            except _Bad:
                outcome = Malformed(op.path, op.why)
            except _Short as short:
                outcome = self._short(op, short.total)
            parts = parts or self._own(op)
            steps.append(Step(index, op, start, self.at, parts, tuple(self.inner), around, self.size))
            if op.code is OpCode.ENTER:
                self.entered.append(len(steps) - 1)
            elif op.code is OpCode.LEAVE:
                self.entered.pop()
            if outcome is not None:
                return Run(outcome, steps, self.registers, self.slots, op)
            if op.code is OpCode.END:
                return Run(self._end(), steps, self.registers, self.slots)

    def _short(self, op: Op, total: int) -> Outcome:
        wanted = max(total, len(self.data) + 1)
        if self.sections or wanted > self.plan.limit:
            return Malformed(op.path, op.why)
        return More(wanted)

    def _end(self) -> Outcome:
        if self.at > self.plan.limit:
            return Malformed(self.plan.ops[-1].path, self.plan.ops[-1].why)
        return Complete(self.at) if self.at <= len(self.data) else More(self.at)

    def _parts(self, op: Op) -> tuple[Part, ...]:
        found = [self.origin.get(reg, ()) for reg in (op.a, op.b) if reg != NONE]
        return tuple(part for parts in found for part in parts)

    def _own(self, op: Op) -> tuple[Part, ...]:
        return self.origin.get(op.dst, ()) if op.code in {OpCode.LOAD, OpCode.VARINT, OpCode.BITS} else ()

    def _take(self, size: int) -> bytes:
        if self.at + size > self.stop:
            raise _Short(self.at + size)
        self.at += size
        return self.data[self.at - size : self.at]

    def _integer(self, width: int, flags: int) -> int:
        raw = self._take(width)
        return int.from_bytes(raw, "little" if flags & LITTLE else "big", signed=bool(flags & SIGNED))

    def _set(self, reg: int, value: int, parts: tuple[Part, ...] = ()) -> None:
        self.registers[reg] = value
        self.origin[reg] = parts

    def _get(self, reg: int) -> int:
        return self.registers.get(reg, 0)

    def _room(self, op: Op) -> int:
        """The size that SKIP or ENTER asks for, once it fits the section, or at the root the limit."""
        size = op.x + (0 if op.a == NONE else self._get(op.a))
        if size < 0 or self.at + size > (self.stop if self.sections else self.plan.limit):
            raise _Bad
        self.size = size
        return size

    def _one(self, op: Op) -> None:
        match op.code:
            case OpCode.LOAD | OpCode.VARINT | OpCode.LITERAL | OpCode.CRC32:
                self._fixed(op)
            case OpCode.SKIP | OpCode.ENTER | OpCode.LEAVE | OpCode.REST | OpCode.ENDED:
                self._move(op)
            case OpCode.JUMP | OpCode.JEQ | OpCode.JNE:
                holds = op.code is OpCode.JUMP or (self._get(op.a) == op.y) is (op.code is OpCode.JEQ)
                self.pc = op.x if holds else self.pc
            case OpCode.BITS | OpCode.RANGE | OpCode.MEMBER | OpCode.SET | OpCode.ALU | OpCode.TABLE | OpCode.POS:
                self._compute(op)
            case OpCode.KEYVALUES:
                self._key_values(op)
            case OpCode.CHUNKS:
                self._chunks(op)
            case OpCode.HESSIAN_TEXT | OpCode.HESSIAN_ARGS | OpCode.HESSIAN_MAP:
                self._hessian(op)
            case OpCode.FAIL:
                raise _Bad
            case OpCode.END:
                pass

    def _fixed(self, op: Op) -> None:
        start = self.at
        match op.code:
            case OpCode.LOAD:
                value = self._integer(op.width, op.flags)
                self._set(op.dst, value, (Part(start, op.width, op.width, op.flags & (LITTLE | SIGNED)),))
                if op.flags & AT:
                    self.registers[op.b] = start
                if op.flags & CHECK and not op.x <= value <= op.y:
                    raise _Bad
            case OpCode.VARINT:
                value = self._varint(op.width)
                self._set(op.dst, value, (Part(start, self.at - start, 0),))
                if not op.x <= value <= op.y:
                    raise _Bad
            case OpCode.LITERAL:
                if self._take(len(op.data)) != op.data:
                    raise _Bad
            case _:
                self.registers[op.dst] = start
                if not op.flags & VERIFY:
                    self.at += 4
                    return
                self.inner.append(Part(start, 4, 4, op.flags & LITTLE))
                if self._integer(4, op.flags & LITTLE) != zlib.crc32(self.data[:start]) and not self.ignore_checksum:
                    raise _Bad

    def _varint(self, most: int) -> int:
        value = 0
        for i in range(most):
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                return value
        raise _Bad

    def _move(self, op: Op) -> None:
        match op.code:
            case OpCode.SKIP:
                size = self._room(op)
                if op.b == NONE:
                    self.at += size
                else:
                    self.slots[op.b] = self._take(size)
            case OpCode.ENTER:
                size = self._room(op)
                if self.at + size > self.stop:
                    raise _Short(self.at + size)
                self.sections.append(self.at + size)
            case OpCode.LEAVE:
                self.at = self.sections.pop()
            case OpCode.REST:
                if op.b != NONE:
                    self.slots[op.b] = self.data[self.at : self.stop]
                self.at = self.stop
            case _:
                if self.at != self.stop:
                    raise _Bad

    def _compute(self, op: Op) -> None:
        a = self._get(op.a)
        parts = self.origin.get(op.a, ())
        match op.code:
            case OpCode.BITS:
                own = tuple(Part(p.at, p.size, p.width, p.flags, op.x, op.y) for p in parts)
                self._set(op.dst, (a & _MASK) >> op.x & op.y, own)
            case OpCode.RANGE:
                if not op.x <= a <= op.y:
                    raise _Bad
            case OpCode.MEMBER:
                if a not in members(op):
                    raise _Bad
            case OpCode.SET:
                self._set(op.dst, op.x)
            case OpCode.ALU:
                b = op.x if op.b == NONE else self._get(op.b)
                self._set(op.dst, apply(Alu(op.flags), a, b), self._parts(op))
            case OpCode.TABLE:
                if not 0 <= a < len(op.data) or not op.data[a]:
                    raise _Bad
                self._set(op.dst, op.data[a], parts)
            case _:
                self.registers[op.dst] = self.at

    def _text(self, op: Op) -> bytes | None:
        here = self.at
        size = self._integer(op.width, op.flags)
        self.inner.append(Part(here, op.width, op.width, op.flags & (LITTLE | SIGNED)))
        if size < -1 or size >= 1 << 63:
            raise _Bad
        return None if size == -1 else self._take(size)

    def _key_values(self, op: Op) -> None:
        while self.at < self.stop:
            key, value = self._text(op), self._text(op)
            if key is not None and value is not None:
                for name, slot in op.keys:
                    if name == key:
                        self.slots[slot] = value

    def _chunks(self, op: Op) -> None:
        while True:
            here = self.at
            size = self._integer(op.width, op.flags)
            self.inner.append(Part(here, op.width, op.width, op.flags & LITTLE))
            if not size:
                return
            if self.at + size > self.plan.limit:
                raise _Bad
            if self.at + size > self.stop:
                raise _Short(self.at + size + op.width)
            self.at += size

    def _hessian(self, op: Op) -> None:
        classes = self.reader.classes if self.reader else []
        reader = self.reader = Reader(self.data[: self.stop], self.at, classes)
        try:
            match op.code:
                case OpCode.HESSIAN_TEXT:
                    self._capture(op.b, reader.text_or_null())
                case OpCode.HESSIAN_ARGS:
                    self._arguments(op, reader)
                case _:
                    self._map(op, reader)
        except BadValueError:
            raise _Bad from None
        except ShortError:
            raise _Short from None
        self.at = reader.at

    def _capture(self, slot: int, text: bytes | None) -> None:
        self.slots.pop(slot, None)
        if slot != NONE and text is not None:
            self.slots[slot] = joined(text)

    def _arguments(self, op: Op, reader: Reader) -> None:
        count = count_types(self.slots.get(op.a, b"").decode("latin-1"))
        if count > len(reader.data) - reader.at:
            raise ShortError
        if count and _is_text(reader):
            self._capture(op.b, reader.text_or_null())
            count -= 1
        reader.skip(count)

    def _map(self, op: Op, reader: Reader) -> None:
        lead = reader.lead()
        if lead == 0x4E:
            return
        if lead == 0x4D:
            reader.type_name()
        elif lead != 0x48:
            raise BadValueError
        slots = dict(op.keys)
        while reader.lead() != 0x5A:
            reader.at -= 1
            key = self._item(reader)
            value = self._item(reader)
            slot = slots.get(key) if key is not None else None
            if slot is not None:
                self._capture(slot, value)

    @staticmethod
    def _item(reader: Reader) -> bytes | None:
        if _is_text(reader):
            return joined(reader.text_or_null() or b"")
        reader.skip()
        return None


def _is_text(reader: Reader) -> bool:
    lead = reader.lead()
    reader.at -= 1
    return lead < 0x20 or 0x30 <= lead < 0x34 or lead in b"SR"


def joined(text: bytes) -> bytes:
    """Java's pairs of three-byte surrogates as the four bytes of UTF-8; all other bytes as they are."""
    at, found = 0, False
    while at < len(text) and not found:
        lead = text[at]
        found = lead == 0xED and text[at + 1 : at + 2] >= b"\xa0"
        at += 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    return _PAIR.sub(_point, text) if found else text


def _point(pair: re.Match[bytes]) -> bytes:
    high = (pair[1][0] & 0x0F) << 6 | pair[2][0] & 0x3F
    low = (pair[3][0] & 0x0F) << 6 | pair[4][0] & 0x3F
    return chr(0x10000 + (high << 10 | low)).encode()


def members(op: Op) -> list[int]:
    """The values that MEMBER allows."""
    return [int.from_bytes(op.data[i : i + 8], "little", signed=True) for i in range(0, len(op.data), 8)]
