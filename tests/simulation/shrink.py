"""The smallest scenario that still fails: leave out what can be left out, again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.scenario import Scenario
from tests.simulation.world import run

TRIES = 400
SEEDS = 6
"""Tried for each smaller scenario: what is left out changes all that is drawn after it."""


def failure(scenario: Scenario) -> str:
    """What goes wrong, or nothing."""
    try:
        run(scenario)
    except AssertionError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def shrink(scenario: Scenario, tell: Callable[[str], object]) -> str:
    """A description of the smallest failing scenario that was found in about `TRIES` runs."""
    why, tries, found = failure(scenario), 0, True
    while found and tries < TRIES:
        found = False
        for candidate in scenario.smaller():
            tries += SEEDS
            if failing := _fails(candidate):
                scenario, why = failing
                found = True
                tell(f"smaller: {scenario}")
                break
    return f"smallest: {scenario}\n{why}"


def _fails(scenario: Scenario) -> tuple[Scenario, str] | None:
    for seed in range(scenario.seed, scenario.seed + SEEDS):
        candidate = replace(scenario, seed=seed)
        if why := failure(candidate):
            return candidate, why
    return None
