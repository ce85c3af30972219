"""What came of one check of one host, whatever it was checked by."""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal["passed", "unhealthy", "timeout", "connect", "closed", "malformed"]

OUTCOMES: tuple[Outcome, ...] = ("passed", "unhealthy", "timeout", "connect", "closed", "malformed")
"""`unhealthy`: it answered, and what it said is not that it is well; `connect`: it cannot be connected to; `closed`: the
connection or the stream ended before its answer did; `malformed`: its answer cannot be read."""


class Verdict(NamedTuple):
    """`reason` is for people; empty where the check passed."""

    outcome: Outcome
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Only an answer that says so."""
        return self.outcome == "passed"
