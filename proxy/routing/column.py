"""One key's cheap conditions (exact, prefix, suffix, present) of all routes, answered for one value at once.

A column holds at most one condition of each route; a route with two conditions on a key has them in two columns. The
routes without any pass always. That makes inversion one XOR: the indexes set the bits of the conditions whose text
fits, and `flip` holds the bits that pass when their index stays silent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from proxy.routing.affixes import Affixes
from proxy.routing.masks import Hits, mask, pack
from proxy.snapshot import HeaderMatch


class Column:
    def __init__(self, conditions: Mapping[int, HeaderMatch], everyone: int) -> None:
        """`conditions` by route; `everyone` is the mask of all routes of the table."""
        by_kind: dict[str, dict[bytes, list[int]]] = {k: defaultdict(list) for k in ("exact", "prefix", "suffix")}
        flip = absent = everyone & ~mask(tuple(conditions))
        for route, condition in conditions.items():
            if condition.kind == "present":
                # A value is there, or none is: the two masks decide it alone.
                absent |= (1 << route) if condition.invert else 0
                flip |= 0 if condition.invert else (1 << route)
            else:
                by_kind[condition.kind][condition.value.encode()].append(route)
                flip |= (1 << route) if condition.invert else 0
        self._absent = absent
        self._flip = flip
        self._exact: dict[bytes, Hits] = {text: pack(routes) for text, routes in by_kind["exact"].items()}
        # A longer value is in no entry, so it need not be hashed: it may be megabytes that a stranger chose.
        self._longest = max(map(len, self._exact), default=-1)
        self._prefixes = Affixes(by_kind["prefix"])
        self._suffixes = Affixes(by_kind["suffix"], suffixes=True)

    def passed(self, value: bytes | None) -> int:
        """The mask of the routes that this column does not rule out."""
        if value is None:
            return self._absent
        met = 0
        if len(value) <= self._longest:
            met = mask(self._exact.get(value, 0))
        if self._prefixes:
            met |= self._prefixes.find(value)
        if self._suffixes:
            met |= self._suffixes.find(value)
        return met ^ self._flip
