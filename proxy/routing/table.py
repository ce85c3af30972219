"""A route table, compiled: the first route in list order whose conditions all hold wins.

Every column (see `column.py`) turns one key's value into the set of routes that it does not rule out; the sets are
intersected, and the lowest bit left is the answer. There is no list of candidates to verify, so there is no value that
makes it long: 1,000 routes cost about what one costs, and callers who send a new value each time cost the same as
those who repeat themselves. Regexes come last and only as far as they can still change the answer.

Always: `decide` is `explain`'s chosen route, and no sequence of bytes raises.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from proxy.routing.column import Column
from proxy.routing.explain import Verdict, explain
from proxy.routing.patterns import Chunk, chunks
from proxy.snapshot import HeaderMatch, Route

_Slots = dict[tuple[str, int], dict[int, HeaderMatch]]
"""By key and ordinal: the ordinal-th condition of each route on that key."""


class RouteTable:
    """Raises ValueError for a regex that RE2 refuses; the configuration has refused it before, with its line."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.routes = routes
        self.keys: tuple[str, ...] = tuple(dict.fromkeys(c.key for route in routes for c in route.headers))
        self._everyone = (1 << len(routes)) - 1
        position = {key: at for at, key in enumerate(self.keys)}
        cheap, regexes = _slots(routes)
        self._columns = [(position[key], Column(slot, self._everyone)) for (key, _), slot in cheap.items()]
        self._chunks = _ordered(
            [(position[key], chunk) for (key, _), slot in regexes.items() for chunk in chunks(slot, self._everyone)]
        )

    def decide(self, values: Sequence[bytes | None]) -> int:
        """The index of the first route that matches, or -1. `values` in the order of `keys`, None for absent."""
        alive = self._everyone
        for at, column in self._columns:
            alive &= column.passed(values[at])
        for at, chunk, pending in self._chunks:
            if not alive & -alive & pending:
                break
            alive = chunk.narrow(values[at], alive)
        return (alive & -alive).bit_length() - 1

    def explain(self, values: Sequence[bytes | None]) -> list[Verdict]:
        """Why each route did or did not match, in list order."""
        return explain(self.routes, dict(zip(self.keys, values, strict=True)))

    def __repr__(self) -> str:
        return f"RouteTable({len(self.routes)} routes, keys={self.keys!r})"


def _slots(routes: tuple[Route, ...]) -> tuple[_Slots, _Slots]:
    cheap: _Slots = defaultdict(dict)
    regexes: _Slots = defaultdict(dict)
    for index, route in enumerate(routes):
        seen: Counter[tuple[str, bool]] = Counter()
        for condition in route.headers:
            is_regex = condition.kind == "regex"
            ordinal = seen[condition.key, is_regex]
            seen[condition.key, is_regex] += 1
            (regexes if is_regex else cheap)[condition.key, ordinal][index] = condition
    return cheap, regexes


def _ordered(parts: list[tuple[int, Chunk]]) -> list[tuple[int, Chunk, int]]:
    """By first route; each with the mask of the routes that it or a later chunk still may rule out."""
    parts.sort(key=lambda part: part[1].cover & -part[1].cover)
    out = []
    pending = 0
    for at, chunk in reversed(parts):
        pending |= chunk.cover
        out.append((at, chunk, pending))
    return out[::-1]
