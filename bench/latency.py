"""Latency against load, open loop: what callers see who do not wait for each other.

100 % is what the first contender carries in a closed loop of 32 connections at depth 1: there each call has a read and a
write of its own, as it has here. (At depth 16 sixteen calls share them; no open loop of one thread comes near that rate.)
Then every contender gets the same rates, in turns, beyond 100 % too: the more calls wait, the more share a read. Latency
counts from the time at which a call was due, so a proxy that stalls cannot hide it.

Exit 1 if at half of the saturation this proxy's latency is over its bounds, or up to there one of its calls went wrong;
beyond 100 % a load that nobody can carry ends in calls that were not even sent.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import peers
from latency_picture import draw, table, write_table
from measure import HERE, Bench, Load, build, faults, ours_name, ratio, rpcload, seen
from ours import Ours
from processes import StartError, pick_ports

FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
DOCS = HERE.parent / "docs"
HALF = 0.5
BOUNDS = {"p50_us": 1.3, "p99_us": 2.0}
"""At half, to the first contender."""


def offer(load: Load, port: int, rate: float) -> dict[str, Any]:
    """What an open-loop load of `rate` calls a second saw."""
    result = seen(rpcload(load, port, "--rate", round(rate)))
    if "p50_us" not in result:
        raise StartError(f"the load did not run: {result.get('error')}")
    return result


def measure(bench: Bench, commands: dict[str, list[str]], load: Load) -> list[dict[str, Any]]:
    """A row for each contender and fraction: medians over the rounds, microseconds."""
    first = next(iter(commands))
    saturation = bench.run(first, commands[first], load)["rps"]
    found: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for number in range(bench.rounds):
        for fraction in FRACTIONS:
            for name, command in commands.items():
                bench.say(f"{fraction:.0%} of {saturation:,.0f} calls/s, round {number + 1} of {bench.rounds}: {name}")
                with bench.started(name, command, load.proto):
                    found.setdefault((name, fraction), []).append(offer(load, bench.ports.front, saturation * fraction))
    return [
        {
            "peer": name,
            "load": fraction,
            "rate": saturation * fraction,
            **{key: median(run[key] for run in runs) for key in BOUNDS},
            "rounds": {key: [run[key] for run in runs] for key in BOUNDS},
            "faults": sum(map(faults, runs)),
        }
        for (name, fraction), runs in found.items()
    ]


def figures(rows: list[dict[str, Any]], ours: str, first: str) -> dict[str, float]:
    """At half of the first contender's saturation: our p50 and p99 to its, medians of the rounds' ratios."""
    at = {row["peer"]: row["rounds"] for row in rows if row["load"] == HALF}
    return {key: ratio(at[ours][key], at[first][key]) for key in BOUNDS}


def verdict(ratios: dict[str, float], first: str) -> str:
    return "\n".join(
        f"{key[:3]} at half of {first}'s saturation, to {first}: {ratios[key]:.2f}, at most {bound}: "
        f"{'ok' if ratios[key] <= bound else 'short'}"
        for key, bound in BOUNDS.items()
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("proto", nargs="?", default="bolt", choices=("bolt", "boltv2", "dubbo"))
    parser.add_argument("--ours", default=f"{Path(sys.executable).parent / 'xproto'} run {{config}}")
    parser.add_argument("--peer", action="append", help="only these peers; the first is the yardstick")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--secs", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="draw docs/latency.svg and fill the table in docs/performance.md")
    given = parser.parse_args()
    build()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(pick_ports("auto"), Path(folder), given.rounds, lambda line: print(line, file=sys.stderr))
        only = given.peer or [name for name in peers.PEERS[given.proto] if name.endswith(("-tcp", "-dubbo"))]
        commands = bench.contenders(given.proto, Ours(given.ours), [1], only)
        rows = measure(bench, commands, Load(given.proto, secs=given.secs))
    ours, first = ours_name(1), next(iter(commands))
    ratios = figures(rows, ours, first)
    print(
        json.dumps({"rows": rows, "at half": ratios}) if given.json else "\n".join([*table(rows), "", verdict(ratios, first)])
    )
    if given.write:
        (DOCS / "latency.svg").write_text(draw(rows, given.proto))
        write_table(DOCS / "performance.md", rows)
    wrong = any(row["faults"] for row in rows if row["peer"] == ours and row["load"] <= HALF)
    return 1 if wrong or any(ratios[key] > bound for key, bound in BOUNDS.items()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"latency.py: {error}")
