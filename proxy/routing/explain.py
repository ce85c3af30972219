"""Why each route of a table did or did not match: for people, so slow, complete and independent of the indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from proxy.routing.condition import describe, holds
from proxy.snapshot import Route


class Verdict(NamedTuple):
    at: int
    """The route's index in its table."""
    route: str
    cluster: str
    matched: bool
    chosen: bool
    """The first that matched: what `decide` answers."""
    conditions: tuple[str, ...]


def explain(routes: Sequence[Route], values: Mapping[str, bytes | None]) -> list[Verdict]:
    """One verdict for each route, in list order."""
    verdicts = []
    decided = False
    for index, route in enumerate(routes):
        matched = all(holds(c, values[c.key]) for c in route.headers)
        lines = tuple(describe(c, values[c.key]) for c in route.headers)
        verdicts.append(Verdict(index, route.name, route.cluster, matched, matched and not decided, lines))
        decided = decided or matched
    return verdicts
