#!/usr/bin/env python3
"""What an idle downstream connection costs a proxy: PSS before and after 2,000 of them.

    idle.py bolt --conns 2000 --ours 'xproto run {config}'

Every connection makes one call first, so its protocol is known and whatever a connection keeps is there; a proxy that
copies bytes holds an upstream connection for each. PSS counts all of the proxy's processes, but no memory of the
kernel's (socket structures and buffers). A first batch of calls is opened and closed before the first reading, so that
what a proxy allocates once is not charged to the connections.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import measure
from compare import new_folder, progress
from ours import Ours
from peers import PEERS
from processes import StartError, pick_ports, pss_bytes

WARM_CONNS = 64
QUIET_SECONDS = 2.0
"""From the last call to a reading: buffers are freed, batches of work are done."""
ANSWER_SECONDS = 5.0
PROTOCOLS = ("bolt", "boltv2", "dubbo", "http1")


def frame(proto: str, size: int = 256) -> bytes:
    command = [str(measure.HERE / "rpcload"), proto, "frame", str(size)]
    return subprocess.run(command, capture_output=True, check=True).stdout


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """As many descriptors as this process may have, and its children, who inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def connections(port: int, count: int, request: bytes, tls: ssl.SSLContext | None = None) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has had one answer; over TLS if there is a context for it."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS))
            s.settimeout(ANSWER_SECONDS)
            if tls:
                s = stack.enter_context(tls.wrap_socket(s))
            s.sendall(request)
            if not s.recv(65536):
                raise StartError("the proxy closed a connection instead of answering a call")
            opened.append(s)
        yield opened


def closed(opened: Sequence[socket.socket]) -> int:
    """How many the proxy has closed."""
    gone = 0
    for s in opened:
        s.setblocking(False)
        try:
            gone += s.recv(1) == b""
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            gone += 1
    return gone


def trusting() -> ssl.SSLContext:
    """A client's, that believes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def run_once(
    bench: measure.Bench, name: str, command: Sequence[str], proto: str, count: int, tls: ssl.SSLContext | None
) -> dict[str, Any]:
    request = frame(proto)
    with bench.started(name, command, proto) as (pid, _):
        with connections(bench.ports.front, WARM_CONNS, request, tls):
            pass
        time.sleep(QUIET_SECONDS)
        before = pss_bytes(pid)
        with connections(bench.ports.front, count, request, tls) as opened:
            time.sleep(QUIET_SECONDS)
            after = pss_bytes(pid)
            return {"before": before, "after": after, "each": (after - before) / count, "closed": closed(opened)}


def measure_all(
    bench: measure.Bench, commands: dict[str, list[str]], proto: str, count: int, tls: ssl.SSLContext | None = None
) -> list[dict[str, Any]]:
    """A row for each contender: MB before and after, bytes for each connection, connections that were closed."""
    with many_files():
        return list(_rows(bench, commands, proto, count, tls))


def _rows(
    bench: measure.Bench, commands: dict[str, list[str]], proto: str, count: int, tls: ssl.SSLContext | None
) -> Iterator[dict[str, Any]]:
    for name, command in commands.items():
        runs = []
        try:
            for number in range(bench.rounds):
                bench.say(f"{proto}, {count} idle connections, round {number + 1} of {bench.rounds}: {name}")
                runs.append(run_once(bench, name, command, proto, count, tls))
        except (StartError, OSError) as error:
            if measure.is_ours(name):
                raise
            measure.left_out(name, error)
            continue
        yield {
            "proto": proto,
            "peer": name,
            "before_mb": median(r["before"] for r in runs) / 2**20,
            "after_mb": median(r["after"] for r in runs) / 2**20,
            "each": median(r["each"] for r in runs),
            "closed": sum(r["closed"] for r in runs),
        }


def heading(count: int) -> str:
    return f"{'proto':<8}  {'peer':<13}  {'PSS MB':>7}  {f'with {count}':>10}  {'bytes each':>10}  {'closed':>6}"


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['proto']:<8}  {row['peer']:<13}  {row['before_mb']:>7.1f}  {row['after_mb']:>10.1f}"
        f"  {row['each']:>10.0f}  {row['closed']:>6}"
    )


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("proto", nargs="+", choices=PROTOCOLS)
    ap.add_argument("--ours", help="command of the proxy under test; {config} is replaced")
    ap.add_argument("--ours-protocols", default="auto", help="what goes under `protocols:` (default: auto)")
    ap.add_argument("--conns", type=int, default=2000)
    ap.add_argument("--peer", action="append", choices=sorted({*sum(PEERS.values(), ()), "none"}))
    ap.add_argument("--rounds", type=int, default=1)
    ap.add_argument("--ports", type=pick_ports, default="auto", help="BACKEND,FRONT (default: two free ones)")
    ap.add_argument("--json", action="store_true")
    a = ap.parse_args()
    measure.build()
    bench = measure.Bench(a.ports, new_folder(), a.rounds, progress)
    ours = Ours(a.ours, a.ours_protocols) if a.ours else None
    rows = []
    for proto in a.proto:
        commands = bench.contenders(proto, ours, [1], [] if a.peer == ["none"] else a.peer)
        rows += measure_all(bench, commands, proto, a.conns)
    progress("")
    print(json.dumps(rows) if a.json else "\n".join([heading(a.conns), *map(line, rows)]))
    return 1 if any(row["closed"] for row in rows if measure.is_ours(row["peer"])) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as error:
        sys.exit(f"idle.py: {error}")
