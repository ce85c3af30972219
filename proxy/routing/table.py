"""A route table, compiled: of the virtual host that a request is for, the first route in list order whose conditions all
hold wins.

Every column (see `column.py`) turns one key's value into the set of routes that it does not rule out; the sets are
intersected, and with them the routes of the virtual host. There is no list of candidates to verify, so there is no value
that makes it long: 10,000 routes cost about what one costs, and callers who send a new value each time cost the same as
those who repeat themselves. Regexes come after that, and expressions last, each only while its route may still win; what
they imply (`implied`) is in the columns too, so that few get so far.

Always: `decide` is `explain`'s chosen route, and no sequence of bytes raises.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from proxy.routing import expression as expressions
from proxy.routing.column import CHEAP, Column
from proxy.routing.domains import NOBODY, Domains
from proxy.routing.explain import Verdict, explain
from proxy.routing.expression import Expression
from proxy.routing.implied import implied
from proxy.routing.keys import AUTHORITY
from proxy.routing.masks import mask
from proxy.routing.patterns import CHUNK, Chunk, chunks
from proxy.routing.prefilter import Prefilter
from proxy.snapshot import HeaderMatch, Route, VirtualHost

_Slots = dict[tuple[str, int, bool], dict[int, HeaderMatch]]
"""By key, ordinal and whether case is ignored: the ordinal-th such condition of each route on that key."""


class RouteTable:
    """Raises ValueError for a regex or an expression that is refused: the configuration has refused it before, at its line."""

    def __init__(self, routes: tuple[Route, ...], virtual_hosts: tuple[VirtualHost, ...] = ()) -> None:
        self.routes, self.virtual_hosts = routes, virtual_hosts
        self._everyone = (1 << len(routes)) - 1
        self._domains = Domains(virtual_hosts) if virtual_hosts else None
        self._hosts = [mask_of(span) for span in spans(virtual_hosts)]
        compiled = {at: expressions.compiled(route.expression) for at, route in enumerate(routes) if route.expression}
        self.keys: tuple[str, ...] = tuple(dict.fromkeys(_keys(routes, virtual_hosts, compiled.values())))
        position = {key: at for at, key in enumerate(self.keys)}
        cheap, regexes = _slots(routes, compiled)
        self._columns = [(position[key], Column(slot, self._everyone, folds=folds)) for (key, _, folds), slot in cheap.items()]
        self._chunks = [
            (position[key], chunk) for (key, _, _), slot in regexes.items() for chunk in chunks(slot, self._everyone)
        ]
        self._prefilters = [
            (position[key], Prefilter(slot)) for (key, _, _), slot in regexes.items() if len(slot) > CHUNK
        ]
        self._regexes_of: dict[int, list[tuple[int, Chunk]]] = defaultdict(list)
        for at, chunk in self._chunks:
            for route in chunk.routes:
                self._regexes_of[route].append((at, chunk))
        self._expressions = {at: each.bind(position) for at, each in compiled.items()}
        self._dear = mask(tuple(self._regexes_of.keys() | compiled.keys()))

    def decide(self, values: Sequence[bytes | None]) -> int:
        """The index of the first route that matches, or -1. `values` in the order of `keys`, None for absent."""
        alive = self._everyone
        if self._domains is not None:
            host = self._domains.find(values[0])
            alive = self._hosts[host] if host != NOBODY else 0
        for at, column in self._columns:
            alive &= column.passed(values[at])
        if alive & self._dear:
            return self._first(values, alive)
        return (alive & -alive).bit_length() - 1

    def _first(self, values: Sequence[bytes | None], alive: int) -> int:
        """The first of the routes in `alive` whose regexes and expression hold."""
        sure = alive & ~self._dear
        if sure:
            alive &= ((sure & -sure) << 1) - 1
        for at, prefilter in self._prefilters:
            alive = prefilter.narrow(values[at], alive)
        settled: set[Chunk] = set()
        while alive:
            lowest = alive & -alive
            route = lowest.bit_length() - 1
            for at, chunk in self._regexes_of.get(route, ()):
                if chunk not in settled:
                    settled.add(chunk)
                    alive = chunk.narrow(values[at], alive)
            if alive & lowest:
                expression = self._expressions.get(route)
                if expression is None or expression(values):
                    return route
                alive ^= lowest
        return -1

    def explain(self, values: Sequence[bytes | None]) -> list[Verdict]:
        """Why each route did or did not match, in list order."""
        return explain(self.routes, self.virtual_hosts, dict(zip(self.keys, values, strict=True)))

    def __repr__(self) -> str:
        return f"RouteTable({len(self.routes)} routes, keys={self.keys!r})"


def spans(virtual_hosts: Iterable[VirtualHost]) -> Iterator[range]:
    """The routes of each virtual host."""
    start = 0
    for host in virtual_hosts:
        yield range(start, start + host.size)
        start += host.size


def mask_of(span: range) -> int:
    return (1 << span.stop) - (1 << span.start)


def _keys(routes: Iterable[Route], virtual_hosts: Sequence[VirtualHost], compiled: Iterable[Expression]) -> Iterator[str]:
    if virtual_hosts:
        yield AUTHORITY
    yield from (condition.key for route in routes for condition in route.headers)
    yield from (key for each in compiled for key in each.keys)


def _slots(routes: Sequence[Route], compiled: dict[int, Expression]) -> tuple[_Slots, _Slots]:
    """The conditions that columns answer, those that are implied among them, and those for chunks of regexes."""
    cheap: _Slots = defaultdict(dict)
    regexes: _Slots = defaultdict(dict)
    for index, route in enumerate(routes):
        seen: Counter[tuple[str, bool, bool]] = Counter()
        dear = [condition for condition in route.headers if condition.kind not in CHEAP]
        easy = [condition for condition in route.headers if condition.kind in CHEAP]
        easy += [each for condition in dear for each in implied(condition)]
        easy += compiled[index].implied if index in compiled else ()
        for slots, conditions, folds in ((cheap, easy, True), (regexes, dear, False)):
            for condition in conditions:
                kind = (condition.key, folds and condition.ignore_case, folds)
                slots[condition.key, seen[kind], kind[1]][index] = condition
                seen[kind] += 1
    return cheap, regexes
