"""Who may bring the calls of a route table: the protocols of the listeners and filter chains that use it, and what of each is
asked when a policy is judged. Declarations know it; here it is only looked up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from proxy.config.protocols import Registry, resolve
from proxy.config.schema import Config
from xproto.lower.status import numbers_of

HTTP_STATUSES = (100, 599)
"""What RFC 9110 has classes for."""
ANY_STATUS = (-(1 << 31), (1 << 31) - 1)
"""Where nothing is known of the field."""
SUCCESSES = ("ok", "success", "reply")
"""What declarations call the status of a call that went well."""
HTTP_SUCCESSES = range(200, 300)


class Speaker(NamedTuple):
    """A protocol of messages. `least` and `most`: what its status may be. `web`: it is HTTP, or is carried by it."""

    name: str
    protocol: Any
    least: int
    most: int
    web: bool

    @property
    def has_status(self) -> bool:
        return bool(self.protocol.statuses)

    @property
    def has_methods(self) -> bool:
        """Of its own, beside those of HTTP."""
        return self.protocol.method is not None

    @property
    def answers_headers(self) -> bool:
        """Whether its answers have headers."""
        own = self.protocol.answer_headers
        return self.web or bool(self.protocol.headers is not None if own is None else own is not False)

    def takes(self, status: int) -> bool:
        return self.has_status and self.least <= status <= self.most

    def succeeds(self, status: str | int) -> bool:
        """Whether the status says that the call went well."""
        if isinstance(status, str):
            return status in SUCCESSES and status in self.protocol.statuses
        if self.web and self.least == HTTP_STATUSES[0]:
            return status in HTTP_SUCCESSES
        return any(status in numbers_of(self.protocol.statuses.get(name, ())) for name in SUCCESSES)


def speakers(config: Config, table: str, registry: Registry) -> list[Speaker]:
    """Of all that calls of the table may come by, once each; of a table that no listener uses: all that there are."""
    spoken: set[str] = set()
    for listener in config.listeners:
        if listener.routes == table:
            spoken.update(resolve(listener.protocols, registry))
        for chain in listener.filter_chains:
            if (chain.routes or listener.routes) == table:
                spoken.update(resolve(chain.protocols or listener.protocols, registry))
    return [each for name, registered in registry.items() if name in spoken or not spoken for each in _speakers(registered)]


def _speakers(registered: Any) -> Iterator[Speaker]:
    """Calls are what streams carry, where there are any."""
    declared = getattr(registered, "protocol", None)
    if declared is None:
        return
    lowered = getattr(registered, "lowered", None)
    web = any(each.http for each in registered.editable)
    inside = lowered.carried if lowered is not None and declared.carries else (lowered,) * len(declared.carries or (1,))
    for protocol, each in zip(declared.carries or (declared,), inside, strict=True):
        yield Speaker(protocol.name, protocol, *_statuses(protocol, each, web=web), web)


def _statuses(protocol: Any, lowered: Any, *, web: bool) -> tuple[int, int]:
    """What its statuses may be: what the field holds, or, where a header says it in decimal, what is declared."""
    field = None if lowered is None else lowered.status.value
    if web and field is not None:
        return HTTP_STATUSES
    if field is not None:
        return field.lo, field.hi
    numbers = [number for given in protocol.statuses.values() for number in numbers_of(given)]
    return (min(numbers), max(numbers)) if numbers else ANY_STATUS
