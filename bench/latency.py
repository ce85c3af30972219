"""Latency against load, open loop: what callers see who do not wait for each other.

The first contender's saturation (closed loop, 32 connections, depth 16) is 100 %. Then every contender gets the same
rates, in turns. Latency counts from the time at which a call was due, so a proxy that stalls cannot hide it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import peers
from latency_picture import draw, write_table
from measure import HERE, Bench, Load, build, ours_name
from ours import Ours
from processes import pick_ports

FRACTIONS = (0.1, 0.25, 0.5, 0.75, 0.9)
DOCS = HERE.parent / "docs"
HALF = 0.5


def offer(load: Load, port: int, rate: float) -> dict[str, Any]:
    """What an open-loop load of `rate` calls a second saw."""
    words = [load.proto, port, load.conns, 1, load.secs, load.size, "--rate", round(rate)]
    ran = subprocess.run([str(HERE / "rpcload"), *map(str, words)], capture_output=True, text=True, check=False)
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def measure(bench: Bench, commands: dict[str, list[str]], load: Load) -> list[dict[str, Any]]:
    """A row for each contender and fraction: medians over the rounds, microseconds."""
    first = next(iter(commands))
    saturation = bench.run(first, commands[first], replace(load, depth=16))["rps"]
    seen: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for number in range(bench.rounds):
        for fraction in FRACTIONS:
            for name, command in commands.items():
                bench.say(f"{fraction:.0%} of {saturation:,.0f} calls/s, round {number + 1} of {bench.rounds}: {name}")
                with bench.started(name, command, load.proto):
                    seen.setdefault((name, fraction), []).append(offer(load, bench.ports.front, saturation * fraction))
    return [
        {
            "peer": name,
            "load": fraction,
            "rate": saturation * fraction,
            "p50_us": median(run["p50_us"] for run in runs),
            "p99_us": median(run["p99_us"] for run in runs),
            "faults": sum(run[key] for run in runs for key in ("bad", "closed", "lost", "skipped")),
        }
        for (name, fraction), runs in seen.items()
    ]


def figures(rows: list[dict[str, Any]], ours: str, first: str) -> dict[str, float]:
    """At half of the first contender's saturation: our p50 and p99 to its."""
    at = {row["peer"]: row for row in rows if row["load"] == HALF}
    return {key: at[ours][key] / at[first][key] for key in ("p50_us", "p99_us")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("proto", nargs="?", default="bolt", choices=("bolt", "boltv2", "dubbo"))
    parser.add_argument("--ours", default=f"{Path(sys.executable).parent / 'xproto'} run {{config}}")
    parser.add_argument("--peer", action="append", help="only these peers; the first is the yardstick")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--secs", type=float, default=3.0)
    parser.add_argument("--write", action="store_true", help="draw docs/latency.svg and fill the table in docs/performance.md")
    given = parser.parse_args()
    build()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(pick_ports("auto"), Path(folder), given.rounds, lambda line: print(line, file=sys.stderr))
        only = given.peer or [name for name in peers.PEERS[given.proto] if name.endswith(("-tcp", "-dubbo"))]
        commands = bench.contenders(given.proto, Ours(given.ours), [1], only)
        rows = measure(bench, commands, Load(given.proto, secs=given.secs))
    ratios = figures(rows, ours_name(1), next(iter(commands)))
    print(json.dumps({"rows": rows, "at half": ratios}, indent=1))
    if given.write:
        (DOCS / "latency.svg").write_text(draw(rows, given.proto))
        write_table(DOCS / "performance.md", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
