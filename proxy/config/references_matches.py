"""Whether calls of a table can be of the protocols that its routes ask for: those that its listeners speak, or that are
carried by them.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.config.problems import Path
from proxy.config.protocols import CARRIED_NAMES, Registry
from proxy.config.routes import Route
from proxy.config.schema import Config
from proxy.config.speakers import speakers
from proxy.config.virtual_hosts import levels_of
from xproto.errors import suggest


def check(config: Config, registry: Registry) -> Iterator[tuple[Path, str]]:
    """Protocols that no listener of the route's table speaks. That there is such a one at all is `protocols`' matter."""
    for table, routes in config.routes.items():
        levels = [(where, level) for where, (level, *_) in levels_of(routes, ("routes", table))]
        asked = [(where, each.match.protocol) for where, each in levels if isinstance(each, Route) and each.match.protocol]
        spoken = [each.name for each in speakers(config, table, registry)] if asked else []
        for where, names in asked:
            for place, name in enumerate(names):
                if spoken and name not in spoken and (name in registry or name in CARRIED_NAMES):
                    at: Path = (*where, "match", "protocol", *((place,) if len(names) > 1 else ()))
                    yield at, f"no listener of this table speaks {name!r}; {suggest(name, spoken)}"
