"""Vectors derived from a Plan: good frames, attacked at each place that an op of the Plan looks at.

The Plan is run over a good frame with the tracing interpreter, which tells the bytes behind each check. Then: every
bound at lo-1, lo, hi, hi+1; every member of a set and its neighbours; every branch both ways; every length one less, one
more and far off, alone and with the bytes that it counts; every field deleted, doubled, cut into; every length inside
a wire primitive; the checksum in several wrong forms; the frame at its limit and one over. Each vector comes as it is
and, where the frame has a checksum, with one that fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from conformance.generate.edges import WANTED, possible, wrong_checksums
from conformance.generate.mutations import checksums, reseal, sealed
from conformance.generate.telling import TELLING
from conformance.judges.interpreter import run
from conformance.judges.trace import Part, Run, Step, bounds, get, put
from conformance.outcome import Complete
from xproto.plan import CHECK, NONE, Alu, OpCode, Plan

MAX_COMBINATIONS = 64
MAX_GROWTH = 1 << 17
"""Frames are grown to their limit, and fields to their greatest length, where that takes at most so many bytes."""
MAX_PLACES = 24
"""Places inside a serialized block whose byte is exchanged for telling others."""
MAX_SWEEPS = 3
"""Frames in which one op's serialized block is gone through in this way; it takes hundreds of vectors."""

_FORMS = {OpCode.JCE_INTEGER, OpCode.JCE_TEXT, OpCode.JCE_BYTES, OpCode.JCE_MAP}
"""Ops whose values come in several forms, told by their first byte."""
_GROWING = {OpCode.CHUNKS, OpCode.THRIFT_STRUCT, OpCode.TTWITTER_HEADER}
"""Ops at the root by which a frame can be grown to its limit: of a text in them, or a chunk."""
_COMPARISONS = {Alu.EQ, Alu.NE, Alu.LT, Alu.LE, Alu.GT, Alu.GE}


@dataclass(frozen=True)
class Vector:
    """Bytes, and what was done to them."""

    name: str
    data: bytes


def covering(plan: Plan, frames: Iterable[bytes], each: int = 2, *, direction: int = 0) -> list[bytes]:
    """Few of the frames that together do what all of them do: each op, each way of each branch, each kind, so often."""
    done: Counter[tuple[object, ...]] = Counter()
    chosen = []
    for frame in frames:
        found = run(plan, frame, direction=direction)
        if not isinstance(found.outcome, Complete):
            continue
        steps = found.steps
        ways: list[tuple[object, ...]] = [(a.index, b.index) for a, b in pairwise(steps)]
        ways += [(s.index, "kind", found.registers[s.op.dst]) for s in steps if s.op.code is OpCode.TABLE]
        ways += [(s.index, "form", frame[s.start : s.start + 1]) for s in steps if s.op.code in _FORMS]
        ways += [(s.index, "facts", found.registers.get(s.op.dst)) for s in steps if s.op.code is OpCode.HTTP_HEAD]
        ways += [(s.index, "empty") for s in steps if s.op.code in {OpCode.SKIP, OpCode.ENTER} and not s.size]
        if any(done[way] < each for way in ways):
            done.update(ways)
            chosen.append(frame)
    return chosen


def derive(plan: Plan, frames: Sequence[bytes], seal: Plan | None = None, *, direction: int = 0) -> Iterator[Vector]:
    """Different vectors for all frames, each once. `seal` is the Plan (verify) that knows where the checksum is."""
    sealer = seal or plan
    seen: set[bytes] = set()
    sweeps: Counter[object] = Counter()
    for frame in frames:
        traced = run(plan, frame, direction=direction)
        if traced.outcome != Complete(len(frame)):
            raise ValueError(f"{plan.protocol}: vectors are derived from good frames: {frame.hex()}: {traced.outcome}")
        for vector in _Attack(plan, frame, traced, sweeps).vectors():
            for data in (vector.data, reseal(sealer, vector.data, direction), *_resealed_end(sealer, vector.data)):
                if data not in seen:
                    seen.add(data)
                    yield Vector(vector.name, data)


def _resealed_end(plan: Plan, data: bytes) -> list[bytes]:
    """The last four bytes as a checksum of all others: for frames that the Plan refuses too early to find it."""
    return [sealed(data[:-4], op) for op in checksums(plan)] if len(data) > 4 else []


