"""Why each route of a table did or did not match: for people, so slow, complete and independent of the indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from proxy.routing.condition import describe, holds
from proxy.routing.domains import NOBODY, Domains
from proxy.routing.expression import compiled
from proxy.routing.keys import AUTHORITY
from proxy.snapshot import Route, VirtualHost

View = Mapping[str, bytes | None]


class Verdict(NamedTuple):
    at: int
    """The route's index in its table."""
    route: str
    cluster: str
    matched: bool
    """Whether its virtual host is the one that was chosen, and all its conditions hold."""
    chosen: bool
    """The first that matched: what `decide` answers."""
    conditions: tuple[str, ...]
    virtual_host: str = ""
    """Empty where the table has none."""
    failed: str = ""
    """Of a route that did not match: the first condition that failed, or that its virtual host was not chosen."""


def explain(routes: Sequence[Route], virtual_hosts: Sequence[VirtualHost], values: View) -> list[Verdict]:
    """One verdict for each route, in list order."""
    named = [host.name for host in virtual_hosts for _ in range(host.size)] or [""] * len(routes)
    chosen = chosen_host(virtual_hosts, values)
    verdicts: list[Verdict] = []
    decided = False
    for index, (route, host) in enumerate(zip(routes, named, strict=True)):
        told = [(holds(each, values[each.key]), describe(each, values[each.key])) for each in route.headers]
        if route.expression:
            told.append(_expression(route.expression, values))
        other = "" if host == (chosen or "") else f"virtual host {host}: not chosen"
        failed = other or next((line for met, line in told if not met), "")
        first = not failed and not decided
        lines = tuple(line for _, line in told)
        verdicts.append(Verdict(index, route.name, route.cluster, not failed, first, lines, host, failed))
        decided = decided or first
    return verdicts


def chosen_host(virtual_hosts: Sequence[VirtualHost], values: View) -> str | None:
    """The virtual host that a call is for; None where there is none."""
    at = Domains(virtual_hosts).find(values[AUTHORITY]) if virtual_hosts else NOBODY
    return virtual_hosts[at].name if at != NOBODY else None


def _expression(text: str, values: View) -> tuple[bool, str]:
    expression = compiled(text)
    given = [values[key] for key in expression.keys]
    return expression.holds(given), expression.describe(given)
