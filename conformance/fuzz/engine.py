"""libFuzzer in this process. It needs the driver, libFuzzer and the address sanitizer loaded before Python (see `launch`)."""

from __future__ import annotations

import ctypes
import os
import sys
import traceback
import zlib
from collections.abc import Sequence
from random import Random
from typing import Protocol

from conformance.fuzz.blocks import view

PYTHON_EVERY = 4
"""One mutation in so many is made in Python, which knows the Plan but takes longer."""


class Target(Protocol):
    """What is fuzzed. `test` returns where all is well; whatever it raises is a finding."""

    name: str

    def test(self, data: memoryview) -> None:
        """Asks everything of one input."""

    def mutate(self, data: bytes, rng: Random) -> bytes:
        """The input, changed."""


def choices(data: bytes | memoryview) -> Random:
    """Decisions that are not in the input's bytes, always the same for the same input."""
    return Random(zlib.crc32(data))  # noqa: S311 - test data


def run(target: Target, arguments: Sequence[str], report: str) -> None:
    """Runs libFuzzer with its own command line; it ends the process. `report`: the file for the edges (see driver.c)."""
    library = ctypes.CDLL(None)
    if not library.xproto_fuzz_modules():
        raise RuntimeError("no module of the kernel is instrumented")

    def test(address: int, size: int) -> int:
        try:
            target.test(view(address, size) if size else memoryview(b""))
        except BaseException:  # noqa: BLE001 - whatever is raised is what is looked for
            traceback.print_exc()
            sys.stderr.flush()
            os.abort()  # libFuzzer keeps the input
        return 0

    def mutate(address: int, size: int, room: int, number: int) -> int:
        try:
            changed = target.mutate(ctypes.string_at(address, size), Random(number))[:room]  # noqa: S311 - test data
            ctypes.memmove(address, changed, len(changed))
        except BaseException:  # noqa: BLE001 - a mutator that fails must not go unseen
            traceback.print_exc()
            sys.stderr.flush()
            os.abort()
        return len(changed)

    tested = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)(test)
    mutated = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint)(mutate)
    words = [b"xproto-fuzz", *(argument.encode() for argument in arguments)]
    argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    library.xproto_fuzz(len(words), argv, tested, mutated, PYTHON_EVERY, report.encode())
    raise RuntimeError("libFuzzer returned")
