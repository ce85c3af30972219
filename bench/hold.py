#!/usr/bin/env python3
"""What 2,000 hostile connections can hold: memory with half frames, processor time with a first byte.

    hold.py                          # both, two lines
    hold.py --conns 500 --feed 64

**Memory.** Every connection trickles a legal 8 MiB Bolt frame, a piece at a time, all in step, and whoever is cut comes
back and begins anew. This goes on until the proxy has taken several times its budget. Reported is the worker's peak
resident size (VmHWM: the kernel keeps it, so no peak falls between two readings), and what it had before.

**Processor.** Every connection sends one byte and stays, first at a listener of all protocols with a long
`detect.timeout`, then at one of a single protocol. Reported is the proxy's processor time from when all are connected.

What always holds: connections that end are counted, so a proxy that is small because it turned everybody away shows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import idle
import measure
from compare import new_folder, progress
from ours import words
from processes import StartError, cpu_nanoseconds, family, free_ports, running

BUDGET_MB = 256
"""BUDGET in proxy/datapath/buffers.pxd."""
CONNS = 2000
FEED_MB = 1024
"""Taken by the proxy in all: four budgets."""
PIECE = 16 * 1024
FRAME = 8 * 2**20
STUCK_SECONDS = 20.0
"""So long without a byte taken: the proxy is not going to take more."""
HOLD_SECONDS = 5.0
LISTENERS = ("auto", "bolt")
CONFIG = """\
listeners:
  - {{name: auto, address: "127.0.0.1:{auto}", protocols: auto, routes: bench, detect: {{timeout: 10m}}, idle_timeout: 10m}}
  - {{name: bolt, address: "127.0.0.1:{bolt}", protocols: bolt, routes: bench, idle_timeout: 10m}}
routes:
  bench: [{{cluster: echo}}]
clusters:
  echo: {{hosts: ["127.0.0.1:{backend}"]}}
"""


@contextlib.contextmanager
def started(command: str, folder: Path) -> Iterator[tuple[int, dict[str, int]]]:
    """The proxy's pid, and a port for each listener. Nobody listens behind it: no call gets that far. Raises StartError."""
    ports = dict(zip((*LISTENERS, "backend"), free_ports(3), strict=True))
    path = folder / "hold.yaml"
    path.write_text(CONFIG.format(**ports))
    with running(words(command, path), ports["bolt"], folder / "hold.log") as proxy:
        time.sleep(measure.SETTLE_SECONDS)
        yield proxy.pid, ports


def peak_bytes(pid: int) -> int:
    """The largest peak of the proxy's processes: its worker's."""
    found = [re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{p}/status").read_text(), re.MULTILINE) for p in family(pid)]
    return max(int(one[1]) * 1024 for one in found if one)


def connect(port: int) -> socket.socket:
    s = socket.create_connection(("127.0.0.1", port), idle.ANSWER_SECONDS)
    s.setblocking(False)
    return s


def piece(s: socket.socket, start: bytes) -> int:
    """Bytes that were taken, 0 if there is no room; -1 if the connection has ended."""
    try:
        return s.send(start)
    except BlockingIOError:
        return 0
    except OSError:
        return -1


def trickle(port: int, conns: int, feed: int) -> dict[str, int]:
    """Until `feed` bytes were taken, or nothing is any more."""
    head = idle.frame("bolt", FRAME)
    at = [0] * conns
    taken = cut = 0
    last = time.monotonic()
    with contextlib.ExitStack() as stack:
        opened = [connect(port) for _ in range(conns)]
        stack.callback(lambda: [s.close() for s in opened])
        while taken < feed and time.monotonic() - last < STUCK_SECONDS:
            before = taken
            for index, s in enumerate(opened):
                sent = piece(s, head[at[index] : at[index] + PIECE])
                if sent > 0:
                    at[index] += sent
                    taken += sent
                if sent < 0:
                    s.close()
                    cut += 1
                    opened[index], at[index] = connect(port), 0
            if taken > before:
                last = time.monotonic()
            else:
                time.sleep(0.001)
        time.sleep(idle.QUIET_SECONDS)  # the kernel's buffers are read, too
    return {"taken": taken, "cut": cut}


def measure_memory(command: str, folder: Path, conns: int, feed: int) -> dict[str, Any]:
    with started(command, folder) as (pid, ports):
        before = peak_bytes(pid)
        result = trickle(ports["bolt"], conns, feed)
        peak = peak_bytes(pid)
    return {"peak_mb": peak / 2**20, "before_mb": before / 2**20, "taken_mb": result["taken"] / 2**20, "cut": result["cut"]}


def measure_first_byte(command: str, folder: Path, conns: int) -> dict[str, Any]:
    """Percent of a core by listener, and connections that ended."""
    percent, ended = {}, 0
    first = idle.frame("bolt", 1)[:1]
    with started(command, folder) as (pid, ports), contextlib.ExitStack() as stack:
        for name in LISTENERS:
            opened = [stack.enter_context(connect(ports[name])) for _ in range(conns)]
            for s in opened:
                s.send(first)
            time.sleep(idle.QUIET_SECONDS)
            spent, start = cpu_nanoseconds(pid), time.monotonic()
            time.sleep(HOLD_SECONDS)
            percent[name] = (cpu_nanoseconds(pid) - spent) / 1e7 / (time.monotonic() - start)
            ended += idle.closed(opened)
            for s in opened:
                s.close()
    return {"percent": percent, "ended": ended}


def measure_all(
    command: str, folder: Path, say: Callable[[str], None], conns: int = CONNS, feed_mb: int = FEED_MB
) -> dict[str, Any]:
    """Raises StartError."""
    with idle.many_files():
        say(f"{conns} connections trickle frames of 8 MiB")
        memory = measure_memory(command, folder, conns, feed_mb * 2**20)
        say(f"{conns} connections with one byte")
        return {"conns": conns, "budget_mb": BUDGET_MB, **memory, **measure_first_byte(command, folder, conns)}


def lines(result: dict[str, Any]) -> str:
    percent = ", ".join(f"{name} {value:.3f} %" for name, value in result["percent"].items())
    return (
        f"{result['conns']} connections trickled {result['taken_mb']:,.0f} MB of 8 MiB frames: worker's peak "
        f"{result['peak_mb']:.1f} MB (budget {result['budget_mb']}, {result['before_mb']:.1f} before), {result['cut']} cut.\n"
        f"{result['conns']} connections with one byte, of a core: {percent}; {result['ended']} ended."
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--ours", default="xproto run {config}", help="command of the proxy under test")
    ap.add_argument("--conns", type=int, default=CONNS)
    ap.add_argument("--feed", type=int, default=FEED_MB, help="MB that the proxy is to take in all")
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build()
    result = measure_all(a.ours, new_folder(), progress, a.conns, a.feed)
    progress("")
    print(json.dumps(result) if a.json else lines(result))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"hold.py: {error}")
