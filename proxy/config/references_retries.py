"""Do the statuses that a route retries exist? Who knows is the protocols of the listeners that the route's table serves."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.config.problems import Path
from proxy.config.protocols import Registry
from proxy.config.retry_statuses import check_policy
from proxy.config.schema import Config
from proxy.config.speakers import speakers
from proxy.config.virtual_hosts import routes_of


def check_statuses(config: Config, registry: Registry) -> Iterator[tuple[Path, str]]:
    """What no protocol of a route's table has. A table that no listener uses is held to those of all protocols."""
    for table, routes in config.routes.items():
        spoken = speakers(config, table, registry)
        for where, route in routes_of(routes, ("routes", table)):
            if route.retry and spoken:  # nothing is known of protocols that could not be loaded
                yield from (((*where, "retry", *path), message) for path, message in check_policy(route.retry, spoken))
