"""A million calls through the real datapath in a simulated world: fixed seeds, and fresh ones.

A seed that fails is printed with the command that replays it. XPROTO_SIM_SEED chooses where the fresh ones begin.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.simulation import shrink as shrinking
from tests.simulation.scenario import FAULTS, Scenario, draw
from tests.simulation.speech import PROTOCOLS

ROOT = Path(__file__).resolve().parents[2]
CALLS = 2000
SEEDS = 125
"""In each of the four parts."""
FRESH = int(os.environ.get("XPROTO_SIM_SEED", "0")) or random.SystemRandom().randrange(10**6, 10**9)
PARTS = (1, 1 + SEEDS, FRESH, FRESH + SEEDS)


def simulate(*words: object, hash_seed: str = "random") -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    return f"exit {ran.returncode}: {ran.stdout}{ran.stderr}"


@pytest.fixture(scope="module")
def parts() -> Iterator[dict[int, Future[str]]]:
    with ThreadPoolExecutor(2) as pool:
        yield {first: pool.submit(simulate, "--seed", first, "--seeds", SEEDS, "--calls", CALLS) for first in PARTS}


@pytest.mark.parametrize("part", range(len(PARTS)))
def test_a_million_calls(parts: dict[int, Future[str]], part: int) -> None:
    assert len(PARTS) * SEEDS * CALLS == 1_000_000
    said = parts[PARTS[part]].result()
    assert said.startswith(f"exit 0: {SEEDS} seeds, {SEEDS * CALLS} calls"), said


def test_a_seed_replays_exactly() -> None:
    """Nothing of the process matters: no address, no hash seed, no time."""
    traces = {re.findall(r"steps=\d+, trace=\d+", simulate("--seed", 5, hash_seed=seed))[0] for seed in ("0", "1", "2")}
    assert len(traces) == 1
    assert traces != {re.findall(r"steps=\d+, trace=\d+", simulate("--seed", 6))[0]}


def test_every_fault_and_protocol_comes_up() -> None:
    drawn = [draw(seed, CALLS) for seed in range(1, 1 + 2 * SEEDS)]
    assert {fault for each in drawn for fault in each.faults} == set(FAULTS)
    assert {protocol for each in drawn for protocol in each.protocols} == set(PROTOCOLS)


def test_a_failure_shrinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here only a late answer over Dubbo fails, with over 300 calls: nothing else is left in what is reported."""

    def run(scenario: Scenario) -> None:
        assert not ("late" in scenario and "dubbo" in scenario.protocols and scenario.calls > 300), "late"

    monkeypatch.setattr(shrinking, "run", run)
    failing = next(each for each in (draw(seed, CALLS) for seed in range(1000)) if shrinking.failure(each))
    told = shrinking.shrink(failing, lambda _: None)
    assert "protocols=('dubbo',), faults=('late',)" in told
    (calls,) = re.findall(r"^smallest:.*calls=(\d+), clients=1, hosts=1", told, re.MULTILINE)
    assert 300 < int(calls) <= 600
    assert "AssertionError: late" in told
