"""Changes to an input that know the Plan: checksums that fit again, lengths that go with what they count.

libFuzzer's own changes find their way through single bytes; these are the ones that it could only make by luck.
"""

from __future__ import annotations

from random import Random

from conformance.generate.mutations import mutate, reseal
from conformance.judges.interpreter import run
from conformance.judges.trace import bounds, get, put
from xproto.plan import OpCode, Plan

_SIZED = {OpCode.SKIP, OpCode.ENTER}


def mutated(plan: Plan, data: bytes, rng: Random) -> bytes:
    """One change of a few kinds, and a checksum that fits where there is one."""
    kind = rng.randrange(8)
    if kind == 0:
        return data + data
    if kind == 1:
        return reseal(plan, mutate(data, rng))
    return reseal(plan, resized(plan, data, rng) if kind < 5 else revalued(plan, data, rng))


def resized(plan: Plan, data: bytes, rng: Random) -> bytes:
    """Bytes put into, or taken from, a counted part of the frame, and its lengths with them."""
    steps = run(plan, data, ignore_checksum=True).steps
    counted = [step for step in steps if step.op.code in _SIZED and len(step.parts) == 1]
    if not counted:
        return mutate(data, rng)
    step = rng.choice(counted)
    at = rng.randint(step.start, step.start + step.size)
    lost = min(rng.choice((0, 0, 1, 4, step.size)), step.start + step.size - at)
    added = rng.choice((b"", b"\0", b"\xff\xff\xff\xff", data[step.start : at], rng.randbytes(rng.randrange(1, 16))))
    changed = data[:at] + added + data[at + lost :]
    for sized in (*(steps[index] for index in step.around), step):
        if len(sized.parts) == 1:
            part = sized.parts[0]
            value = get(changed, part) + len(added) - lost
            if bounds(part)[0] <= value <= bounds(part)[1]:
                changed = put(changed, part, value)
    return changed


def revalued(plan: Plan, data: bytes, rng: Random) -> bytes:
    """An integer that the Plan decides by, at an end of what it can hold or next to what it was."""
    steps = run(plan, data, ignore_checksum=True).steps
    parts = [part for step in steps for part in (*step.parts, *step.inner)]
    if not parts:
        return mutate(data, rng)
    part = rng.choice(parts)
    lo, hi = bounds(part)
    now = get(data, part)
    wanted = rng.choice((lo, hi, now - 1, now + 1, now ^ 1 << rng.randrange(8), rng.randint(lo, hi)))
    return put(data, part, min(max(wanted, lo), hi))
