"""Sets of routes as bit masks: bit *i* of an int stands for route *i*.

A decision intersects one such set per key. CPython's wide ints do that at some 40 ns for a thousand routes, which no
loop over candidates in Python reaches, and the cost does not depend on what a caller sends. Stored sets are mostly of
one or two routes; held as masks they would cost a table of n values n x n bits, so small ones stay tuples of indices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Hits = int | tuple[int, ...]
"""A stored set of routes: a tuple of indices, ascending, or a mask."""

DENSE = 16
"""From so many routes on a stored set is a mask: building one from indices on each decision would cost more."""


def pack(indices: Iterable[int]) -> Hits:
    return shrink(mask(tuple(indices)))


def shrink(bits: int) -> Hits:
    """A mask as it is stored."""
    return bits if bits.bit_count() >= DENSE else tuple(members(bits))


def mask(hits: Hits) -> int:
    if isinstance(hits, int):
        return hits
    out = 0
    for index in hits:
        out |= 1 << index
    return out


def members(bits: int) -> Iterator[int]:
    """The indices in a mask, ascending."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low
