#!/usr/bin/env python3
"""Processor time of a call that is copied to a dead cluster, to one that is not.

    mirroring.py bolt dubbo http1 --rounds 9

All copies go to a port at which nobody listens. Both kinds are listeners of one process that take turns (turns.py). `--alive`
adds a listener whose copies go to the backend too: what a copy costs that somebody answers.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import measure
from compare import new_folder, progress
from http2 import PROTOCOLS
from ours import MATCH, UPSTREAM_HTTP2
from processes import StartError, free_ports
from turns import ROUNDS, Turns, ratio, short

BOUND = 1.10
"""What copies to a dead cluster may cost the calls."""
SMALL = 64
"""Bytes of a body: with small ones the cost for each call weighs most."""
KINDS = ("none", "dead")
CLUSTERS = ("dead", "alive")


def configuration(proto: str, ports: dict[str, int], backend: int, dead: int) -> str:
    """A listener and a table for each kind; those named as a cluster copy all calls to it."""
    listeners = "".join(
        f'  - {{name: {kind}, address: "127.0.0.1:{port}", protocols: auto, routes: {kind}}}\n' for kind, port in ports.items()
    )
    routes = "".join(
        f"  {kind}:\n    - {{match: {MATCH[proto]}, cluster: echo{f', mirror: [{kind}]' if kind in CLUSTERS else ''}}}\n"
        for kind in ports
    )
    more = f", {UPSTREAM_HTTP2}" if proto in PROTOCOLS else ""
    clusters = "".join(
        f'  {name}: {{hosts: ["127.0.0.1:{port}"]{more}}}\n'
        for name, port in (("echo", backend), ("dead", dead), ("alive", backend))
        if name == "echo" or name in ports
    )
    return f"listeners:\n{listeners}routes:\n{routes}clusters:\n{clusters}"


def measure_copies(turns: Turns, proto: str, kinds: tuple[str, ...] = KINDS) -> list[dict[str, Any]]:
    """A row for each depth. Raises StartError."""
    backend, dead, *fronts = free_ports(2 + len(kinds))
    ports = dict(zip(kinds, fronts, strict=True))
    text = configuration(proto, ports, backend, dead)
    return [
        {**row, "ratios": {kind: ratio(row, kind, "none") for kind in kinds if kind != "none"}}
        for row in turns.measure("mirroring", text, short(proto, size=SMALL), ports, backend)
    ]


def line(row: dict[str, Any]) -> str:
    told = ", ".join(f"{kind} {row['cpu_us'][kind]:.2f} (ratio {ratio:.3f})" for kind, ratio in row["ratios"].items())
    none = row["cpu_us"]["none"]
    return f"{row['proto']}, depth {row['depth']}: us a call: no copies {none:.2f}, {told}; {row['faults']} faults"


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("proto", nargs="+", choices=sorted(MATCH))
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--alive", action="store_true", help="also with copies that are answered")
    ap.add_argument("--rounds", type=int, default=ROUNDS)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build(*a.proto)
    turns = Turns(a.ours, new_folder(), a.rounds, progress)
    kinds = (*KINDS, "alive") if a.alive else KINDS
    rows = [row for proto in a.proto for row in measure_copies(turns, proto, kinds)]
    progress("")
    print(json.dumps(rows) if a.json else "\n".join(map(line, rows)))
    return 1 if any(row["faults"] or row["ratios"]["dead"] > BOUND for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"mirroring.py: {error}")
