"""What retry policies say of the rest of the file.

Whether their statuses exist, which the protocols of the listeners know that a table serves; and whether a try fits into the
deadline of the call, where one of the two is the virtual host's or the table's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.config.problems import Path
from proxy.config.protocols import Registry
from proxy.config.retry_statuses import check_policy
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.speakers import speakers
from proxy.config.virtual_hosts import Level, VirtualHost, levels_of, nearest


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
    """What no protocol of a table has. A table that no listener uses is held to those of all protocols."""
    for table, routes in config.routes.items():
        spoken = speakers(config, table, registry)
        for where, (level, *_) in levels_of(routes, ("routes", table)):
            if level.retry and spoken:  # nothing is known of protocols that could not be loaded
                yield from (((*where, "retry", *path), message) for path, message in check_policy(level.retry, spoken))
