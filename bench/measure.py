"""One run: a backend, a proxy, a load through it; what the load saw and what the proxy spent.

The figure to quote is `cpu_us`, processor microseconds of all the proxy's processes for each call: it does not depend
on how busy the other cores are, so it survives a noisy machine far better than calls per second.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import http2
import peers
from ours import Ours
from processes import Ports, StartError, cpu_seconds, machine_seconds, pss_bytes, running

HERE = Path(__file__).resolve().parent
SETTLE_SECONDS = 1.0
"""From listening to the load: what a proxy still does at its start is not a call's cost."""

QUIET = 0.1
"""The share of the machine that others may use before a run is called disturbed."""


@dataclass(frozen=True)
class Load:
    proto: str
    conns: int = 32
    depth: int = 1
    secs: float = 3.0
    size: int = 256
    options: tuple[str, ...] = ()
    """Of rpcload."""


@dataclass
class Spent:
    """What a stretch of time took; known after it."""

    cpu: float = 0.0
    """Processor seconds of the proxy's family."""
    others: float = 0.0
    """The share of the machine that neither the proxy nor the measurement took."""


def build(*protos: str) -> None:
    """What all protocols are measured with, and what only these are."""
    targets = ["all", "grpcbench"] if any(proto.startswith("grpc") for proto in protos) else ["all"]
    subprocess.run(["make", "-s", "-C", str(HERE), *targets], check=True)


def depths(proto: str, wanted: Sequence[int]) -> Sequence[int]:
    """Those that the protocol can be measured with."""
    return [1] if proto == "http1" or proto in http2.STREAMS else wanted


def backend(proto: str, ports: Ports, folder: Path, size: int = 256) -> list[str]:
    """`size` is of the answers, where the backend does not echo."""
    if proto in http2.PROTOCOLS:
        return http2.backend(proto, ports, folder, size)
    return [str(HERE / "rpcecho"), proto, str(ports.backend)]


def send(load: Load, port: int) -> dict[str, Any]:
    if load.proto in http2.PROTOCOLS:
        return http2.send(load.proto, port, load.conns, load.depth, load.secs, load.size)
    return seen(rpcload(load, port, *load.options))


