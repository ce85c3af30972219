"""Plans, run in Python: a second opinion on the kernel, and an account of what each op read.

Written from the Plan's own description, sharing no line with the kernel: integers here never wrap, bytes are sliced,
values of the wire primitives are read by `conformance.judges.walks`. Besides the outcome it keeps a `Step` for each op
that ran and where every register came from, so that vectors can be derived from the Plan: a check is attacked at the
bytes that it reads.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from conformance.judges.trace import Part, Run, Step, members
from conformance.judges.walks import WALKS, BadSignal, Reading, ShortSignal
from conformance.outcome import Complete, Malformed, More, Outcome
from xproto.lower.roles import apply
from xproto.plan import AT, CHECK, LITTLE, NONE, SIGNED, VERIFY, Alu, Form, Op, OpCode, Plan, Result

_MASK = (1 << 64) - 1


def run(plan: Plan, data: bytes, *, ignore_checksum: bool = False, direction: int = 0) -> Run:
    """Runs the Plan over the frame that `data` begins with. direction: 1 for a frame from a server."""
    return _Interpreter(plan, data, direction, ignore_checksum=ignore_checksum).run()


@dataclass
class _Interpreter(Reading):
    ignore_checksum: bool = False
    pc: int = 0
    size: int = 0
    entered: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registers |= {int(Result.CRC_AT): -1, int(Result.TIMEOUT_AT): -1, int(Result.DIRECTION): self.direction}

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
                return Run(outcome, steps, self.registers, self.slots, self.hidden, op)
            if op.code is OpCode.END:
                return Run(self._end(), steps, self.registers, self.slots, self.hidden)

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
        return self.origin.get(op.dst, ()) if op.code in {OpCode.LOAD, OpCode.VARINT, OpCode.BITS, OpCode.JCE_INTEGER} else ()

    def _room(self, op: Op) -> int:
        """The size that SKIP or ENTER asks for, once it fits the section, or at the root the limit."""
        size = op.x + (0 if op.a == NONE else self.get(op.a))
        if size < 0 or size > self.room:
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
                holds = op.code is OpCode.JUMP or (self.get(op.a) == op.y) is (op.code is OpCode.JEQ)
                self.pc = op.x if holds else self.pc
            case OpCode.BITS | OpCode.RANGE | OpCode.MEMBER | OpCode.SET | OpCode.ALU | OpCode.TABLE | OpCode.POS:
                self._compute(op)
            case OpCode.AHEAD:
                self._look(op)
            case OpCode.FAIL:
                raise BadSignal
            case OpCode.END:
                pass
            case _:
                WALKS[op.code](self, op)

    def _fixed(self, op: Op) -> None:
        start = self.at
        match op.code:
            case OpCode.LOAD:
                value = self.integer(op.width, op.flags)
                self.inner.clear()
                self.set(op.dst, value, (Part(start, op.width, op.width, op.flags & (LITTLE | SIGNED)),))
                if op.flags & AT:
                    self.registers[op.b] = start
                if op.flags & CHECK and not op.x <= value <= op.y:
                    raise BadSignal
            case OpCode.VARINT:
                value = self.varint(op.width)
                self.inner.clear()
                self.set(op.dst, value, (Part(start, self.at - start, 0, form=Form.VARINT),))
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
                found = int.from_bytes(self.take(4), "little" if op.flags & LITTLE else "big")
                if found != zlib.crc32(self.data[:start]) and not self.ignore_checksum:
                    raise BadSignal

    def _look(self, op: Op) -> None:
        """Whether these bytes come next: at the root once as many are there, in a section as far as it goes."""
        start = self.at
        if self.sections and start + len(op.data) > self.stop:
            self.set(op.dst, 0)
            return
        self.set(op.dst, int(self.take(len(op.data)) == op.data))
        self.at = start

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
        a = self.get(op.a)
        parts = self.origin.get(op.a, ())
        match op.code:
            case OpCode.BITS:
                own = tuple(Part(p.at, p.size, p.width, p.flags, op.x, op.y) for p in parts)
                self.set(op.dst, (a & _MASK) >> op.x & op.y, own)
            case OpCode.RANGE:
                if not op.x <= a <= op.y:
                    raise BadSignal
            case OpCode.MEMBER:
                if a not in members(op):
                    raise BadSignal
            case OpCode.SET:
                self.set(op.dst, op.x)
            case OpCode.ALU:
                b = op.x if op.b == NONE else self.get(op.b)
                self.set(op.dst, apply(Alu(op.flags), a, b), self._parts(op))
            case OpCode.TABLE:
                if not 0 <= a < len(op.data) or not op.data[a]:
                    raise BadSignal
                self.set(op.dst, op.data[a], parts)
            case _:
                self.registers[op.dst] = self.at
