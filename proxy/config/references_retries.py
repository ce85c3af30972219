"""What retry policies say of the rest of the file.

Whether their statuses exist, which the protocols of the listeners know that a table serves; and whether a try fits into the
deadline of the call, where one of the two is the virtual host's or the table's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from proxy.config.problems import Path
from proxy.config.protocols import Registry, resolve
from proxy.config.retries import EVENTS
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.virtual_hosts import Level, VirtualHost, levels_of, nearest
from xproto.errors import suggest

MOST_NAMED = 3
"""Protocols that a message lists; of `auto` there are many."""
MOST_STATUSES = 20
"""Likewise, with the events."""


def check_times(config: Config) -> Iterator[tuple[Path, str]]:
    """Tries that leave no time for another one, at the first level from the outside where that can be seen."""
    for table, routes in config.routes.items():
        for where, levels in levels_of(routes, ("routes", table)):
            own, around = levels[0], levels[1:]
            if own.timeout is None and not own.retry:
                continue  # it was seen at a level around this one
            if isinstance(own, Route) and own.timeout is not None and own.retry:
                continue  # its model looks
            timeout, retry = nearest("timeout", levels), nearest("retry", levels)
            tried = retry.per_try_timeout if retry else None
            if timeout and tried and tried >= timeout:
                yield _no_time(where, own, around, timeout, tried)


def _no_time(where: Path, own: Level, around: Sequence[Level], timeout: float, tried: float) -> tuple[Path, str]:
    if own.retry:
        given = "" if own.timeout is not None else f", {_level(around, 'timeout')}"
        wrong = f"{tried:g}s leaves no time of the timeout ({timeout:g}s{given}) for another try; write a shorter one"
        return (*where, "retry", "per_try_timeout"), wrong
    given = f"retry.per_try_timeout {_level(around, 'retry')}"
    wrong = f"{timeout:g}s leaves no time for another try of {tried:g}s ({given}); write a longer one, or a retry beside it"
    return (*where, "timeout"), wrong


def _level(around: Sequence[Level], key: str) -> str:
    """Whose word it is."""
    found = next(level for level in around if getattr(level, key) is not None)
    return f"of virtual host {found.name!r}" if isinstance(found, VirtualHost) else "of the table"


def check_statuses(config: Config, registry: Registry) -> Iterator[tuple[Path, str]]:
    """Statuses that no protocol of a table has. A table that no listener uses is held to those of all protocols."""
    for table, routes in config.routes.items():
        protocols = list(_speakers(config, table, registry))
        names = [protocol.name for protocol in protocols]
        said = " or ".join(names) if len(names) <= MOST_NAMED else "any protocol of its listeners"
        known = dict.fromkeys(name for protocol in protocols for name in protocol.statuses)
        for where, (level, *_) in levels_of(routes, ("routes", table)):
            for place, status in enumerate(level.retry.on if level.retry else ()):
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
