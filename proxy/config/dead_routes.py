"""Routes that no call gets, and places that have none.

The first route that matches wins, and nothing falls through it. So a route is dead behind one without conditions, and behind
one with the same. What is hidden by several together, or by a wider condition, is not looked for: what is refused here is
certain, and found in one look at each route. A table may be empty where a listener has something else to do with what comes:
a fallback, or filters that answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.config.conditions import conditions
from proxy.config.match import Match
from proxy.config.problems import Path, render_path
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.source import Mark
from proxy.config.virtual_hosts import HostedTable

Found = Iterator[tuple[Path, str]]


def check(config: Config, marks: Mapping[Path, Mark]) -> Found:
    """`marks`: where in the file things are."""
    for name, table in config.routes.items():
        path: Path = ("routes", name)
        if isinstance(table, HostedTable):
            for index, host in enumerate(table.virtual_hosts):
                at = (*path, "virtual_hosts", index)
                if not host.routes:
                    yield at, "has no routes, so its calls go nowhere; write one, perhaps with a direct_response"
                yield from _hidden((*at, "routes"), host.routes, marks)
        elif table:
            yield from _hidden(path, table, marks)
        elif not any(each.fallback or each.filters for each in config.listeners if each.routes == name):
            yield path, "has no routes, so its calls go nowhere; write one, perhaps with a direct_response"


def _hidden(path: Path, routes: Sequence[Route], marks: Mapping[Path, Mark]) -> Found:
    before: dict[Any, int] = {}
    for index, route in enumerate(routes):
        asked = _asked(route.match)
        hiding = before.get(_asked(Match()), before.get(asked))
        if hiding is not None:
            mark = marks.get((*path, hiding))
            where = render_path((*path, hiding)) + (f" (line {mark.line})" if mark else "")
            what = "has the same match" if before.get(asked) == hiding and asked != _asked(Match()) else "takes every call"
            yield (*path, index), f"never gets a call, since {where} {what}; write it before that one, or leave it out"
        before.setdefault(asked, index)


def _asked(match: Match) -> tuple[Any, str | None]:
    """All that a call must meet, whatever the order in which it is written."""
    return frozenset(conditions(match)), match.expression
