#!/usr/bin/env python3
"""Processor time that filters take of a call: one of a user's that does nothing, and all built-in ones while they are idle.

    filters.py bolt http1 --rounds 9

All are listeners of one process that take turns (turns.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median
from typing import Any

import measure
from compare import new_folder, progress
from ours import table
from processes import StartError, free_ports
from turns import ROUNDS, Turns, ratio, short

KINDS = ("none", "noop", "idle")
MOST_NOOP = 2.0
"""Microseconds that a filter that does nothing may add to a call."""
MOST_IDLE = 1.1
"""Times that a call may cost with all built-in filters idle."""
NOOP = """\
from proxy.filters import Call, Filter


class Noop(Filter):
    def on_request(self, call: Call) -> None:
        pass
"""
CONFIG = """\
listeners:
  - {{name: none, address: "127.0.0.1:{none}", protocols: {proto}, routes: main}}
  - name: noop
    address: 127.0.0.1:{noop}
    protocols: {proto}
    routes: main
    filters: [{{name: noop, file: noop.py}}]
  - name: idle
    address: 127.0.0.1:{idle}
    protocols: {proto}
    routes: main
    filters:
      - {{name: fault, match: {{headers: {{x-fault: "1"}}}}, abort: {{}}, delay: {{duration: 1ms}}}}
      - {{name: rate_limit, match: {{headers: {{x-limited: {{present: true}}}}}}, rate: 1}}
      - name: header_rules
        rules: [{{match: {{headers: {{x-env: {{prefix: gray}}}}}}, request: {{set: {{x-seen: "1"}}}}}}]
      - {{name: buffer, match: {{path: {{prefix: /upload/}}}}, max_bytes: 1MiB}}
      - {{name: header_to_metadata, rules: [{{header: x-tenant, metadata: tenant}}]}}
routes:
  main:
{routes}
clusters:
  echo: {{hosts: ["127.0.0.1:{backend}"]}}
"""


def measure_filters(turns: Turns, proto: str) -> list[dict[str, Any]]:
    """A row for each depth. Raises StartError."""
    *numbers, backend = free_ports(len(KINDS) + 1)
    ports = dict(zip(KINDS, numbers, strict=True))
    (turns.folder / "noop.py").write_text(NOOP)
    text = CONFIG.format(**ports, backend=backend, proto=proto, routes=table(proto, 1))
    return [
        {**row, "noop_us": median(added(row, "noop")), "idle_ratio": ratio(row, "idle", "none")}
        for row in turns.measure("filters", text, short(proto), ports, backend)
    ]


def added(row: dict[str, Any], kind: str) -> list[float]:
    """Microseconds that it takes, a value for each round."""
    cpu = row["cpu_rounds"]
    return [with_it - none for with_it, none in zip(cpu[kind], cpu["none"], strict=True)]


def line(row: dict[str, Any]) -> str:
    cpu = row["cpu_us"]
    noop = "" if row["noop_us"] <= MOST_NOOP else f" (over {MOST_NOOP:g})"
    idle = "" if row["idle_ratio"] <= MOST_IDLE else f" (over {MOST_IDLE:g})"
    return (
        f"{row['proto']}, depth {row['depth']}: {cpu['none']:.2f} us a call without filters; one that does nothing adds "
        f"{row['noop_us']:.2f} us{noop}; all built-in ones idle: {cpu['idle']:.2f} us, ratio {row['idle_ratio']:.3f}{idle}; "
        f"{row['faults']} faults"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("proto", nargs="+", choices=("bolt", "dubbo", "thrift", "http1"))
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=ROUNDS)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build()
    turns = Turns(a.ours, new_folder(), a.rounds, progress)
    rows = [row for proto in a.proto for row in measure_filters(turns, proto)]
    progress("")
    print(json.dumps(rows) if a.json else "\n".join(map(line, rows)))
    return 1 if any(row["faults"] for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"filters.py: {error}")
