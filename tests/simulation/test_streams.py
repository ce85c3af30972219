"""HTTP/2 and HTTP/1.1, crossing in simulated worlds: fixed seeds, and fresh ones.

A seed that fails is printed with the command that replays it. XPROTO_SIM_SEED chooses where the fresh ones begin.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.h2_ledger import INTERNAL, Call, Judge
from tests.simulation.h2_world import FAULTS, World

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 80
FRESH = int(os.environ.get("XPROTO_SIM_SEED", "0")) or random.SystemRandom().randrange(10**6, 10**9)


def simulate(*words: object, hash_seed: str = "random") -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.simulation.h2_world", *map(str, words)], cwd=ROOT, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    return f"exit {ran.returncode}: {ran.stdout}{ran.stderr}"


@pytest.mark.parametrize("part", ["fixed", "fresh"])
def test_every_call_has_its_end(part: str) -> None:
    first = 1 if part == "fixed" else FRESH
    said = simulate("--seed", first, "--seeds", SEEDS)
    assert said.startswith(f"exit 0: {SEEDS} seeds"), said
    answers, refusals, resets = map(int, re.findall(r"(\d+) (?:answers|refusals|resets)", said))
    assert answers > SEEDS * 20
    assert refusals > 0
    assert resets > 0


def test_a_seed_replays_exactly() -> None:
    """Nothing of the process matters."""
    traces = {re.findall(r"steps=\d+, trace=\d+", simulate("--seed", 5, hash_seed=seed))[0] for seed in ("0", "1")}
    assert len(traces) == 1
    assert traces != {re.findall(r"steps=\d+, trace=\d+", simulate("--seed", 6))[0]}


def test_every_fault_comes_up() -> None:
    assert {fault for seed in range(1, 1 + SEEDS) for fault in World(seed).faults} == set(FAULTS)


def test_the_judge_knows_whose_reset_it_was() -> None:
    """What a server said may come although its connection was cut behind it; another's reason never does."""
    for code in (INTERNAL, 0x1234):
        call = Call(1, 0, "POST", "h2", 0, cut=True, reset_code=0x1234)
        Judge(keepalive=False).was_reset(call, code, 1)
    with pytest.raises(AssertionError, match="reset with 11"):
        Judge(keepalive=False).was_reset(Call(1, 0, "POST", "h2", 0, cut=True, reset_code=0x1234), 11, 1)
