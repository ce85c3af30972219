"""The figures to reach, as a table: what is measured, which way is good, and the bound.

A figure whose peer is not installed, or that was not measured in this run, is `None` and is shown as such: never passed
over in silence, never counted as reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

YARDSTICK = "haproxy-tcp"
PSS_MB = 60.0
IDLE_BYTES = 3072.0
ROUTES_RATIO = 1.2
KERNEL_RATIO = 300.0
ISOLATION_RATIO = 2.0
DETECTION_US = 5.0
HOLD_MB = 60.0
"""Over the budget for buffers."""
HOLD_PERCENT = 1.0
MISS_US = 50.0
NOOP_US = 2.0
IDLE_FILTERS_RATIO = 1.1
COPIES_RATIO = 1.1
KILLED_MS = 50.0
POLICY_CALLS = (("bolt", 1), ("bolt", 16), ("http1", 1))
HTTPS_RATIO = 1.5
HANDSHAKES_RATIO = 0.7
BOLT_TLS_RATIO = 2.0
IDLE_TLS_BYTES = 40 * 1024.0
ROTATION_MS = 10.0
CALL_RATIOS = (
    # protocol, depth, peer, at most
    ("bolt", 1, YARDSTICK, 1.15),
    ("bolt", 16, YARDSTICK, 2.0),
    ("dubbo", 1, YARDSTICK, 1.15),
    ("dubbo", 16, YARDSTICK, 2.0),
    ("dubbo", 1, "envoy-dubbo", 0.6),
    ("dubbo", 16, "envoy-dubbo", 0.12),
    ("thrift", 1, "envoy-thrift", 0.55),
    ("thrift", 16, "envoy-thrift", 0.1),
    ("http2", 1, "haproxy-h2", 1.3),
    ("http2", 1, "envoy-h2", 0.45),
    ("http2", 16, "haproxy-h2", 1.5),
    ("grpc", 1, "nginx-grpc", 1.0),
    ("grpc", 16, "nginx-grpc", 1.0),
    ("grpc-download", 1, "envoy-h2", 1.3),
    ("grpc-upload", 1, "envoy-h2", 1.3),
)
WEB_RATIOS = (
    # bytes of a body, peer, at most
    (256, "nginx", 1.0),
    (256, "envoy-http1", 0.35),
    (10_240, "nginx", 1.3),
    (1_048_576, "nginx", 1.3),
)


@dataclass
class Results:
    """Everything of one run."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    web: list[dict[str, Any]] = field(default_factory=list)
    idle: list[dict[str, Any]] = field(default_factory=list)
    kernel: list[dict[str, Any]] = field(default_factory=list)
    readers: list[dict[str, Any]] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)
    detection: list[dict[str, Any]] = field(default_factory=list)
    isolation: list[dict[str, Any]] = field(default_factory=list)
    hold: dict[str, Any] = field(default_factory=dict)
    secure: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By part of secure.py."""
    policy: dict[str, Any] = field(default_factory=dict)
    """By part of policy.py."""

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
    web = {(row["size"], row["peer"]): row["cpu_rounds"] for row in results.web}
    for size, peer, bound in WEB_RATIOS:
        ours, theirs = web.get((size, "ours")), web.get((size, peer))
        measured = ratio(ours, theirs) if ours and theirs else None
        yield Figure(f"HTTP/1.1, {size:,} bytes: cpu of a request, to {peer}", bound, measured)
    for proto in ("bolt", "dubbo"):
        for depth in (1, 16):
            name = f"{proto}, depth {depth}: cpu with 1,000 routes, to one route"
            found = (row["ratio"] for row in results.routes if (row["proto"], row["depth"]) == (proto, depth))
            yield Figure(name, ROUTES_RATIO, next(found, None))
    own = [row for row in results.calls if row["peer"] == "ours"]
    yield Figure("control and one worker, MB (PSS, after the load)", PSS_MB, max((r["pss_mb"] for r in own), default=None))
    idle = [row["each"] for row in results.idle if row["peer"] == "ours"]
    yield Figure("an idle downstream connection, bytes", IDLE_BYTES, max(idle, default=None))
    for proto in ("bolt", "boltv2", "dubbo"):
        parse = next((row["ratio"] for row in results.kernel if row["proto"] == proto), None)
        yield Figure(f"{proto}: construct's parse, to the kernel's header read", KERNEL_RATIO, parse, at_least=True)
    for proto in ("bolt", "dubbo", "thrift", "tars"):
        row = next((row for row in results.readers if row["proto"] == proto), {})
        name = f"{proto}, a recorded request"
        yield Figure(f"{name}: construct's parse, to the kernel", KERNEL_RATIO, row.get("construct_ratio"), at_least=True)
        yield Figure(f"{name}: Python by hand, to the kernel", 1.0, row.get("by hand_ratio"), at_least=True)
    for row in results.detection:
        yield Figure(f"{row['proto']}: detection, us of cpu a connection", DETECTION_US, row["detection_us"])
    yield from policed(results.policy)
    yield from neighbours(results)
    yield from secured(results.secure, ratio)
    faults = [row["faults"] for row in (*results.calls, *results.web) if row["peer"].startswith("ours")]
    faults += [row["faults"] for row in (*results.routes, *results.detection, *results.isolation)]
    faults += [row["closed"] for row in results.idle if row["peer"] == "ours"]
    faults += [results.hold["ended"]] if results.hold else []
    faults += secure_faults(results.secure)
    faults += [row["faults"] for part in ("routes", "filters", "mirroring", "cost") for row in results.policy.get(part, ())]
    yield Figure("faults of this proxy, idle connections that it closed included", 0, sum(faults) if faults else None)


def policed(parts: dict[str, Any]) -> Iterator[Figure]:
    """Of traffic policy; `parts` as in `Results.policy`."""

    def of(part: str, proto: str, depth: int) -> dict[str, Any]:
        return next((row for row in parts.get(part, ()) if (row["proto"], row["depth"]) == (proto, depth)), {})

    for depth in (1, 16):
        name = f"bolt, depth {depth}: cpu with 10,000 mixed routes, to one route"
        yield Figure(name, ROUTES_RATIO, of("routes", "bolt", depth).get("ratio"))
    calls = parts["misses"]["calls"] if parts else None
    miss = calls["new keys"] - calls["one key"] if calls else None
    yield Figure("10,000 mixed routes, a key that is new: us of cpu", MISS_US, miss)
    for proto, depth in POLICY_CALLS:
        at, row = f"{proto}, depth {depth}", of("filters", proto, depth)
        yield Figure(f"{at}: us that a filter adds which does nothing", NOOP_US, row.get("noop_us"))
        yield Figure(f"{at}: cpu with all built-in filters idle, to none", IDLE_FILTERS_RATIO, row.get("idle_ratio"))
        copies = of("mirroring", proto, depth).get("ratios", {}).get("dead")
        yield Figure(f"{at}: cpu with copies to a dead cluster, to none", COPIES_RATIO, copies)
    killed = {(row["load"], row["policy"]): row for row in parts.get("kill", ())}
    idempotent = [sum(row["failed"]) for (_, policy), row in killed.items() if policy == "idempotent"]
    yield Figure("a host killed, retries of idempotent calls: failed", 0, sum(idempotent) if idempotent else None)
    for policy, name in (("connect_failure", "connect failures"), ("idempotent", "idempotent calls")):
        row = killed.get(("open loop", policy))
        slowest = row["slowest_us"] / 1000 if row else None
        yield Figure(f"a host killed, retries of {name}: slowest call, ms", KILLED_MS, slowest)


def secured(parts: dict[str, list[dict[str, Any]]], ratio: Callable[[list[float], list[float]], float]) -> Iterator[Figure]:
    """Of TLS; `parts` as in `Results.secure`."""

    def rounds(part: str, peer: str) -> list[float] | None:
        return next((row["cpu_rounds"] for row in parts.get(part, ()) if row["peer"] == peer), None)

    def cost(part: str, ours: str, peer: str) -> float | None:
        a, b = rounds(part, ours), rounds(part, peer)
        return ratio(a, b) if a and b else None

    def own(part: str, key: str) -> float | None:
        return next((row[key] for row in parts.get(part, ()) if row["peer"] == "ours"), None)

    name = "HTTP/1.1 over TLS 1.3: cpu of a request, to haproxy-https"
    yield Figure(name, HTTPS_RATIO, cost("https", "ours", "haproxy-https"))
    # A second's handshakes are inverse to what each costs.
    name = "new TLS handshakes in a second of cpu, to haproxy-https"
    yield Figure(name, HANDSHAKES_RATIO, cost("handshakes", "haproxy-https", "ours"), at_least=True)
    yield Figure("bolt over TLS, depth 16: cpu of a call, to plaintext", BOLT_TLS_RATIO, cost("bolt", "ours-tls", "ours"))
    yield Figure("an idle downstream TLS connection, bytes", IDLE_TLS_BYTES, own("idle", "each"))
    # Who presents old certificates has not done what was to be measured.
    longest = None if own("rotation", "stale") else own("rotation", "max_during_ms")
    name = f"{own('rotation', 'count') or 1000:,} certificates replaced: longest latency of a call, ms"
    yield Figure(name, ROTATION_MS, longest)


def secure_faults(parts: dict[str, list[dict[str, Any]]]) -> list[int]:
    """Of this proxy: calls that went wrong, idle connections that it closed, certificates that it did not replace."""
    own = [row for rows in parts.values() for row in rows if row["peer"].startswith("ours")]
    return [sum(row.get(key, 0) for key in ("faults", "closed", "stale")) for row in own]


def neighbours(results: Results) -> Iterator[Figure]:
    """What somebody else's trouble costs."""
    to_quiet = {row["case"]: row["to_quiet"] for row in results.isolation}
    yield Figure("p99 of calls to other hosts, one of three stopped, to quiet", ISOLATION_RATIO, to_quiet.get("stopped"))
    yield Figure("p99 of calls to other hosts, beside 8 MiB frames, to quiet", ISOLATION_RATIO, to_quiet.get("frames"))
    held = results.hold
    over = held["peak_mb"] - held["budget_mb"] if held else None
    yield Figure("2,000 clients trickle 8 MiB frames: MB over the budget, at most", HOLD_MB, over)
    percent = max(held["percent"].values()) if held else None
    yield Figure("2,000 connections with one byte: % of a core", HOLD_PERCENT, percent)
