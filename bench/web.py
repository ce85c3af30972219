#!/usr/bin/env python3
"""HTTP/1.1 beside nginx and Envoy: what a request costs, small and with bodies, and what an idle connection does.

    web.py                                   # about two minutes
    web.py --rounds 1 --secs 1               # to see that it works

Requests are POSTs whose answer has the same body, one at a time on each of 32 connections; this proxy detects them, and
routes them by path.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

import idle
import measure
from compare import new_folder, progress
from ours import Ours
from processes import StartError, pick_ports

PEERS = ("nginx", "envoy-http1", "haproxy-http")
SIZES = (256, 10 * 1024, 1024 * 1024)
"""Bytes of a body, either way."""


def measure_sizes(bench: measure.Bench, ours: Ours | None, secs: float) -> list[dict[str, Any]]:
    """A row for each contender and size."""
    rows = []
    for size in SIZES:
        commands = bench.contenders("http1", ours, [1], PEERS)
        rows += [{**row, "size": size} for row in bench.compare(commands, measure.Load("http1", secs=secs, size=size))]
    return rows


def measure_idle(bench: measure.Bench, ours: Ours | None, count: int) -> list[dict[str, Any]]:
    """A row for each contender."""
    once = dataclasses.replace(bench, rounds=1)
    return idle.measure_all(once, bench.contenders("http1", ours, [1], PEERS), "http1", count)


def heading() -> str:
    return (
        f"{'HTTP/1.1, bytes':>15}  {'peer':<13} {'cpu us':>9} {'ratio':>6} {'calls/s':>9} "
        f"{'p99 us':>8} {'PSS MB':>7} {'faults':>6}"
    )


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['size']:>15,}  {row['peer']:<13} {row['cpu_us']:>9.2f} {row['ratio']:>6.2f} {row['rps']:>9,.0f} "
        f"{row['p99_us']:>8,.0f} {row['pss_mb']:>7.1f} {row['faults']:>6}"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--secs", type=float, default=3)
    ap.add_argument("--conns", type=int, default=2000, help="idle connections")
    ap.add_argument("--ports", type=pick_ports, default="auto", help="BACKEND,FRONT (default: two free ones)")
    a = ap.parse_args()
    measure.build()
    bench = measure.Bench(a.ports, new_folder(), a.rounds, progress)
    ours = Ours(a.ours) if a.ours else None
    rows = measure_sizes(bench, ours, a.secs)
    resting = measure_idle(bench, ours, a.conns)
    print("\n".join([heading(), *map(line, rows)]))
    for row in resting:
        print(f"{row['peer']:<13} {row['each']:>8,.0f} bytes for each of {a.conns:,} idle connections, {row['closed']} closed")
    print(measure.disturbance(rows) or "The machine was quiet.")
    return 1 if any(row["faults"] for row in rows if measure.is_ours(row["peer"])) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"web.py: {error}")
