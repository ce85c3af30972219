"""The workers' counters: one memfd each, mapped by control, which outlives every incarnation of its worker.

A memfd and not `multiprocessing.shared_memory`, whose children unlink what they only attached to.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable

SLOT = 8


class CounterMemory:
    """`array` has format ``Q`` and `size` slots; `descriptor` is what the worker gets."""

    def __init__(self, size: int) -> None:
        length = max(size, 1) * SLOT
        self.descriptor = os.memfd_create("xproto-counters", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, length)
        self._map = mmap.mmap(self.descriptor, length)
        self.array = memoryview(self._map).cast("Q")

    def zero(self, slots: Iterable[int]) -> None:
        """What a dead worker had open is open no more."""
        for slot in slots:
            self.array[slot] = 0

    def close(self) -> None:
        self.array.release()
        self._map.close()
        os.close(self.descriptor)