@dataclass
class _Attack:
    plan: Plan
    frame: bytes
    traced: Run
    sweeps: Counter[object]

    def vectors(self) -> Iterator[Vector]:
        yield Vector("whole", self.frame)
        yield Vector("twice", self.frame * 2)
        yield Vector("trailing byte", self.frame + b"\0")
        single = [s.op.dst for s in self.traced.steps if s.op.code is OpCode.BITS and s.op.y == 1]
        likeness = (tuple(step.index for step in self.traced.steps), tuple(self.traced.registers[reg] for reg in single))
        for step in self.traced.steps:
            where = f"op {step.index} {step.op.code.name.lower()} {step.op.path}"
            self.sweeps[step.index] += 1
            self.sweeps[step.index, likeness] += 1
            for name, data in self._step(step, self.sweeps[step.index, likeness] == 1):
                yield Vector(f"{where}: {name}", data)

    def _step(self, step: Step, grow: bool) -> Iterator[tuple[str, bytes]]:
        """grow: whether the large vectors are wanted, which one frame of its like is enough for."""
        yield from self._values(step)
        if step.end > step.start:
            yield from self._bytes(step)
        if step.op.code in {OpCode.SKIP, OpCode.ENTER}:
            yield from self._length(step, grow)
        for part in step.inner:
            yield from self._inner(step, part, grow)
        if step.op.code is OpCode.KEYVALUES and step.inner and step.around and grow:
            yield from self._grown_pairs(step)
        if step.op.code in TELLING and self.sweeps[step.index] <= MAX_SWEEPS:
            yield from self._serialized(step)
        if step.op.code is OpCode.LITERAL:
            for at in range(step.start, step.end):
                for value in (self.frame[at] ^ 1, self.frame[at] ^ 0x80, 0):
                    yield f"byte {at} {value:#x}", self.frame[:at] + bytes((value,)) + self.frame[at + 1 :]

    def _values(self, step: Step) -> Iterator[tuple[str, bytes]]:
        """Every part that the op decides by, at the values where its decision changes."""
        wanted = WANTED.get(step.op.code)
        if wanted is None or not step.parts:
            return
        parts = tuple(dict.fromkeys(step.parts))
        choices = [possible(part, wanted(step.op), get(self.frame, part)) for part in parts]
        for part, values in zip(parts, choices, strict=True):
            for value in values:
                data = put(self.frame, part, value)
                yield f"{value}", data
                if len(data) != len(self.frame) and step.around:
                    yield f"{value}, counted", self._counted_in(step, data, len(data) - len(self.frame))
        if len(parts) > 1:
            small = [values[: 4 if len(parts) > 3 else 8] for values in choices]
            for count, combination in enumerate(product(*small)):
                if count >= MAX_COMBINATIONS:
                    break
                data = self.frame
                for part, value in sorted(zip(parts, combination, strict=True), key=lambda pair: -pair[0].at):
                    data = put(data, part, value)
                yield f"{combination}", data
        if step.op.code is OpCode.VARINT:
            yield from self._varint(step)

    def _varint(self, step: Step) -> Iterator[tuple[str, bytes]]:
        before, own, after = self.frame[: step.start], self.frame[step.start : step.end], self.frame[step.end :]
        for size in range(len(own) + 1, step.op.width + 3):
            padded = own[:-1] + bytes((own[-1] | 0x80,)) + b"\x80" * (size - len(own) - 1) + b"\0"
            yield f"the same in {size} bytes", before + padded + after
        yield "without an end", before + b"\xff" * (step.op.width + 2) + after
        yield "without an end, cut", before + b"\xff" * step.op.width

    def _bytes(self, step: Step) -> Iterator[tuple[str, bytes]]:
        start, end = step.start, step.end
        field = self.frame[start:end]
        yield from (("cut", self.frame[:at]) for at in {start, start + 1, end - 1, end})
        for name, replaced in (
            ("deleted", b""),
            ("doubled", field * 2),
            ("one byte less", field[:-1]),
            ("one byte less in front", field[1:]),
            ("one byte more", field + b"\0"),
            ("one byte more in front", b"\1" + field),
            ("reversed", field[::-1]),
            ("zero", bytes(len(field))),
            ("ones", b"\xff" * len(field)),
        ):
            yield name, self.frame[:start] + replaced + self.frame[end:]
            if step.around:
                yield f"{name}, counted", self._replaced(step, start, end, replaced)

    def _replaced(self, step: Step, start: int, end: int, replacement: bytes) -> bytes:
        """The frame with other bytes at start:end, and the lengths of the sections around raised or lowered."""
        data = self.frame[:start] + replacement + self.frame[end:]
        return self._counted_in(step, data, len(replacement) - (end - start))

    def _counted_in(self, step: Step, data: bytes, change: int) -> bytes:
        for index in step.around:
            data = self._counted(data, self.traced.steps[index], change)
        return data

    @staticmethod
    def _counted(data: bytes, sized: Step, change: int) -> bytes:
        if len(sized.parts) != 1 or not change:
            return data
        part = sized.parts[0]
        value = get(data, part) + change
        return put(data, part, value) if value >= 0 else data

    def _length(self, step: Step, grow: bool) -> Iterator[tuple[str, bytes]]:
        """The length alone (in `_values`), and the length with the bytes that it counts."""
        end = step.start + step.size
        if not step.parts:
            return
        for change in (1, 2, 3, 4, 5, 8, 127, 128):
            yield f"{change} more", self._resized(step, end, bytes(change))
            if change <= step.size:
                yield f"{change} less", self._resized(step, end - change, b"", end)
        yield "empty", self._resized(step, step.start, b"", end)
        if grow:
            for change in self._growths(step):
                grown = (end, bytes(change), end) if change > 0 else (end + change, b"", end)
                resized = self._resized(step, *grown)
                yield f"{change:+} to a limit", resized
                if abs(len(resized) - self.plan.limit) <= 1:
                    yield f"{change:+} to a limit, one byte missing", resized[:-1]
        for value in (self.plan.limit - step.start, self.plan.limit - step.start + 1, len(self.frame) - step.start):
            for part in step.parts:
                yield f"length {value}", put(self.frame, part, value)

    def _growths(self, step: Step) -> Iterator[int]:
        """By how much the region must grow to bring the frame, or its length field, to a limit; and around that."""
        sizes = {step.size + self.plan.limit - len(self.frame)}
        for op in self.plan.ops:
            if op.dst == step.op.a and (op.code is OpCode.VARINT or op.flags & CHECK):
                sizes.add(op.y)
            elif op.code is OpCode.ALU and op.a == step.op.a != NONE and op.b == NONE and op.flags in _COMPARISONS:
                sizes.add(op.x)
        for size in sorted(size for wanted in sizes for size in (wanted - 1, wanted, wanted + 1)):
            if size >= 0 and 0 < abs(size - step.size) <= MAX_GROWTH:
                yield size - step.size

    def _resized(self, step: Step, start: int, replacement: bytes, end: int | None = None) -> bytes:
        stop = start if end is None else end
        data = self._replaced(step, start, stop, replacement)
        return self._counted(data, step, len(replacement) - (stop - start))

    def _grown_pairs(self, step: Step) -> Iterator[tuple[str, bytes]]:
        """A block of pairs at the limits of its section: the last value takes the growth."""
        last, section = step.inner[-1], self.traced.steps[step.around[-1]]
        stop = last.at + last.width + max(0, get(self.frame, last))
        for change in self._growths(section):
            size = get(self.frame, last) + change
            if change > 0 and size <= bounds(last)[1]:
                grown = put(self.frame, last, size)
                data = grown[:stop] + bytes(change) + grown[stop:]
                for index in step.around:
                    data = self._counted(data, self.traced.steps[index], change)
                yield f"{change:+} in the last value", data

    def _inner(self, step: Step, part: Part, grow: bool) -> Iterator[tuple[str, bytes]]:
        if step.op.code is OpCode.CRC32:
            for value in wrong_checksums(self.frame, part):
                yield f"checksum {value:#x}", put(self.frame, part, value)
            return
        now = get(self.frame, part)
        for value in possible(part, [-1, -2, 0, 1], now):
            yield f"length {value} at {part.at}", put(self.frame, part, value)
        yield f"length deleted at {part.at}", self._replaced(step, part.at, part.at + part.size, b"")
        room = self.plan.limit - len(self.frame)
        few = grow or (step.op.code in TELLING and self.sweeps[step.index] <= MAX_SWEEPS)
        if step.op.code in _GROWING and few and 0 < room <= MAX_GROWTH:
            for change in (room - 2, room - 1, room, room + 1):
                grown = put(self.frame, part, now + change)
                stop = part.at + part.size + now + len(grown) - len(self.frame)
                yield f"{change} more at {part.at}", grown[:stop] + bytes(change) + grown[stop:]

    def _serialized(self, step: Step) -> Iterator[tuple[str, bytes]]:
        """Bytes of a serialized block exchanged: the first for all others, later ones for telling ones."""
        telling = TELLING[step.op.code]
        places = list(range(step.start, step.end))[:: max(1, (step.end - step.start) // MAX_PLACES)]
        for at in places:
            for value in range(256) if at == step.start else telling.values:
                yield f"byte {at} {value:#x}", self.frame[:at] + bytes((value,)) + self.frame[at + 1 :]
        for name, inserted in telling.pieces.items():
            yield f"{name} before", self._replaced(step, step.start, step.start, inserted)
            yield f"{name} after", self._replaced(step, step.end, step.end, inserted)
            if step.end - step.start > 1:
                yield f"{name} at the end", self._replaced(step, step.end - 1, step.end - 1, inserted)
