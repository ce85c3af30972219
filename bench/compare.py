#!/usr/bin/env python3
"""Side-by-side proxy benchmark: the same load through every peer, in turn, several rounds.

    compare.py bolt dubbo --rounds 3 --depth 1,16 --routes 1,1000 --ours 'xproto run {config}'

Quote `cpu us` (see measure.py) and its ratio to the first peer, not calls per second. A peer that is not installed is
named and left out; setup.sh installs what can be. Exit 1 if a call through the proxy under test went wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import measure
from ours import Ours
from peers import PEERS
from processes import StartError, pick_ports

COLUMNS = (
    ("proto", "<14", "proto"), ("depth", ">5", "depth"), ("peer", "<13", "peer"), ("cpu_us", ">8.2f", "cpu us"),
    ("ratio", ">7.2f", "ratio"), ("rps", ">10.0f", "calls/s"), ("p50_us", ">8.0f", "p50 us"),
    ("p99_us", ">8.0f", "p99 us"), ("pss_mb", ">7.1f", "PSS MB"), ("faults", ">7", "faults"),
)  # fmt: skip


def heading() -> str:
    return "  ".join(f"{title:{spec.split('.')[0]}}" for _, spec, title in COLUMNS)


def line(row: dict[str, Any]) -> str:
    errors = f"  {'; '.join(row['errors'])}" if row["errors"] else ""
    return "  ".join(f"{row[key]:{spec}}" for key, spec, _ in COLUMNS) + errors


def progress(text: str) -> None:
    """One line on a terminal, overwritten; nothing in a file."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # nginx's worker is another user
    return folder


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def arguments() -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("proto", nargs="+", choices=PEERS)
    ap.add_argument("--ours", help="command of the proxy under test; {config} is replaced")
    ap.add_argument("--ours-protocols", default="auto", help="what goes under `protocols:` (default: auto)")
    ap.add_argument("--ours-pool", help="the cluster's `pool:` (default: the protocol's own; at depth 16 of "
                    "Thrift multiplexed)")  # fmt: skip
    ap.add_argument("--routes", type=numbers, default=[1], help="routes of the proxy under test, all but the last "
                    "matching nothing; several: a row for each (default: 1)")  # fmt: skip
    ap.add_argument("--peer", action="append", help="only these peers ('none': no peer)")
    ap.add_argument("--depth", type=numbers, default=[1, 16], help="calls in flight on each connection")
    ap.add_argument("--conns", type=int, default=32)
    ap.add_argument("--size", type=int, default=256)
    ap.add_argument("--secs", type=float, default=3)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--ports", type=pick_ports, default="auto", help="BACKEND,FRONT (default: two free ones)")
    ap.add_argument("--json", action="store_true")
    return ap.parse_args()


def main() -> int:
    a = arguments()
    measure.build(*a.proto)
    bench = measure.Bench(a.ports, new_folder(), a.rounds, progress)
    ours = Ours(a.ours, a.ours_protocols, a.ours_pool) if a.ours else None
    only = [] if a.peer == ["none"] else a.peer
    rows = []
    if not a.json:
        print(heading())
    for proto in a.proto:
        for depth in measure.depths(proto, a.depth):
            commands = bench.contenders(proto, ours and ours.at_depth(proto, depth), a.routes, only)
            new = bench.compare(commands, measure.Load(proto, a.conns, depth, a.secs, a.size))
            progress("")
            rows += new
            if not a.json:
                print("\n".join(map(line, new)), flush=True)
    if a.json:
        print(json.dumps(rows))
    else:
        print(measure.disturbance(rows) or "the machine was quiet")
        print(f"logs and configs: {bench.folder}")
    return 1 if any(row["faults"] for row in rows if measure.is_ours(row["peer"])) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"compare.py: {error}")
