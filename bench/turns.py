"""Processor time of calls that differ in one thing, measured in turns.

The difference looked for is a few percent, less than what two runs of one proxy differ by. So all kinds of calls go to
listeners of one process, in front of one backend: same memory layout, same warm caches. Short loads alternate between them, and
the one that goes first in a round goes last in the next, so that whatever drifts meets all alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import measure
from ours import words
from processes import Ports, StartError, cpu_nanoseconds, running

ROUNDS = 9
SECONDS = 0.6
DEPTHS = (1, 16)
WARM_UPS = 20
"""Loads until the first one without a fault."""


@dataclass(frozen=True)
class Turns:
    """What is alike for all that is measured so in one invocation."""

    command: str
    """Of the proxy under test."""
    folder: Path
    """For configurations and logs."""
    rounds: int = ROUNDS
    say: Callable[[str], None] = lambda _: None
    """Told what runs."""

    def measure(
        self, name: str, configuration: str, load: measure.Load, ports: dict[str, int], backend: int
    ) -> list[dict[str, Any]]:
        """A row for each depth. `ports`: the listener's of each kind; `name`: of files. Raises StartError."""
        path = self.folder / f"{name}-{load.proto}.yaml"
        path.write_text(configuration)
        first = next(iter(ports.values()))
        echo = measure.backend(load.proto, Ports(backend, first), self.folder)
        with (
            running(echo, backend, self.folder / "backend.log"),
            running(words(self.command, path), first, path.with_suffix(".log")) as proxy,
        ):
            time.sleep(measure.SETTLE_SECONDS)
            for port in ports.values():
                warm_up(load, port)
            depths = measure.depths(load.proto, DEPTHS)
            return [self.row(name, proxy.pid, replace(load, depth=depth), ports) for depth in depths]

    def row(self, name: str, pid: int, load: measure.Load, ports: dict[str, int]) -> dict[str, Any]:
        cpu: dict[str, list[float]] = {kind: [] for kind in ports}
        faults = 0
        for number in range(self.rounds):
            self.say(f"{name}: {load.proto}, depth {load.depth}, round {number + 1} of {self.rounds}")
            for kind in ports if number % 2 else reversed(ports):
                before = cpu_nanoseconds(pid)
                result = measure.send(load, ports[kind])
                cpu[kind].append((cpu_nanoseconds(pid) - before) / 1000 / max(result["done"], 1))
                faults += measure.faults(result)
        return {
            "proto": load.proto,
            "depth": load.depth,
            "cpu_us": {kind: median(values) for kind, values in cpu.items()},
            "cpu_rounds": cpu,
            "faults": faults,
        }


def short(proto: str, **more: Any) -> measure.Load:
    """One turn's load."""
    return measure.Load(proto, secs=SECONDS, **more)


def warm_up(load: measure.Load, port: int) -> None:
    """The port is there before the worker, which reads all routes first."""
    for _ in range(WARM_UPS):
        if not measure.faults(measure.send(load, port)):
            return
    raise StartError(f"calls to port {port} are not answered")


def ratio(row: dict[str, Any], kind: str, to: str) -> float:
    """Of two kinds' costs."""
    return measure.ratio(row["cpu_rounds"][kind], row["cpu_rounds"][to])
