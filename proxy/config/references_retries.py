"""Do the statuses that a route retries exist? Who knows is the protocols of the listeners that the route's table serves."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from proxy.config.problems import Path
from proxy.config.protocols import Registry, resolve
from proxy.config.retries import EVENTS
from proxy.config.schema import Config
from proxy.config.virtual_hosts import routes_of
from xproto.errors import suggest

MOST_NAMED = 3
"""Protocols that a message lists; of `auto` there are many."""
MOST_STATUSES = 20
"""Likewise, with the events."""


def check_statuses(config: Config, registry: Registry) -> Iterator[tuple[Path, str]]:
    """Statuses that no protocol of a route's table has. A table that no listener uses is held to those of all protocols."""
    for table, routes in config.routes.items():
        protocols = list(_speakers(config, table, registry))
        names = [protocol.name for protocol in protocols]
        said = " or ".join(names) if len(names) <= MOST_NAMED else "any protocol of its listeners"
        known = dict.fromkeys(name for protocol in protocols for name in protocol.statuses)
        for where, route in routes_of(routes, ("routes", table)):
            for place, status in enumerate(route.retry.on if route.retry else ()):
                path: Path = (*where, "retry", "on", place)
                if status in EVENTS or not protocols:  # nothing is known of protocols that could not be loaded
                    continue
                if not known:
                    yield path, f"answers of {said} say no status; write one of {', '.join(EVENTS)}"
                elif isinstance(status, str) and status not in known:
                    yield path, f"{status!r} is no status of {said}, and no event; {_instead(status, (*EVENTS, *known))}"


def _instead(status: str, known: tuple[str, ...]) -> str:
    """Of very many that could be meant only the nearest is named."""
    if len(known) <= MOST_STATUSES or get_close_matches(status, known, 1):
        return suggest(status, known)
    return f"write {', '.join(EVENTS)}, or a status (docs/retries.md)"


def _speakers(config: Config, table: str, registry: Registry) -> Iterator[Any]:
    """The declarations of all that calls of the table may come by, once each."""
    spoken: set[str] = set()
    for listener in config.listeners:
        if listener.routes == table:
            spoken.update(resolve(listener.protocols, registry))
        for chain in listener.filter_chains:
            if (chain.routes or listener.routes) == table:
                spoken.update(resolve(chain.protocols or listener.protocols, registry))
    for name, registered in registry.items():
        if name in spoken or not spoken:
            declared = getattr(registered, "protocol", None)
            if declared is not None:
                yield from declared.carries or (declared,)  # calls are what streams carry, where there are any
