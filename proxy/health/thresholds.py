"""When the results of checks change what is held of a host.

    healthy --`unhealthy` failures in a row--> unhealthy --`healthy` passes in a row--> healthy

The first result counts at once, in both directions. Until it is there a host is held for what it was before: for healthy,
if it is new.

What always holds: `against` is below the threshold that it counts towards; a result of the other kind sets it to 0.
"""

from __future__ import annotations

from typing import NamedTuple


class Thresholds(NamedTuple):
    """How many results in a row, each at least 1."""

    unhealthy: int
    healthy: int


class Vitals(NamedTuple):
    """What is held of one host."""

    healthy: bool = True
    known: bool = False
    """There was a result."""
    against: int = 0
    """Results in a row that say otherwise."""

    def after(self, passed: bool, thresholds: Thresholds) -> Vitals:
        """What is held once this result is there."""
        if passed == self.healthy:
            return Vitals(self.healthy, known=True)
        against = self.against + 1
        needed = (thresholds.unhealthy if self.healthy else thresholds.healthy) if self.known else 1
        return Vitals(passed, known=True) if against >= needed else Vitals(self.healthy, known=True, against=against)

    def anew(self) -> Vitals:
        """What is held when from now on something else is checked: the next result is a first one."""
        return Vitals(self.healthy)
