#!/usr/bin/env python3
"""A host is killed under load: which calls fail with which retry policy, and what a policy costs while nothing fails.

    retries.py                       # both parts
    retries.py kill --rounds 5 --json
    retries.py cost bolt dubbo thrift

`kill`: three hosts, 32 connections; one host gets SIGKILL in the midst of the load. With no policy, with retries of connect
failures only, and with retries of resets of calls that may be processed twice; the budget allows any share. Failed calls are
the load's `bad`: answers with an error. Once as a closed loop of 16 calls in flight on each connection, so that many are on
the host that goes, and once as an open loop at a rate that leaves the machine idle for the most part: there `slowest`, the
longest that any call took, says how long calls take that are sent again.

`cost`: two routes of one process, one with a policy, that take turns (turns.py).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import measure
from compare import new_folder, progress
from ours import MATCH, words
from processes import StartError, free_ports, running
from turns import Turns, ratio, short

LOAD = measure.Load("bolt", depth=16, secs=2.0)
LOADS: dict[str, tuple[str, ...]] = {"closed loop": (), "open loop": ("--rate", "4000")}
KILL_AFTER = 0.5
"""Of the time."""
HOSTS = 3
POLICIES = {
    "none": "",
    "connect_failure": ", retry: {on: [connect_failure]}",
    "idempotent": ", retry: {on: [connect_failure, refused, reset], idempotent: true}",
}
KILLED = """\
listeners:
  - {{name: bench, address: "127.0.0.1:{front}", protocols: auto, routes: bench}}
routes:
  bench:
    - {{cluster: echo{policy}}}
clusters:
  echo:
    hosts: [{hosts}]
    retry_budget: {{percent: 100}}
"""
COST = """\
listeners:
  - {{name: bare, address: "127.0.0.1:{bare}", protocols: auto, routes: bare}}
  - {{name: retrying, address: "127.0.0.1:{retrying}", protocols: auto, routes: retrying}}
routes:
  bare: [{{match: {match}, cluster: echo}}]
  retrying: [{{match: {match}, cluster: echo{policy}}}]
clusters:
  echo: {{hosts: ["127.0.0.1:{backend}"]{pool}}}
"""
WHOLE = ", retry: {on: [connect_failure, refused, reset, timeout], per_try_timeout: 1s, idempotent: true}"


@contextlib.contextmanager
def hosts(folder: Path, ports: list[int]) -> Iterator[list[subprocess.Popen[bytes]]]:
    with contextlib.ExitStack() as stack:
        words = [[str(measure.HERE / "rpcecho"), LOAD.proto, str(port)] for port in ports]
        yield [
            stack.enter_context(running(each, port, folder / f"host-{port}.log"))
            for each, port in zip(words, ports, strict=True)
        ]


def kill(command: str, policy: str, options: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """What the load saw. Raises StartError."""
    front, *ports = free_ports(1 + HOSTS)
    path = folder / f"retries-{policy}.yaml"
    listed = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
    path.write_text(KILLED.format(front=front, policy=POLICIES[policy], hosts=listed))
    with hosts(folder, ports) as running_hosts, running(words(command, path), front, folder / f"retries-{policy}.log"):
        time.sleep(measure.SETTLE_SECONDS)
        load = measure.rpcload(LOAD, front, *options)
        time.sleep(LOAD.secs * KILL_AFTER)
        running_hosts[0].send_signal(signal.SIGKILL)
        return measure.seen(load)


def kill_rows(turns: Turns) -> list[dict[str, Any]]:
    """A row for each load and policy. Raises StartError."""
    return [kill_row(turns, policy, load) for load in LOADS for policy in POLICIES]


def kill_row(turns: Turns, policy: str, load: str) -> dict[str, Any]:
    runs = []
    for number in range(turns.rounds):
        turns.say(f"a host is killed, {load}, policy {policy}, round {number + 1} of {turns.rounds}")
        runs.append(kill(turns.command, policy, LOADS[load], turns.folder))
    return {
        "part": "kill",
        "load": load,
        "policy": policy,
        "calls": sum(run["done"] for run in runs),
        "failed": [run["bad"] for run in runs],
        "other_faults": sum(run.get(key, 0) for run in runs for key in ("closed", "lost", "skipped")),
        "p99_us": median(run["p99_us"] for run in runs),
        "slowest_us": max(run["max_us"] for run in runs),
    }


def cost_rows(turns: Turns, proto: str) -> list[dict[str, Any]]:
    """A row for each depth. Raises StartError."""
    bare, retrying, backend = free_ports(3)
    pool = ", pool: multiplexed" if proto.startswith("thrift") else ""
    text = COST.format(bare=bare, retrying=retrying, backend=backend, match=MATCH[proto], policy=WHOLE, pool=pool)
    rows = turns.measure("a retry policy", text, short(proto), {"bare": bare, "retrying": retrying}, backend)
    return [{**row, "part": "cost", "ratio": ratio(row, "retrying", "bare")} for row in rows]


def line(row: dict[str, Any]) -> str:
    if row["part"] == "cost":
        cpu = row["cpu_us"]
        return (
            f"{row['proto']}, depth {row['depth']}: {cpu['bare']:.2f} us a call, {cpu['retrying']:.2f} with a policy, "
            f"ratio {row['ratio']:.3f}, {row['faults']} faults"
        )
    return (
        f"a host killed, {row['load']}, policy {row['policy']}: {row['calls']:,} calls, failed {row['failed']}, "
        f"{row['other_faults']} other faults, p99 {row['p99_us'] / 1000:.1f} ms, slowest {row['slowest_us'] / 1000:.1f} ms"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("part", nargs="?", choices=("both", "kill", "cost"), default="both")
    ap.add_argument("proto", nargs="*", default=["bolt"], help="for cost")
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build()
    turns = Turns(a.ours, new_folder(), a.rounds, progress)
    rows: list[dict[str, Any]] = []
    if a.part != "cost":
        rows += kill_rows(turns)
    if a.part != "kill":
        rows += [row for proto in a.proto for row in cost_rows(turns, proto)]
    progress("")
    print(json.dumps(rows) if a.json else "\n".join(map(line, rows)))
    return 1 if any(row["policy"] == "idempotent" and any(row["failed"]) for row in rows if row["part"] == "kill") else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"retries.py: {error}")
