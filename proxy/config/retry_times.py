"""Whether a call's deadline leaves time for a retry, where the deadline is its cluster's; and whether the cluster allows any.

A deadline of the route's own is held against its `per_try_timeout` by the route's model.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.config.problems import Path
from proxy.config.retries import Retry
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.virtual_hosts import routes_of

Found = Iterator[tuple[Path, str]]


def check(config: Config) -> Found:
    """Retries for which there is never time, or no budget."""
    for table, routes in config.routes.items():
        for where, route in routes_of(routes, ("routes", table)):
            if route.retry:
                yield from _in_time((*where, "retry"), route.retry, route, config)
                yield from _in_budget((*where, "retry"), route, config)


def _in_time(path: Path, retry: Retry, route: Route, config: Config) -> Found:
    deadlines = [(route.timeout, "the route's timeout")] if route.timeout is not None else [
        (config.clusters[name].timeout, f"the timeout of cluster {name!r}") for name in _clusters(route, config)
    ]  # fmt: skip
    for deadline, whose in deadlines:
        tried, base = retry.per_try_timeout, retry.back_off.base
        if route.timeout is None and tried is not None and tried >= deadline:
            said = f"{tried:g}s leaves no time of {whose} ({deadline:g}s) for another try; write a shorter one"
            yield (*path, "per_try_timeout"), said
            return
        if deadline and base >= deadline:
            said = f"a pause of up to {base:g}s leaves no time of {whose} ({deadline:g}s); write a shorter one"
            yield (*path, "back_off", "base"), said
            return


def _in_budget(path: Path, route: Route, config: Config) -> Found:
    names = _clusters(route, config)
    budgets = [config.clusters[name].retry_budget for name in names]
    if budgets and not any(each.percent or each.min_concurrent for each in budgets):
        told = " and ".join(map(repr, names))
        yield path, f"retry_budget of cluster {told} allows no retry at all; write more there, or leave retry out"


def _clusters(route: Route, config: Config) -> list[str]:
    """Those that it names, and that there are."""
    named = [route.cluster, *(each.name for each in route.clusters or () if each.weight)]
    return [name for name in named if name in config.clusters]
