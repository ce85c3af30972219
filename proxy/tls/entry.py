"""One secret in force, as control keeps it: what it is, what came of the last load, and what was said of it.

What always holds: its material is good, and stays until a better one is taken; of loads that come to the same, only the
first is told and counted, so a file that is looked at often, or stays broken, fills no log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from proxy.observe.log import Log
from proxy.tls.expiry import Reminder, render
from proxy.tls.facts import Certificate, Crl
from proxy.tls.guard import places_of
from proxy.tls.loading import Loaded, Opened
from proxy.tls.needs import Needs
from proxy.tls.providers import MaterialError
from proxy.tls.settings import Secret


class Entry:
    """`due`: its provider told of a change. `busy`: a load that takes too long, and goes on."""

    def __init__(self, secret: Secret, opened: Opened, needed: Needs, log: Log, clock: Callable[[], float]) -> None:
        self.secret, self.needed = secret, needed
        self.provider, self.version, self.loaded = opened
        self.places = places_of(self.provider)
        self.due = False
        self.busy: asyncio.Future[Any] | None = None
        self.watching: asyncio.Task[None] | None = None
        self.loads = {"ok": 1, "refused": 0}
        self._log, self._clock = log, clock
        self._refused: MaterialError | None = None
        self._taken_at = clock()
        self._reminder = Reminder(self.loaded.facts, self._taken_at)

    def __repr__(self) -> str:
        return f"<Entry {self.secret.name} {self.loaded.material!r}>"

    @property
    def ready(self) -> bool:
        """Whether it can be loaded now: a load that goes on too long is not doubled."""
        return self.busy is None or self.busy.done()

    def take(self, loaded: Loaded) -> bool:
        """Good material; whether it is other material than what is in force."""
        again, self._refused = self._refused, None
        if loaded.material == self.loaded.material:
            if again is not None:
                self._log.info(f"secret {self.secret.name}: is again what is in force")
            return False
        self.loaded = loaded
        self.loads["ok"] += 1
        self._taken_at = self._clock()
        self._reminder = Reminder(loaded.facts, self._taken_at)
        self._log.info(f"secret {self.secret.name}: renewed; it holds until {render(loaded.facts.expiry)}")
        return True

    def refuse(self, error: MaterialError) -> None:
        """Material that is no good, or none: what is in force stays."""
        if self._refused is not None and self._refused.problems == error.problems:
            return
        self._refused = error
        self.loads["refused"] += 1
        for line in error.lines():
            self._log.warning(f"secret {self.secret.name}: {line}")
        self._log.warning(f"secret {self.secret.name}: not taken; what is in force stays")

    def remind(self) -> None:
        """Says what there is to say of dates, each thing once."""
        for field, text in self._reminder.due(self._clock()):
            place = f"{self.places[field]}: " if field in self.places else ""
            self._log.warning(f"secret {self.secret.name}: {field}: {place}{text}")

    def describe(self) -> dict[str, Any]:
        """For people: nothing secret."""
        now, facts = self._clock(), self.loaded.facts
        return {
            "provider": self.secret.provider,
            "paths": self.places,
            "taken": render(self._taken_at),
            "refused": None if self._refused is None else list(self._refused.lines()),
            "certificate": [_certificate(each, now) for each in facts.chain],
            "ca": [_certificate(each, now) for each in facts.trust],
            "crl": [_crl(each) for each in facts.crls],
        }


def _certificate(facts: Certificate, now: float) -> dict[str, Any]:
    dates = {"not_before": render(facts.not_before), "not_after": render(facts.not_after)}
    left = {"days_left": int((facts.not_after - now) // 86_400)}
    return {**facts._asdict(), **dates, **left}


def _crl(facts: Crl) -> dict[str, Any]:
    renewed = None if facts.next_update is None else render(facts.next_update)
    return {**facts._asdict(), "last_update": render(facts.last_update), "next_update": renewed}
