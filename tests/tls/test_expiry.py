"""What is said of dates, when, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from proxy.tls.expiry import DAY, Reminder
from proxy.tls.inspect import judge
from proxy.tls.material import Material
from tests.tls.authority import Authority

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NOON = NOW.timestamp()
AUTHORITY = Authority("root", not_before=NOW - timedelta(days=1), not_after=NOW + timedelta(days=3650))


def reminder(days: float, life: float = 365, now: float = NOON, begins: float | None = None) -> Reminder:
    """Of a leaf that has so many days left, of so many."""
    end = NOW + timedelta(days=days)
    start = end - timedelta(days=life) if begins is None else NOW + timedelta(days=begins)
    leaf = AUTHORITY.issue("web", not_before=start, not_after=end)
    return Reminder(judge(Material(leaf.certificate, leaf.key))[1], now)


def texts(found: list[tuple[str, str]]) -> list[str]:
    return [text for _, text in found]


def test_each_mark_once() -> None:
    made = reminder(40)
    assert made.due(NOON) == []
    assert made.due(NOON + 9.99 * DAY) == []
    assert made.due(NOON + 10 * DAY) == [("certificate", "CN=web expires within 30 days, 2030-02-10T00:00:00Z")]
    assert made.due(NOON + 10 * DAY) == []
    assert made.due(NOON + 33 * DAY) == [("certificate", "CN=web expires within 7 days, 2030-02-10T00:00:00Z")]
    assert made.due(NOON + 39 * DAY) == [("certificate", "CN=web expires within 1 day, 2030-02-10T00:00:00Z")]
    assert made.due(NOON + 40 * DAY) == [("certificate", "CN=web has expired, 2030-02-10T00:00:00Z")]
    assert made.due(NOON + 99 * DAY) == []


@pytest.mark.parametrize(
    ("days", "said"), [(29, "within 30 days"), (6, "within 7 days"), (0.5, "within 1 day"), (-1, "expired")]
)
def test_at_load_the_last_mark_only(days: float, said: str) -> None:
    [text] = texts(reminder(days).due(NOON))
    assert said in text


@pytest.mark.parametrize(
    ("life", "said"), [(90, "30 days"), (47, "7 days"), (10, "1 day"), (1, "has expired"), (0.04, "has expired")]
)
def test_no_mark_in_the_first_half_of_a_life(life: float, said: str) -> None:
    made = reminder(life, life)
    assert made.due(NOON) == []
    moment = next(NOON + step * DAY / 100 for step in range(10_000) if made._left[0].when <= NOON + step * DAY / 100)
    assert said in texts(made.due(moment))[0]


def test_before_its_time() -> None:
    made = reminder(100, begins=1)
    assert texts(made.due(NOON)) == ["CN=web does not hold before 2030-01-02T00:00:00Z"]
    assert made.due(NOON) == []
    assert reminder(100, begins=-1).due(NOON) == []


def test_roots_and_lists() -> None:
    short = Authority("short", not_before=NOW - timedelta(days=100), not_after=NOW + timedelta(days=2))
    crl = AUTHORITY.crl(last_update=NOW - timedelta(days=7), next_update=NOW + timedelta(days=1))
    made = Reminder(judge(Material(trust=AUTHORITY.certificate + short.certificate, crl=crl))[1], NOON)
    assert texts(made.due(NOON)) == ["CN=short expires within 7 days, 2030-01-03T00:00:00Z"]
    assert ("crl", "the list of CN=root should have been renewed by 2030-01-02T00:00:00Z") in made.due(NOON + DAY)
