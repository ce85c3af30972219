#!/usr/bin/env python3
"""Processor time of a call with 1,000 routes, to one route; or with 10,000 of all kinds, and of a call whose key is new.

    routes.py bolt dubbo --rounds 9
    routes.py bolt --mixed

The difference looked for is a few percent, less than what two runs of one proxy differ by. So both are listeners of one
process, in front of one backend: same memory layout, same warm caches. Short loads alternate between them, and the one
that goes first in a round goes last in the next, so that whatever drifts meets both alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import measure
import mixed
from compare import new_folder, progress
from ours import table, words
from processes import Ports, StartError, cpu_nanoseconds, free_ports, running

MANY = 1000
ROUNDS = 9
SECONDS = 0.6
DEPTHS = (1, 16)
KINDS = ("one", "many")
WARM_UPS = 20
"""Loads until the first one without a fault."""
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


def run(pid: int, load: measure.Load, port: int) -> tuple[float, int]:
    """Processor microseconds for each call, and faults."""
    before = cpu_nanoseconds(pid)
    result = measure.send(load, port)
    return (cpu_nanoseconds(pid) - before) / 1000 / max(result["done"], 1), measure.faults(result)


def measure_routes(
    command: str, proto: str, folder: Path, rounds: int, say: Callable[[str], None],
    make: Callable[[str, int], str] = table, count: int = MANY,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row for each depth. `make`: the lines of a table of so many routes. Raises StartError."""
    one, many, backend = free_ports(3)
    path = folder / f"routes-{proto}.yaml"
    tables = {"few_routes": table(proto, 1), "many_routes": make(proto, count)}
    path.write_text(CONFIG.format(one=one, many=many, backend=backend, **tables))
    echo = measure.backend(proto, Ports(backend, one), folder)
    with (
        running(echo, backend, folder / "backend.log"),
        running(words(command, path), one, folder / f"routes-{proto}.log") as proxy,
    ):
        time.sleep(measure.SETTLE_SECONDS)
        load = measure.Load(proto, secs=SECONDS)
        warm_up(load, many)
        ports = {"one": one, "many": many}
        return [compare(proxy.pid, replace(load, depth=depth), ports, rounds, say, count) for depth in DEPTHS]


def warm_up(load: measure.Load, port: int) -> None:
    """The port is there before the worker, which reads all routes first."""
    for _ in range(WARM_UPS):
        if not measure.faults(measure.send(load, port)):
            return
    raise StartError(f"calls to port {port} are not answered")


def compare(
    pid: int, load: measure.Load, ports: dict[str, int], rounds: int, say: Callable[[str], None], count: int = MANY
) -> dict[str, Any]:
    cpu: dict[str, list[float]] = {kind: [] for kind in KINDS}
    faults = 0
    for number in range(rounds):
        say(f"{load.proto}, depth {load.depth}, {count} routes and one, round {number + 1} of {rounds}")
        for kind in KINDS if number % 2 else reversed(KINDS):
            microseconds, wrong = run(pid, load, ports[kind])
            cpu[kind].append(microseconds)
            faults += wrong
    return {
        "proto": load.proto,
        "routes": count,
        "depth": load.depth,
        "cpu_us": {kind: median(values) for kind, values in cpu.items()},
        "cpu_rounds": cpu,
        "ratio": measure.ratio(cpu["many"], cpu["one"]),
        "faults": faults,
    }


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
    folder = new_folder()
    shape = (mixed.table, mixed.ROUTES) if a.mixed else (table, MANY)
    rows = [row for proto in a.proto for row in measure_routes(a.ours, proto, folder, a.rounds, progress, *shape)]
    progress("")
    print(json.dumps(rows) if a.json else "\n".join(map(line, rows)))
    if a.mixed:
        costs = mixed.decide_costs(folder, mixed.ROUTES), mixed.call_costs(a.ours, folder, mixed.ROUTES)
        print(json.dumps(costs) if a.json else "\n".join(mixed.lines(mixed.ROUTES, *costs)))
    return 1 if any(row["faults"] for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"routes.py: {error}")
