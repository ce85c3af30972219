"""Limits: what is announced is never more than is allowed, and announcing costs nothing."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from functools import partial

from conformance.bench import Bench
from conformance.generate.derived import covering
from conformance.generate.mutations import reseal
from conformance.judges.interpreter import run
from conformance.judges.trace import Part, Step, bounds, members, put
from conformance.outcome import DisagreementError, Malformed, More
from conformance.subject import Subject
from conformance.suite import Case, Check
from xproto.kernel.codec import Frame
from xproto.plan import CHECK, OpCode

MOST_FRAME = 256 * 1024 * 1024
"""A frame limit above this is as good as none: a peer may have the proxy wait for it."""
MOST_MEMORY = 64 * 1024
"""Bytes that reading a head may take, whatever it announces."""


_DIGITS = re.compile(rb"[0-9a-fA-F]{1,18}(?=\r\n)")
_GIANTS = (b"4294967295", b"9" * 18, b"9" * 20, b"f" * 12, b"f" * 16)


def check_frame_limit(bench: Bench, _: bytes = b"") -> None:
    """There is a frame limit that protects."""
    limit = bench.protocol.limits.frame
    if limit > MOST_FRAME:
        what = f"limits.frame is {limit} bytes: a peer may announce a frame of that size; at most {MOST_FRAME} protect"
        raise DisagreementError(what, b"", field="limits.frame")


def check_announced(subject: Subject, path: str, data: bytes) -> None:
    """Whatever a length says: refused, or asked for within the limit, and nothing is set aside for it."""
    tracemalloc.start()
    try:
        found, verified = subject.scan(data), subject.verify(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    for answer in (found, verified):
        if isinstance(answer, More) and answer.total > subject.limit:
            what = f"{path}: {answer.total} bytes are waited for, limits.frame is {subject.limit}"
            raise DisagreementError(what, data, field=path)
    if peak > MOST_MEMORY:
        raise DisagreementError(f"{path}: reading the head takes {peak} bytes of memory", data, field=path)


def check_bound(subject: Subject, path: str, value: int, allowed: bool, data: bytes) -> None:
    """A value within its field's bounds is not refused for that field, and one outside is refused."""
    found = subject.verify(data)
    if (
        allowed
        and isinstance(found, Malformed)
        and found.path == path
        and not isinstance(subject.oracle.outcome(data), Malformed)
    ):
        raise DisagreementError(f"{path}: {value} is within its bounds and is refused", data, found, field=path)
    if not allowed and not isinstance(found, Malformed):
        raise DisagreementError(f"{path}: {value} is outside of its bounds and is accepted", data, found, field=path)


def _values(step: Step, part: Part) -> Iterator[tuple[int, bool]]:
    """Values at, below and above each bound of the field that this op checks."""
    lo, hi = bounds(part)
    op = step.op
    if op.code is OpCode.MEMBER:
        allowed = set(members(op))
        near = {value + by for value in allowed for by in (-1, 0, 1)}
    elif op.code in {OpCode.RANGE, OpCode.VARINT} or op.flags & CHECK:
        allowed = set()
        near = {op.x - 1, op.x, op.y, op.y + 1}
    else:
        return
    for value in sorted(near):
        if lo <= value <= hi:
            yield value, value in allowed if allowed else op.x <= value <= op.y


def _cases(bench: Bench) -> Iterator[Case]:
    yield Case("the frame limit", b"", partial(check_frame_limit, bench))
    for direction in (0, 1):
        subject = bench.subjects[direction]
        plan = subject.lowered.verify
        good = [data for way, _, data in bench.good() if way == direction and isinstance(subject.scan(data), Frame)]
        for index, frame in enumerate(covering(plan, good, direction=direction)):
            for step in run(plan, frame, direction=direction).steps:
                yield from _of_step(subject, frame, step, f"frame {index}")


def _of_step(subject: Subject, frame: bytes, step: Step, where: str) -> Iterator[Case]:
    plan, path = subject.lowered.verify, step.op.path
    checked = step.op.code in {OpCode.MEMBER, OpCode.RANGE, OpCode.VARINT, OpCode.LOAD}
    if step.op.code is OpCode.RANGE and any(op.code is OpCode.ALU and op.dst == step.op.a for op in plan.ops):
        checked = False  # a condition, whose value is not the field's
    for part in step.parts if checked and len(step.parts) == 1 else ():
        for value, allowed in _values(step, part):
            data = reseal(plan, put(frame, part, value), subject.direction)
            test = partial(check_bound, subject, path, value, allowed)
            yield Case(f"{where}, {path} = {value}", data, test, subject.direction)
    if step.op.code in {OpCode.SKIP, OpCode.ENTER}:
        for part in step.parts:
            top = bounds(part)[1]
            for value in (top, top - 1, (top + 1) >> 1, subject.limit, subject.limit + 1):
                data = put(frame, part, value)[: max(step.start, part.at + part.size)]
                announced = partial(check_announced, subject, path)
                yield Case(f"{where}, {path} of {value} bytes", data, announced, subject.direction)
    for part in step.inner:
        for value in (bounds(part)[1], (bounds(part)[1] + 1) >> 1):
            data = put(frame, part, value)[: part.at + part.size]
            announced = partial(check_announced, subject, path)
            yield Case(f"{where}, {path}: {value} at {part.at}", data, announced, subject.direction)
    if step.op.code in {OpCode.HTTP_HEAD, OpCode.HTTP_BODY}:
        yield from _written(subject, frame, step, where)


def _written(subject: Subject, frame: bytes, step: Step, where: str) -> Iterator[Case]:
    """Lengths in words, a body's and a chunk's: the digits that stand there become the greatest that can be written."""
    for found in _DIGITS.finditer(frame, step.start, step.end):
        for value in _GIANTS:
            data = frame[: found.start()] + value + frame[found.end() : step.end]
            name = f"{where}, {step.op.path}: {value.decode()} at {found.start()}"
            yield Case(name, data, partial(check_announced, subject, step.op.path), subject.direction)


LIMITS = Check("limits", "each bound holds at, below and above; giant lengths are refused and cost nothing", _cases)
