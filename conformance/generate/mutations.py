"""What becomes of frames on a bad day: cut, flipped, bytes put in or lost, two in a row, no frame at all."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from hypothesis import strategies as st

from conformance.judges.interpreter import run
from xproto.plan import LITTLE, Op, OpCode, Plan

EDGE_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def mangled(frames: st.SearchStrategy[bytes], plan: Plan, direction: int = 0) -> st.SearchStrategy[bytes]:
    """Frames, and everything that can be made of them; with and without a checksum that fits again."""
    seeds = st.integers(0, 1 << 32)
    changed = st.builds(lambda frame, seed: mutate(frame, random.Random(seed)), frames, seeds)  # noqa: S311 - test data
    return (
        frames
        | st.tuples(frames, frames).map(b"".join)
        | changed
        | changed.map(lambda data: reseal(plan, data, direction))
        | st.binary(max_size=64)
    )


def reseal(plan: Plan, data: bytes, direction: int = 0) -> bytes:
    """The bytes with a checksum that fits them, where the Plan gets as far as one."""
    if not checksums(plan):
        return data
    found = run(plan, data, ignore_checksum=True, direction=direction)
    for step in reversed(found.steps):
        if step.op.code is OpCode.CRC32 and step.inner and step.end <= len(data):
            return sealed(data[: step.start], step.op) + data[step.end :]
    return data


def checksums(plan: Plan) -> list[Op]:
    """The Plan's ops for checksums."""
    return [op for op in plan.ops if op.code is OpCode.CRC32]


def sealed(data: bytes, op: Op) -> bytes:
    """The bytes with their checksum behind them, as this op expects it."""
    order: Literal["little", "big"] = "little" if op.flags & LITTLE else "big"
    return data + zlib.crc32(data).to_bytes(4, order)


def mutate(frame: bytes, rng: random.Random) -> bytes:
    """One to three small changes, or a cut."""
    data = frame
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(_CHANGES)(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes(b ^ 1 << rng.randrange(8) for b in data[at : at + 1]) + data[at + 1 :]


def _put(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes((rng.choice((*EDGE_BYTES, rng.randrange(256))),)) + data[at + 1 :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 1, 2, 4))) + data[at:]


def _delete(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + data[at + rng.choice((1, 1, 2, 4)) :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


_CHANGES: Sequence[Callable[[bytes, random.Random], bytes]] = (_flip, _flip, _put, _put, _insert, _delete, _cut)


def random_vectors(frames: Sequence[bytes], plan: Plan, rng: random.Random, count: int, direction: int = 0) -> Iterator[bytes]:
    """The frames themselves, then mutations of them, `count` in all; every other one gets a checksum that fits."""
    for index in range(count):
        frame = frames[index % len(frames)]
        if index < len(frames):
            yield frame
        else:
            mutated = mutate(frame, rng)
            yield reseal(plan, mutated, direction) if rng.random() < 0.5 else mutated


def prefixes(frame: bytes) -> Iterator[bytes]:
    """Every strict prefix, the empty one included."""
    for size in range(len(frame)):
        yield frame[:size]
