"""Which of many prefixes does a value start with: sorted prefixes, each linked to the longest one inside it.

If any prefix of the list starts the value, then the greatest entry that is not above the value starts with that
prefix too. So one bisection finds an entry, and its chain of shorter entries holds all answers; the walk ends at the
first that fits, since every entry carries the routes of its whole chain. Cost: log n comparisons and the chain's
depth, whatever the value is. Suffixes are prefixes of the reversed value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from proxy.routing.masks import Hits, mask, shrink


class Affixes:
    """An index from prefixes (or suffixes) to the routes that ask for them."""

    def __init__(self, entries: Mapping[bytes, list[int]], *, suffixes: bool = False) -> None:
        self._reversed = suffixes
        owned = {text[::-1] if suffixes else text: routes for text, routes in entries.items()}
        self._texts = sorted(owned)
        self._longest = max(map(len, self._texts), default=0)
        self._parents: list[int] = []
        self._hits: list[Hits] = []
        met: list[int] = []
        for at, text in enumerate(self._texts):
            parent = at - 1
            while parent >= 0 and not text.startswith(self._texts[parent]):
                parent = self._parents[parent]
            self._parents.append(parent)
            met.append(mask(tuple(owned[text])) | (met[parent] if parent >= 0 else 0))
            self._hits.append(shrink(met[at]))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def find(self, value: bytes) -> int:
        """The mask of the routes whose prefix (suffix) the value has."""
        if self._reversed:
            value = value[-self._longest :][::-1] if self._longest else b""
        at = bisect_right(self._texts, value) - 1
        while at >= 0:
            if value.startswith(self._texts[at]):
                return mask(self._hits[at])
            at = self._parents[at]
        return 0
