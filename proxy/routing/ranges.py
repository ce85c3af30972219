"""Which of many ranges is an integer in: the ranges' ends cut the integers into stretches, in each of which the answer is one.

One bisection finds the stretch. What always holds: the stretches are in ascending order, and in front of the first there is
no range.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping

from proxy.routing.condition import bounds, integer
from proxy.routing.masks import Hits, mask, shrink


class Ranges:
    """An index from ranges (``START:END``, half open) to the routes that ask for them, each for one."""

    def __init__(self, entries: Mapping[bytes, list[int]]) -> None:
        begins: dict[int, int] = defaultdict(int)
        ends: dict[int, int] = defaultdict(int)
        for text, routes in entries.items():
            start, end = bounds(text.decode())
            begins[start] |= mask(tuple(routes))
            ends[end] |= mask(tuple(routes))
        self._starts = sorted(begins.keys() | ends.keys())
        self._hits: list[Hits] = []
        inside = 0
        for start in self._starts:
            inside = inside & ~ends[start] | begins[start]
            self._hits.append(shrink(inside))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def find(self, value: bytes) -> int:
        """The mask of the routes whose range the value is in."""
        number = integer(value)
        at = -1 if number is None else bisect_right(self._starts, number) - 1
        return mask(self._hits[at]) if at >= 0 else 0
