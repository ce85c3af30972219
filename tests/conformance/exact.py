"""Runs the kernel over bytes that end exactly where their memory ends, so that reading one byte too many is seen.

A `bytes` object has a NUL behind it, which hides such a read. Here the bytes lie at the end of a page whose next page
cannot be read (the process dies), or, under the address sanitizer, in a block of malloc of exactly their size.

    python -m tests.conformance.exact guard|malloc MUTATIONS EVERY

MUTATIONS: of good frames, for each protocol. EVERY: 1 for all derived vectors, 4 for a quarter of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import random
import sys
from collections.abc import Iterator
from dataclasses import replace

from conformance.generate.examples import collect, strategy
from conformance.generate.mutations import random_vectors
from conformance.outcome import Complete
from conformance.subject import Subject
from tests.conformance.layouts import LAYOUTS
from tests.conformance.subjects import KEYS, NAMES, good_frames, subject, vectors
from xproto.kernel.codec import Frame
from xproto.kernel.splice import Splicer
from xproto.lower import lower

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.malloc.restype = LIBC.mmap.restype = ctypes.c_void_p
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
PROT_NONE = 0
SIZE = 1 << 20


class Guarded:
    """Bytes at the end of readable memory: what lies behind them cannot be read."""

    def __init__(self) -> None:
        both = mmap.PROT_READ | mmap.PROT_WRITE
        start = LIBC.mmap(None, SIZE + mmap.PAGESIZE, both, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        self.end = start + SIZE
        assert LIBC.mprotect(self.end, mmap.PAGESIZE, PROT_NONE) == 0

    def place(self, data: bytes) -> memoryview:
        return _view(self.end - len(data), data)

    def release(self, view: memoryview) -> None:
        """The one region is used again."""


class Malloced:
    """Bytes in a block of exactly their size; the sanitizer guards both ends."""

    def __init__(self) -> None:
        self.address = 0

    def place(self, data: bytes) -> memoryview:
        self.address = LIBC.malloc(len(data))
        return _view(self.address, data)

    def release(self, view: memoryview) -> None:
        view.release()
        LIBC.free(self.address)


def _view(address: int, data: bytes) -> memoryview:
    ctypes.memmove(address, data, len(data))
    return memoryview((ctypes.c_ubyte * len(data)).from_address(address)).cast("B")


def subjects(every: int) -> Iterator[tuple[Subject, list[bytes], list[bytes]]]:
    """Each protocol with its good frames and its derived vectors."""
    for name in NAMES:
        attacks = [data for data, _ in vectors(name)][::every] if name.endswith("limited") else []
        yield subject(name), list(good_frames(name))[:60], attacks
    for protocol in LAYOUTS:
        found = Subject(lower(protocol))
        yield found, collect(strategy(found.lowered), 20), []


def main(place: Guarded | Malloced, mutations: int, every: int) -> int:
    """Returns the number of runs."""
    runs = 0
    for found, frames, attacks in subjects(every):
        mutated = random_vectors(frames, found.lowered.verify, random.Random(2), mutations)
        keys = found.lowered.lookup(KEYS)
        looking = Subject(replace(found.lowered, verify=keys.plan))
        for data in [*attacks, *mutated]:
            if not data or len(data) > SIZE:
                continue
            view = place.place(data)
            outcomes = found.scan(view), found.verify(view), looking.verify(view)
            place.release(view)
            runs += len(outcomes)
            if isinstance(outcomes[0], Frame) and outcomes[0].size == len(data):
                found.codec.with_id(data, (1 << found.codec.id_bits) - 1)
                found.lookup(KEYS, data)
                runs += 2
        runs += splices(found, frames)
    return runs


def splices(found: Subject, frames: list[bytes]) -> int:
    """Replaces the header block of each Bolt frame and the body of each Dubbo frame by others."""
    path = {"bolt": "headers", "dubbo": "body"}.get(found.name)
    if path is None:
        return 0
    splicer = Splicer(found.codec, path)
    good = [f for f in frames if found.verify(f) == Complete(len(f)) and isinstance(found.scan(f), Frame)]
    for frame in good:
        for replacement in (b"", b"\0" * 9, b"x" * 300):
            with contextlib.suppress(OverflowError):
                splicer.splice(frame, replacement)
    return 3 * len(good)


if __name__ == "__main__":
    ways = {"guard": Guarded, "malloc": Malloced}
    count = main(ways[sys.argv[1]](), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(f"{count} runs over exact buffers ({sys.argv[1]}): clean\n")
