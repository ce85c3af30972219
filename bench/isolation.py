#!/usr/bin/env python3
"""Whose trouble is a slow or greedy neighbour? The p99 of small calls, beside one and without.

    isolation.py                     # a line for each case
    isolation.py --rounds 5 --json

Three hosts, a route to each. A measured client calls two of them, open loop: 256-byte bodies at a fixed rate, a share
of what the proxy carries at most, so that queues come from the neighbour and not from the rate. All the time another
client calls the third host, and in turn, within each round:

- `quiet`: nothing else happens;
- `stopped`: the third host is stopped (SIGSTOP) once the load runs. It reads nothing any more, the kernel's buffers and
  then the proxy's fill, and what the measured client calls are "the others";
- `frames`: one more client sends 8 MiB frames to the third host, two in flight, so one is always on its way;
- `apart`: the same frames to the same host through a second proxy. What this adds to `quiet` is what the frames take of
  the machine; only what `frames` adds to it is due to sharing a proxy.

What always holds: the load, the hosts and the proxies of all cases are the same processes or the same commands; cases
of one round run within seconds of each other, and only the ratio of such neighbours is reported.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import measure
from compare import new_folder, progress
from ours import words
from processes import StartError, free_ports, running

PROTO = "bolt"
HOSTS = ("a", "b", "c")
THIRD = HOSTS[-1]
SHARE = 0.2
"""Of the saturation that a closed loop at depth 1 finds, where each call has a read and a write of its own, as calls of an
open loop have. At a fifth no queue is the calls' own, and the neighbour finds processors to take."""
SMALL = measure.Load(PROTO, secs=2.0)
FILLER = replace(SMALL, conns=8, size=4096)
"""Fewer calls but more bytes than the kernel's buffers take, so that a stopped host is the proxy's trouble too."""
FRAMES = replace(SMALL, conns=1, depth=2, size=8 * 2**20)
STOP_AFTER = 0.25
"""Of the time: when latencies count already (rpcload leaves the first fifth out)."""
RECOVER_SECONDS = 0.5
CASES = ("quiet", "stopped", "frames", "apart")

LISTENER = """\
listeners:
  - {{name: bench, address: "127.0.0.1:{front}", protocols: auto, routes: bench}}
routes:
  bench:
"""
ROUTE = "    - {{match: {{headers: {{service: {name}}}}}, cluster: {name}}}\n"
CLUSTER = '  {name}: {{hosts: ["127.0.0.1:{port}"]}}\n'


@dataclass(frozen=True)
class Place:
    """Everything that runs during all rounds."""

    front: int
    apart: int
    third: subprocess.Popen[bytes]


class Seen(NamedTuple):
    """What the measured client and the sender of frames saw of one case."""

    small: dict[str, Any]
    frames: dict[str, Any]


def configuration(front: int, hosts: dict[str, int]) -> str:
    routes = "".join(ROUTE.format(name=name) for name in hosts)
    clusters = "".join(CLUSTER.format(name=name, port=port) for name, port in hosts.items())
    return f"{LISTENER.format(front=front)}{routes}clusters:\n{clusters}"


@contextlib.contextmanager
def place(command: str, folder: Path) -> Iterator[Place]:
    """Three hosts and two proxies of the same configuration. Raises StartError."""
    front, apart, *rest = free_ports(2 + len(HOSTS))
    hosts = dict(zip(HOSTS, rest, strict=True))
    with contextlib.ExitStack() as stack:
        running_hosts = {
            name: stack.enter_context(
                running([str(measure.HERE / "rpcecho"), PROTO, str(port)], port, folder / f"host-{name}.log")
            )
            for name, port in hosts.items()
        }
        for name, port in (("front", front), ("apart", apart)):
            path = folder / f"{name}.yaml"
            path.write_text(configuration(port, hosts))
            stack.enter_context(running(words(command, path), port, folder / f"{name}.log"))
        time.sleep(measure.SETTLE_SECONDS)
        yield Place(front, apart, running_hosts[THIRD])


def run(case: str, at: Place, rate: float) -> Seen:
    others, each = ",".join(name for name in HOSTS if name != THIRD), rate / len(HOSTS)
    frames = None
    small = measure.rpcload(SMALL, at.front, "--rate", round(each * (len(HOSTS) - 1)), "--service", others)
    # Fewer calls of more bytes: the proxy's work is hardly more than that of a third client.
    filler = measure.rpcload(FILLER, at.front, "--rate", round(each), "--service", THIRD)
    if case in {"frames", "apart"}:
        frames = measure.rpcload(FRAMES, at.front if case == "frames" else at.apart, "--service", THIRD)
    try:
        if case == "stopped":
            time.sleep(SMALL.secs * STOP_AFTER)
            os.kill(at.third.pid, signal.SIGSTOP)
        return Seen(measure.seen(small), measure.seen(frames) if frames else {})
    finally:
        os.kill(at.third.pid, signal.SIGCONT)
        filler.kill()
        filler.communicate()
        time.sleep(RECOVER_SECONDS)


def measure_cases(command: str, rounds: int, folder: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each case; the cases take turns. Raises StartError."""
    seen: dict[str, list[Seen]] = {case: [] for case in CASES}
    with place(command, folder) as at:
        closed = replace(SMALL, secs=1.0)
        most = measure.seen(measure.rpcload(closed, at.front, "--service", ",".join(HOSTS)))["rps"]
        for number in range(rounds):
            for case in CASES:
                say(f"isolation, {most * SHARE:,.0f} calls/s, round {number + 1} of {rounds}: {case}")
                seen[case].append(run(case, at, most * SHARE))
    return [row(case, seen, most * SHARE) for case in CASES]


def row(case: str, seen: dict[str, list[Seen]], rate: float) -> dict[str, Any]:
    p99 = {name: [one.small["p99_us"] for one in runs] for name, runs in seen.items()}
    done = median(one.frames.get("done", 0) for one in seen[case])
    return {
        "case": case,
        "rate": rate,
        "p50_us": median(one.small["p50_us"] for one in seen[case]),
        "p99_us": median(p99[case]),
        "p99_rounds": p99[case],
        "to_quiet": measure.ratio(p99[case], p99["quiet"]),
        "to_apart": measure.ratio(p99[case], p99["apart"]),
        "frames_mb_s": done * FRAMES.size / SMALL.secs / 1e6,
        "faults": sum(measure.faults(part) for one in seen[case] for part in one),
    }


def heading() -> str:
    return (
        "| 256-byte calls beside | p50 us | p99 us | p99 to quiet | to apart | frames MB/s | faults |\n"
        "|-----------------------|-------:|-------:|-------------:|---------:|------------:|-------:|"
    )


def line(row: dict[str, Any]) -> str:
    return (
        f"| {row['case']:<21} | {row['p50_us']:>6,.0f} | {row['p99_us']:>6,.0f} | {row['to_quiet']:>12.2f} "
        f"| {row['to_apart']:>8.2f} | {row['frames_mb_s']:>11,.0f} | {row['faults']:>6} |"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build()
    rows = measure_cases(a.ours, a.rounds, new_folder(), progress)
    progress("")
    print(json.dumps(rows) if a.json else "\n".join([heading(), *map(line, rows)]))
    return 1 if any(row["faults"] for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"isolation.py: {error}")
