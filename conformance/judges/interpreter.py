"""Plans, run in Python: a second opinion on the kernel, and an account of what each op read.

Written from the Plan's own description, sharing no line with the kernel: integers here never wrap, bytes are sliced,
and Hessian values are walked by the reference in `xproto.wire.hessian_skip`. Besides the outcome it keeps a `Step` for
each op that ran and where every register came from, so that vectors can be derived from the Plan: a check is attacked
at the bytes that it reads.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from conformance.judges.trace import Part, Run, Step, members
from conformance.judges.walks import BadSignal, Reading, ShortSignal
from conformance.outcome import Complete, Malformed, More, Outcome
from xproto.lower.roles import apply
from xproto.plan import AT, CHECK, LITTLE, NONE, SIGNED, VERIFY, Alu, Op, OpCode, Plan, Result

_MASK = (1 << 64) - 1


def run(plan: Plan, data: bytes, *, ignore_checksum: bool = False, direction: int = 0) -> Run:
    """Runs the Plan over the frame that `data` begins with. direction: 1 for a frame from a server."""
    found = _Interpreter(plan, data, ignore_checksum=ignore_checksum)
    found.registers[int(Result.DIRECTION)] = found.direction = direction
    return found.run()


@dataclass
class _Interpreter(Reading):
    ignore_checksum: bool = False
    pc: int = 0
    registers: dict[int, int] = field(default_factory=lambda: {int(Result.CRC_AT): -1})
    origin: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    size: int = 0
    entered: list[int] = field(default_factory=list)

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
            except BadSignal:
                outcome = Malformed(op.path, op.why)
            except ShortSignal as short:
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

    def _set(self, reg: int, value: int, parts: tuple[Part, ...] = ()) -> None:
        self.registers[reg] = value
        self.origin[reg] = parts

    def _get(self, reg: int) -> int:
        return self.registers.get(reg, 0)

    def _room(self, op: Op) -> int:
        """The size that SKIP or ENTER asks for, once it fits the section, or at the root the limit."""
        size = op.x + (0 if op.a == NONE else self._get(op.a))
        if size < 0 or self.at + size > (self.stop if self.sections else self.plan.limit):
            raise BadSignal
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
                self.key_values(op)
            case OpCode.CHUNKS:
                self.chunks(op)
            case OpCode.HESSIAN_TEXT | OpCode.HESSIAN_ARGS | OpCode.HESSIAN_MAP:
                self.hessian(op)
            case OpCode.UNTIL:
                self.until(op)
            case OpCode.INTERPRET:
                self.interpreted(op)
            case OpCode.FAIL:
                raise BadSignal
            case OpCode.END:
                pass

    def _fixed(self, op: Op) -> None:
        start = self.at
        match op.code:
            case OpCode.LOAD:
                value = self.integer(op.width, op.flags)
                self._set(op.dst, value, (Part(start, op.width, op.width, op.flags & (LITTLE | SIGNED)),))
                if op.flags & AT:
                    self.registers[op.b] = start
                if op.flags & CHECK and not op.x <= value <= op.y:
                    raise BadSignal
            case OpCode.VARINT:
                value = self._varint(op.width)
                self._set(op.dst, value, (Part(start, self.at - start, 0),))
                if not op.x <= value <= op.y:
                    raise BadSignal
            case OpCode.LITERAL:
                if self.take(len(op.data)) != op.data:
                    raise BadSignal
            case _:
                self.registers[op.dst] = start
                if not op.flags & VERIFY:
                    self.at += 4
                    return
                self.inner.append(Part(start, 4, 4, op.flags & LITTLE))
                if self.integer(4, op.flags & LITTLE) != zlib.crc32(self.data[:start]) and not self.ignore_checksum:
                    raise BadSignal

    def _varint(self, most: int) -> int:
        value = 0
        for i in range(most):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                return value
        raise BadSignal

    def _move(self, op: Op) -> None:
        match op.code:
            case OpCode.SKIP:
                size = self._room(op)
                if op.b == NONE:
                    self.at += size
                else:
                    self.slots[op.b] = self.take(size)
            case OpCode.ENTER:
                size = self._room(op)
                if self.at + size > self.stop:
                    raise ShortSignal(self.at + size)
                self.sections.append(self.at + size)
            case OpCode.LEAVE:
                self.at = self.sections.pop()
            case OpCode.REST:
                if op.b != NONE:
                    self.slots[op.b] = self.data[self.at : self.stop]
                self.at = self.stop
            case _:
                if self.at != self.stop:
                    raise BadSignal

    def _compute(self, op: Op) -> None:
        a = self._get(op.a)
        parts = self.origin.get(op.a, ())
        match op.code:
            case OpCode.BITS:
                own = tuple(Part(p.at, p.size, p.width, p.flags, op.x, op.y) for p in parts)
                self._set(op.dst, (a & _MASK) >> op.x & op.y, own)
            case OpCode.RANGE:
                if not op.x <= a <= op.y:
                    raise BadSignal
            case OpCode.MEMBER:
                if a not in members(op):
                    raise BadSignal
            case OpCode.SET:
                self._set(op.dst, op.x)
            case OpCode.ALU:
                b = op.x if op.b == NONE else self._get(op.b)
                self._set(op.dst, apply(Alu(op.flags), a, b), self._parts(op))
            case OpCode.TABLE:
                if not 0 <= a < len(op.data) or not op.data[a]:
                    raise BadSignal
                self._set(op.dst, op.data[a], parts)
            case _:
                self.registers[op.dst] = self.at
