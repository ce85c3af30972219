"""``python -m tests.simulation``: run seeds, replay one, shrink one."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.simulation.scenario import draw
from tests.simulation.shrink import failure, shrink
from tests.simulation.world import run

say = print  # a command line tool: this is its output

CALLS = 2000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many of them")
    parser.add_argument("--calls", type=int, default=CALLS, help="calls in each")
    parser.add_argument("--shrink", action="store_true", help="look for the smallest scenario that still fails")
    given = parser.parse_args()
    began, calls = time.perf_counter(), 0
    for seed in range(given.seed, given.seed + given.seeds):
        scenario = draw(seed, given.calls)
        if why := failure(scenario):
            say(f"seed {seed} fails: {why}\n{scenario}\nreplay: make sim SEED={seed} CALLS={given.calls}")
            if given.shrink:
                say(shrink(scenario, say))
            return 1
        if given.seeds == 1:
            say(f"seed {seed}: {run(scenario)}\n{scenario}")
        calls += given.calls
    say(f"{given.seeds} seeds, {calls} calls, {calls / (time.perf_counter() - began):,.0f} a second: all is well")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # an engine that is broken may never come to its end
