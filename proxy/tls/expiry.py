"""What has to be said about dates, each thing once. Pure: the time is an argument.

A certificate is told of when 30, 7 and 1 days are left and when it has ended; but not at a mark that lies in the first half
of its life, since one that lives for a day is always about to end, and is renewed in time all the same. A revocation list is
told of when it should have been renewed, because from then on peers are refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from proxy.tls.facts import Certificate, Facts

DAY = 86_400.0
MARKS = (30 * DAY, 7 * DAY, 1 * DAY)
"""Seconds before the end."""
NEVER = float("inf")


class _Told(NamedTuple):
    """From `when` on, there is `text` to tell; of those of one `of`, the last that has come says all."""

    of: tuple[str, int]
    when: float
    text: str


class Reminder:
    """Of one material. `due` gives what has come since it was last asked: field and text."""

    def __init__(self, facts: Facts, now: float) -> None:
        self._left = sorted(_all(facts, now), key=lambda each: each.when)

    def due(self, now: float) -> list[tuple[str, str]]:
        if not self._left or now < self._left[0].when:
            return []
        come = [each for each in self._left if each.when <= now]
        self._left = self._left[len(come) :]
        latest = {each.of: each for each in come}
        return [(each.of[0], each.text) for each in latest.values()]


def _all(facts: Facts, now: float) -> Iterator[_Told]:
    for field, certificates in (("certificate", facts.chain), ("ca", facts.trust)):
        for index, each in enumerate(certificates):
            yield from ((_Told((field, index), when, text)) for when, text in _of(each))
            if each.not_before > now:
                text = f"{each.subject} does not hold before {render(each.not_before)}"
                yield _Told((field, -1 - index), now, text)
    for index, crl in enumerate(facts.crls):
        if crl.next_update is not None:
            text = f"the list of {crl.issuer} should have been renewed by {render(crl.next_update)}"
            yield _Told(("crl", index), crl.next_update, text)


def _of(certificate: Certificate) -> Iterator[tuple[float, str]]:
    life, end = certificate.not_after - certificate.not_before, render(certificate.not_after)
    for mark in MARKS:
        if mark <= life / 2:
            days = round(mark / DAY)
            yield certificate.not_after - mark, f"{certificate.subject} expires within {days} day{'s'[: days != 1]}, {end}"
    yield certificate.not_after, f"{certificate.subject} has expired, {end}"


def render(moment: float) -> str:
    """``2026-01-31T12:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
