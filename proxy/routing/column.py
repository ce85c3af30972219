"""One key's cheap conditions (exact, prefix, suffix, range, network, present) of all routes, answered for one value at once.

A column holds at most one condition of each route; a route with two conditions on a key has them in two columns. The
routes without any pass always. That makes inversion one XOR: the indexes set the bits of the conditions whose text
fits, and `flip` holds the bits that pass when their index stays silent. A condition with choices is in its indexes once for
each. Conditions that ignore case are in columns of their own, which look at the value in lower case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from proxy.routing.affixes import Affixes
from proxy.routing.masks import Hits, mask, pack
from proxy.routing.networks import Networks
from proxy.routing.ranges import Ranges
from proxy.snapshot import HeaderMatch

CHEAP = frozenset({"exact", "prefix", "suffix", "range", "network", "any_of", "present"})
"""Kinds that a column answers for all routes at once."""


class _Index(Protocol):
    def find(self, value: bytes) -> int: ...


class Column:
    def __init__(self, conditions: Mapping[int, HeaderMatch], everyone: int, *, folds: bool = False) -> None:
        """`conditions` by route; `everyone` is the mask of all routes of the table; `folds`: they ignore case."""
        by_kind: dict[str, dict[bytes, list[int]]] = defaultdict(lambda: defaultdict(list))
        flip = absent = everyone & ~mask(tuple(conditions))
        for route, condition in conditions.items():
            if condition.kind == "present":
                # A value is there, or none is: the two masks decide it alone.
                absent |= (1 << route) if condition.invert else 0
                flip |= 0 if condition.invert else (1 << route)
                continue
            flip |= (1 << route) if condition.invert else 0
            for kind, text in _choices(condition):
                by_kind[kind][text.encode()].append(route)
        self._folds = folds
        self._absent = absent
        self._flip = flip
        self._exact: dict[bytes, Hits] = {text: pack(routes) for text, routes in by_kind["exact"].items()}
        # A longer value is in no entry, so it need not be hashed: it may be megabytes that a stranger chose.
        self._longest = max(map(len, self._exact), default=-1)
        indexes = (
            Affixes(by_kind["prefix"]),
            Affixes(by_kind["suffix"], suffixes=True),
            Ranges(by_kind["range"]),
            Networks(by_kind["network"]),
        )
        self._indexes: tuple[_Index, ...] = tuple(index for index in indexes if index)

    def passed(self, value: bytes | None) -> int:
        """The mask of the routes that this column does not rule out."""
        if value is None:
            return self._absent
        if self._folds:
            value = value.lower()
        met = 0
        if len(value) <= self._longest:
            met = mask(self._exact.get(value, 0))
        for index in self._indexes:
            met |= index.find(value)
        return met ^ self._flip


def _choices(condition: HeaderMatch) -> Iterable[tuple[str, str]]:
    return condition.choices if condition.kind == "any_of" else ((condition.kind, condition.value),)
