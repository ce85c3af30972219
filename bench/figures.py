"""The figures to reach, as a table: what is measured, which way is good, and the bound.

A figure whose peer is not installed, or that was not measured in this run, is `None` and is shown as such: never passed
over in silence, never counted as reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

YARDSTICK = "haproxy-tcp"
MANY = "ours-1000"
PSS_MB = 60.0
IDLE_BYTES = 3072.0
ROUTES_RATIO = 1.2
KERNEL_RATIO = 300.0
CALL_RATIOS = (
    # protocol, depth, peer, at most
    ("bolt", 1, YARDSTICK, 1.15),
    ("bolt", 16, YARDSTICK, 2.0),
    ("dubbo", 1, YARDSTICK, 1.15),
    ("dubbo", 16, YARDSTICK, 2.0),
    ("dubbo", 1, "envoy-dubbo", 0.6),
    ("dubbo", 16, "envoy-dubbo", 0.12),
)


@dataclass
class Results:
    """Everything of one run."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    idle: list[dict[str, Any]] = field(default_factory=list)
    kernel: list[dict[str, Any]] = field(default_factory=list)

    def cpu(self, proto: str, depth: int, peer: str) -> list[float] | None:
        """Microseconds for each call, a value for each round."""
        for row in self.calls:
            if (row["proto"], row["depth"], row["peer"]) == (proto, depth, peer):
                values: list[float] = row["cpu_rounds"]
                return values
        return None


@dataclass(frozen=True)
class Figure:
    name: str
    bound: float
    measured: float | None
    at_least: bool = False

    @property
    def reached(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def line(self) -> str:
        value = "not measured"
        if self.measured is not None:
            value = f"{self.measured:,.0f}" if self.measured >= 100 else f"{self.measured:.2f}"
        word = {True: "reached", False: "MISSED", None: "-"}[self.reached]
        sign = ">=" if self.at_least else "<="
        return f"| {self.name:<63} | {sign} {self.bound:<6g} | {value:>12} | {word:<7} |"


HEADING = f"| {'figure':<63} | {'bound':<9} | {'measured':>12} | {'':<7} |\n|{'-' * 65}|{'-' * 11}|{'-' * 13}:|{'-' * 9}|"


def figures(results: Results, ratio: Callable[[list[float], list[float]], float]) -> Iterator[Figure]:
    """`ratio` puts two contenders' rounds into one number."""

    def cost(proto: str, depth: int, ours: str, peer: str) -> float | None:
        a, b = results.cpu(proto, depth, ours), results.cpu(proto, depth, peer)
        return ratio(a, b) if a and b else None

    for proto, depth, peer, bound in CALL_RATIOS:
        yield Figure(f"{proto}, depth {depth}: cpu of a call, to {peer}", bound, cost(proto, depth, "ours", peer))
    for proto in ("bolt", "dubbo"):
        for depth in (1, 16):
            name = f"{proto}, depth {depth}: cpu with 1,000 routes, to one route"
            yield Figure(name, ROUTES_RATIO, cost(proto, depth, MANY, "ours"))
    ours = [row for row in results.calls if row["peer"] == "ours"]
    yield Figure("control and one worker, MB (PSS, after the load)", PSS_MB, max((r["pss_mb"] for r in ours), default=None))
    idle = [row["each"] for row in results.idle if row["peer"] == "ours"]
    yield Figure("an idle downstream connection, bytes", IDLE_BYTES, max(idle, default=None))
    for proto in ("bolt", "boltv2", "dubbo"):
        found = next((row["ratio"] for row in results.kernel if row["proto"] == proto), None)
        yield Figure(f"{proto}: construct's parse, to the kernel's header read", KERNEL_RATIO, found, at_least=True)
    faults = [row["faults"] for row in results.calls if row["peer"].startswith("ours")]
    faults += [row["closed"] for row in results.idle if row["peer"] == "ours"]
    yield Figure("faults of this proxy, idle connections that it closed included", 0, sum(faults) if faults else None)
