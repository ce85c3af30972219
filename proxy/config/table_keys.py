"""How much a route table looks at: the kernel finds a bounded number of values in a frame (`xproto.plan.MAX_SLOTS`).

Looked at when the snapshot is made, since what an expression looks at is part of it. What always holds: a table that is
accepted can be asked of every protocol, some of which need several values for a key, and one for the call's timeout.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.config.problems import Path
from proxy.routing.expression import compiled
from proxy.routing.keys import is_own
from proxy.snapshot import Route, Snapshot

MAX_KEYS = 48
"""Of a table, those of the connection and the call itself not counted; a test asks every protocol for so many."""


def check(snapshot: Snapshot) -> Iterator[tuple[Path, str]]:
    """Tables that look at too much."""
    for name, routes in snapshot.routes.items():
        count = len({key for route in routes for key in _keys(route) if not is_own(key)})
        if count > MAX_KEYS:
            yield ("routes", name), f"looks at {count} keys of each call; write at most {MAX_KEYS} in one table"


def _keys(route: Route) -> Iterator[str]:
    yield from (condition.key for condition in route.headers)
    if route.expression:
        yield from compiled(route.expression).keys
