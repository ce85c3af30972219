"""Whether a call's deadline leaves time for a retry, where it is that of the cluster; and whether the cluster allows any.

What levels of a table say of each other is `references_retries`' matter. A policy that is the default of a virtual host or a
table may meet a cluster that allows no retry: there the cluster has said that it wants none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.config.problems import Path
from proxy.config.retries import Retry
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.virtual_hosts import Level, levels_of, nearest

Found = Iterator[tuple[Path, str]]


def check(config: Config) -> Found:
    """Retries for which there is never time, or no budget."""
    for table, routes in config.routes.items():
        for where, levels in levels_of(routes, ("routes", table)):
            route, retry = levels[0], nearest("retry", levels)
            if isinstance(route, Route) and retry:
                own = retry is route.retry
                for key, said in _in_time(retry, _deadlines(route, levels, config)):
                    yield (*where, "retry", *key) if own else where, said if own else f"its default for retries: {said}"
                if own and (message := _budget(route, config)):
                    yield (*where, "retry"), message


def _deadlines(route: Route, levels: Sequence[Level], config: Config) -> list[tuple[float, str]]:
    """Of its calls, and whose they are."""
    timeout = nearest("timeout", levels)
    if timeout is not None:
        return [(timeout, "the timeout")]
    return [(config.clusters[name].timeout, f"the timeout of cluster {name!r}") for name in _clusters(route, config)]


def _in_time(retry: Retry, deadlines: Sequence[tuple[float, str]]) -> Iterator[tuple[tuple[str, ...], str]]:
    """At most one. Where the timeout is a level's, tries are looked at elsewhere."""
    for deadline, whose in deadlines:
        tried, base = retry.per_try_timeout, retry.back_off.base
        if tried is not None and 0 < deadline <= tried and whose != "the timeout":
            said = f"{tried:g}s leaves no time of {whose} ({deadline:g}s) for another try; write a shorter one"
            yield ("per_try_timeout",), said
            return
        if 0 < deadline <= base:
            said = f"a pause of up to {base:g}s leaves no time of {whose} ({deadline:g}s); write a shorter one"
            yield ("back_off", "base"), said
            return


def _budget(route: Route, config: Config) -> str | None:
    names = _clusters(route, config)
    budgets = [config.clusters[name].retry_budget for name in names]
    if not budgets or any(each.percent or each.min_concurrent for each in budgets):
        return None
    return f"retry_budget of cluster {' and '.join(map(repr, names))} allows no retry at all; write more there, or retry: false"


def _clusters(route: Route, config: Config) -> list[str]:
    """Those that it names, and that there are."""
    named = [route.cluster, *(each.name for each in route.clusters or () if each.weight)]
    return [name for name in named if name in config.clusters]
