"""What traffic policy costs, for `table.py`: 10,000 routes, filters, copies, and a host that goes under load.

Each part is a program of its own too: `routes.py --mixed`, `filters.py`, `mirroring.py`, `retries.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import filters
import mirroring
import mixed
import retries
import routes
from turns import Turns

PROTOCOLS = ("bolt", "http1")
"""Many calls on each connection, and one."""


def measure_parts(turns: Turns, rounds: int) -> dict[str, Any]:
    """By part. `rounds`: of what is not measured in turns. Raises StartError."""
    found: dict[str, Any] = {"routes": routes.measure_routes(turns, "bolt", mixed.table, mixed.ROUTES)}
    turns.say(f"{mixed.ROUTES} routes, keys that are new")
    found["misses"] = {
        "decisions": mixed.decide_costs(turns.folder, mixed.ROUTES),
        "calls": mixed.call_costs(turns.command, turns.folder, mixed.ROUTES),
    }
    found["filters"] = [row for proto in PROTOCOLS for row in filters.measure_filters(turns, proto)]
    found["mirroring"] = [row for proto in PROTOCOLS for row in mirroring.measure_copies(turns, proto)]
    found["cost"] = retries.cost_rows(turns, "bolt")
    found["kill"] = retries.kill_rows(replace(turns, rounds=rounds))
    return found


def lines(found: dict[str, Any]) -> Iterator[str]:
    """As the parts' own programs print it."""
    yield from map(routes.line, found["routes"])
    yield from mixed.lines(mixed.ROUTES, found["misses"]["decisions"], found["misses"]["calls"])
    yield from map(filters.line, found["filters"])
    yield from map(mirroring.line, found["mirroring"])
    yield from map(retries.line, (*found["cost"], *found["kill"]))