def rpcload(load: Load, port: int, *options: object) -> subprocess.Popen[str]:
    """The load, begun; what it saw is `seen`."""
    words = [load.proto, port, load.conns, load.depth, load.secs, load.size, *options]
    return subprocess.Popen(
        [str(HERE / "rpcload"), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def seen(running_load: subprocess.Popen[str]) -> dict[str, Any]:
    """Waits for a load's end. One that could not even begin has one fault, and no latencies."""
    out, error = running_load.communicate()
    if not out:
        return {"done": 0, "bad": 1, "rps": 0, "error": error.strip()}
    result: dict[str, Any] = json.loads(out)
    return result


def faults(result: dict[str, Any]) -> int:
    """Calls that went wrong, or that an open loop could not even send."""
    return sum(result.get(key, 0) for key in ("bad", "closed", "lost", "skipped"))


@dataclass(frozen=True)
class Bench:
    """Where and for how long: what is alike for every run of an invocation."""

    ports: Ports
    folder: Path
    """For configurations and logs."""
    rounds: int = 3
    say: Callable[[str], None] = lambda _: None
    """Told what runs."""

    def contenders(
        self, proto: str, ours: Ours | None, routes: Sequence[int], only: Sequence[str] | None = None
    ) -> dict[str, list[str]]:
        """Commands by name, of the installed peers and of the proxy under test with each number of routes."""
        found = {}
        for name in peers.PEERS[proto] if only is None else only:
            try:
                found[name] = peers.command(name, self.ports, self.folder)
            except peers.MissingError as error:
                left_out(name, error)
        if ours:
            for count in routes:
                found[ours_name(count)] = ours.prepare(proto, count, self.ports, self.folder)
        return found

    @contextmanager
    def started(self, name: str, command: Sequence[str], proto: str, size: int = 256) -> Iterator[tuple[int, int]]:
        """The proxy in front of a fresh backend: their pids, in this order. Raises StartError."""
        echo = backend(proto, self.ports, self.folder, size)
        with (
            running(echo, self.ports.backend, self.folder / "backend.log") as back,
            running(command, self.ports.front, self.folder / f"{name}.log") as proxy,
        ):
            time.sleep(SETTLE_SECONDS)
            yield proxy.pid, back.pid

    def run(self, name: str, command: Sequence[str], load: Load) -> dict[str, Any]:
        """What the load saw, and `cpu_us`, `pss` (bytes), `others` (share of the machine) and `faults`.

        Raises StartError.
        """
        with self.started(name, command, load.proto, load.size) as (proxy, back):
            with spending(proxy, back) as spent:
                result = send(load, self.ports.front)
            result["cpu_us"] = spent.cpu / max(result["done"], 1) * 1e6
            result["others"] = spent.others
            result["pss"] = pss_bytes(proxy)
            result["faults"] = faults(result)
            return result

    def compare(
        self, commands: dict[str, list[str]], load: Load, own: Mapping[str, Load] | None = None
    ) -> list[dict[str, Any]]:
        """A row for each contender. They take turns in each round, so that noise meets all alike.

        `own` has the loads of contenders who get another one.
        """
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
        for number in range(self.rounds):
            for name in list(runs):
                self.say(f"{load.proto}, depth {load.depth}, round {number + 1} of {self.rounds}: {name}")
                try:
                    runs[name].append(self.run(name, commands[name], (own or {}).get(name, load)))
                except StartError as error:
                    if is_ours(name):
                        raise
                    left_out(name, error)
                    del runs[name]
        return _rows(runs, load)


@contextmanager
def spending(proxy: int, back: int) -> Iterator[Spent]:
    """By the pids of a proxy and of its backend. Loads count as the measurement's if they end within."""
    spent = Spent()
    cpu, ours, whole, start = cpu_seconds(proxy), _load_and(back), machine_seconds(), time.monotonic()
    yield spent
    spent.cpu = cpu_seconds(proxy) - cpu
    others = machine_seconds() - whole - spent.cpu - (_load_and(back) - ours)
    spent.others = max(others, 0.0) / (time.monotonic() - start) / (os.cpu_count() or 1)


def _load_and(back: int) -> float:
    """Processor time of the backend, of this script and of the loads that it has run."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return cpu_seconds(back) + sum(u.ru_utime + u.ru_stime for u in used)


def _rows(runs: dict[str, list[dict[str, Any]]], load: Load) -> list[dict[str, Any]]:
    """Medians over the rounds; ratios are to the first contender."""
    rows: list[dict[str, Any]] = []
    for name, results in runs.items():
        cpu = [r["cpu_us"] for r in results]
        rows.append(
            {
                "proto": load.proto,
                "depth": load.depth,
                "peer": name,
                "cpu_us": median(cpu),
                "cpu_rounds": cpu,
                "ratio": ratio(cpu, rows[0]["cpu_rounds"] if rows else cpu),
                "rps": median(r["rps"] for r in results),
                "p50_us": median(r.get("p50_us", 0) for r in results),
                "p99_us": median(r.get("p99_us", 0) for r in results),
                "resumed": median(r.get("resumed", 0) / max(r.get("handshakes", 0), 1) for r in results),
                "pss_mb": median(r["pss"] for r in results) / 2**20,
                "others": max(r["others"] for r in results),
                "faults": sum(r["faults"] for r in results),
                "errors": sorted({r["error"] for r in results if "error" in r}),
            }
        )
    return rows


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """The median of the rounds' ratios: what ran in one round ran within seconds on the same, perhaps busy, machine."""
    return median(a / b if b else 0.0 for a, b in zip(these, those, strict=True))


def disturbance(rows: Sequence[dict[str, Any]]) -> str:
    """A warning if something else kept this machine busy, or nothing."""
    worst = max((row["others"] for row in rows), default=0.0)
    if worst < QUIET:
        return ""
    return (
        f"NOT QUIET: other work took up to {worst:.0%} of this machine. It flatters proxies that share connections: "
        "those who wait for the processor longer find more calls to batch."
    )


def left_out(name: str, error: Exception) -> None:
    print(f"left out: {name} ({error})", file=sys.stderr)


def ours_name(routes: int) -> str:
    return "ours" if routes == 1 else f"ours-{routes}"


def is_ours(name: str) -> bool:
    return name.startswith("ours")
