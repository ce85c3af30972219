#!/usr/bin/env python3
"""Processor time of a call with 1,000 routes, to one route; or with 10,000 of all kinds, and of a call whose key is new.

    routes.py bolt dubbo --rounds 9
    routes.py bolt --mixed

Both are listeners of one process that take turns (turns.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import measure
import mixed
from compare import new_folder, progress
from ours import table
from processes import StartError, free_ports
from turns import ROUNDS, Turns, ratio, short

MANY = 1000
CONFIG = """\
listeners:
  - {{name: one, address: "127.0.0.1:{one}", protocols: auto, routes: one}}
  - {{name: many, address: "127.0.0.1:{many}", protocols: auto, routes: many}}
routes:
  one:
{few_routes}
  many:
{many_routes}
clusters:
  echo: {{hosts: ["127.0.0.1:{backend}"]}}
"""


def measure_routes(
    turns: Turns, proto: str, make: Callable[[str, int], str] = table, count: int = MANY
) -> list[dict[str, Any]]:
    """A row for each depth. `make`: the lines of a table of so many routes. Raises StartError."""
    one, many, backend = free_ports(3)
    tables = {"few_routes": table(proto, 1), "many_routes": make(proto, count)}
    text = CONFIG.format(one=one, many=many, backend=backend, **tables)
    rows = turns.measure(f"{count} routes", text, short(proto), {"one": one, "many": many}, backend)
    return [{**row, "routes": count, "ratio": ratio(row, "many", "one")} for row in rows]


def line(row: dict[str, Any]) -> str:
    cpu = row["cpu_us"]
    return (
        f"{row['proto']}, depth {row['depth']}: {cpu['one']:.2f} us a call with one route, {cpu['many']:.2f} with"
        f" {row['routes']:,}, ratio {row['ratio']:.3f}, {row['faults']} faults"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("proto", nargs="+", choices=("bolt", "boltv2", "dubbo"))
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=ROUNDS)
    ap.add_argument("--mixed", action="store_true", help="10,000 routes of all kinds, and what a new key costs")
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build()
    turns = Turns(a.ours, new_folder(), a.rounds, progress)
    shape = (mixed.table, mixed.ROUTES) if a.mixed else (table, MANY)
    rows = [row for proto in a.proto for row in measure_routes(turns, proto, *shape)]
    progress("")
    print(json.dumps(rows) if a.json else "\n".join(map(line, rows)))
    if a.mixed:
        costs = mixed.decide_costs(turns.folder, mixed.ROUTES), mixed.call_costs(a.ours, turns.folder, mixed.ROUTES)
        print(json.dumps(costs) if a.json else "\n".join(mixed.lines(mixed.ROUTES, *costs)))
    return 1 if any(row["faults"] for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"routes.py: {error}")
