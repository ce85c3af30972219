"""When results change what is held of a host, decided purely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.health.thresholds import Thresholds, Vitals
from proxy.health.verdict import OUTCOMES, Verdict

THREE_TWO = Thresholds(3, 2)


def states(results: str, thresholds: Thresholds = THREE_TWO, start: Vitals | None = None) -> str:
    """`results`: `+` passed, `-` failed. What is held after each: `H` healthy, `u` unhealthy."""
    vitals, said = start or Vitals(), ""
    for result in results:
        vitals = vitals.after(result == "+", thresholds)
        said += "H" if vitals.healthy else "u"
    return said


@pytest.mark.parametrize(
    ("results", "held"),
    [
        ("+", "H"),
        ("-", "u"),
        ("+---", "HHHu"),
        ("+--+---", "HHHHHHu"),
        ("-+", "uu"),
        ("-++", "uuH"),
        ("-+-++", "uuuuH"),
        ("+---++---", "HHHuuHHHu"),
        ("-++-", "uuHH"),
    ],
)
def test_in_a_row(results: str, held: str) -> None:
    assert states(results) == held


def test_thresholds_of_one_follow_each_result() -> None:
    assert states("+-+--+", Thresholds(1, 1)) == "HuHuuH"


def test_what_is_held_before_the_first_result() -> None:
    assert Vitals() == Vitals(healthy=True, known=False, against=0)


@pytest.mark.parametrize(("result", "held"), [("+", "H"), ("-", "u")])
@pytest.mark.parametrize("before", ["+", "-"])
def test_the_first_result_of_another_check_counts_at_once(before: str, result: str, held: str) -> None:
    vitals = Vitals().after(before == "+", THREE_TWO).anew()
    assert vitals.healthy is (before == "+")
    assert states(result, start=vitals) == held


@given(st.text("+-", min_size=1, max_size=60), st.integers(1, 6), st.integers(1, 6))
def test_a_change_needs_as_many_results_as_its_threshold(results: str, unhealthy: int, healthy: int) -> None:
    held = "?" + states(results, Thresholds(unhealthy, healthy))
    for place in range(1, len(results)):
        before, after = held[place], held[place + 1]
        needed, result = (unhealthy, "-") if before == "H" else (healthy, "+")
        row = results[: place + 1]
        recent = len(row) - len(row.rstrip(result))
        since = len(held[: place + 1]) - len(held[: place + 1].rstrip(before))
        assert (after != before) is (min(recent, since) >= needed)


def test_only_passed_passes() -> None:
    assert [Verdict(outcome).passed for outcome in OUTCOMES] == [True, False, False, False, False, False]
