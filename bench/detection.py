#!/usr/bin/env python3
"""Processor time of finding a protocol out: of a connection for each call, automatic against declared.

    detection.py bolt thrift --rounds 9

As in routes.py both are listeners of one process in front of one backend, and short loads alternate between them, since
what is looked for is less than what two runs of one proxy differ by. What detection answers by itself, in nanoseconds,
is detect.py's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import measure
from compare import new_folder, progress
from ours import MATCH, table, words
from processes import Ports, StartError, cpu_nanoseconds, free_ports, running

ROUNDS = 9
SECONDS = 0.8
KINDS = ("declared", "auto")
CONFIG = """\
listeners:
  - {{name: declared, address: "127.0.0.1:{declared}", protocols: {proto}, routes: bench}}
  - {{name: auto, address: "127.0.0.1:{auto}", protocols: auto, routes: bench}}
routes:
  bench:
{routes}
clusters:
  echo: {{hosts: ["127.0.0.1:{backend}"]}}
"""


def run(pid: int, load: measure.Load, port: int) -> tuple[float, int]:
    """Processor microseconds for each connection, and faults."""
    before = cpu_nanoseconds(pid)
    result = measure.seen(measure.rpcload(load, port, "--connect-per-call"))
    return (cpu_nanoseconds(pid) - before) / 1000 / max(result["done"], 1), measure.faults(result)


def measure_detection(command: str, proto: str, folder: Path, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Raises StartError."""
    declared, auto, backend = free_ports(3)
    path = folder / f"detection-{proto}.yaml"
    path.write_text(CONFIG.format(declared=declared, auto=auto, backend=backend, proto=proto, routes=table(proto, 1)))
    cpu: dict[str, list[float]] = {kind: [] for kind in KINDS}
    faults = 0
    with (
        running(measure.backend(proto, Ports(backend, auto), folder), backend, folder / "backend.log"),
        running(words(command, path), auto, folder / f"detection-{proto}.log") as proxy,
    ):
        time.sleep(measure.SETTLE_SECONDS)
        ports, load = {"declared": declared, "auto": auto}, measure.Load(proto, conns=16, secs=SECONDS)
        for number in range(rounds):
            say(f"detection of {proto}, round {number + 1} of {rounds}")
            for kind in KINDS if number % 2 else reversed(KINDS):
                microseconds, wrong = run(proxy.pid, load, ports[kind])
                cpu[kind].append(microseconds)
                faults += wrong
    costs = [there - here for there, here in zip(cpu["auto"], cpu["declared"], strict=True)]
    return {
        "proto": proto,
        "cpu_us": {kind: median(values) for kind, values in cpu.items()},
        "detection_us": median(costs),
        "detection_rounds": costs,
        "faults": faults,
    }


def line(row: dict[str, Any]) -> str:
    cpu, costs = row["cpu_us"], row["detection_rounds"]
    return (
        f"{row['proto']}: {cpu['declared']:.1f} us a connection and call declared, {cpu['auto']:.1f} detected: "
        f"detection {row['detection_us']:.2f} us ({min(costs):.2f} to {max(costs):.2f}), {row['faults']} faults"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("proto", nargs="+", choices=MATCH)
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=ROUNDS)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build()
    folder = new_folder()
    rows = [measure_detection(a.ours, proto, folder, a.rounds, progress) for proto in a.proto]
    progress("")
    print(json.dumps(rows) if a.json else "\n".join(map(line, rows)))
    return 1 if any(row["faults"] for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"detection.py: {error}")
