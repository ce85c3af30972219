"""What is counted, and where: every series has a slot in an array of u64, fixed when the snapshot is.

Built this way so that counting costs one addition: the worker looks its slots up once, when a listener or a host is
made, and from then on only adds to an index. The array lies in a memfd that control maps too, so a scrape asks the
workers nothing, and the figures of a worker that died stay. Control and worker compute the same `Layout` from the same
first snapshot, so no names travel until the configuration changes.

What always holds: slots are dense, and a name keeps its own as long as the proxy runs, gone or not; the label values
come from the snapshot alone, never from traffic, so the number of series is bounded; a name or label that is not in the
table is a `KeyError` when it is looked up, never a series that nobody sees.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from proxy.health.verdict import OUTCOMES
from proxy.observe.mirrors import DROPPED as MIRROR_DROPPED
from proxy.observe.mirrors import OUTCOMES as MIRROR_OUTCOMES
from proxy.snapshot import ClusterFrom, Listener, Snapshot
from proxy.tls.failures import REASONS

CounterType = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]

FAULTS = ("no_route", "no_host", "connect", "overload", "timeout", "closed", "malformed", "misdirected", "filter")
"""`xproto.spec.Fault` in lower case (a test holds them equal): control counts without importing the framework."""

HTTP2_BOUNDS = (
    "resets", "own_resets", "settings", "pings", "priorities", "empties", "windows", "unknown", "streams", "continuations",
    "header_block", "header_list", "cookie_crumbs", "stalled_windows",
)  # fmt: skip
"""The bounds of `xproto.kernel.http2_floods` (a test holds them equal)."""

CARRIED = {"http2": ("grpc",)}
"""What streams of a protocol may be of, beside its own name: what `xproto.codecs` says it carries (a test holds them equal)."""

GRPC_STATUSES = (
    "ok", "cancelled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists", "permission_denied",
    "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented", "internal", "unavailable",
    "data_loss", "unauthenticated", "none",
)  # fmt: skip
"""By their numbers; the last one: an answer without a status, or with one that gRPC does not know."""

RETRY_OUTCOMES = ("retried", "succeeded", "exhausted", "over_budget", "unsafe", "unkept", "too_late")

DURATION_BOUNDS = (
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
)  # fmt: skip
"""Upper bounds of call durations, in microseconds: from a call inside one machine to a forgotten deadline."""

HISTOGRAM_EXTRA = 2
"""Slots of a histogram after its buckets: the sum, in microseconds, and the count."""

CAPACITY = 1 << 20
"""Slots of a worker's array: what names come and go in the life of a proxy (50,000 hosts). Pages never used cost nothing."""


class Family(NamedTuple):
    name: str
    type: CounterType
    labels: tuple[str, ...]
    help: str


class Counter(NamedTuple):
    """One series. A histogram's `slot` is its first: one for each bound, then the sum, then the count."""

    name: str
    type: CounterType
    labels: Labels
    help: str
    slot: int


class Histogram(NamedTuple):
    """Where a histogram lies.

    A call that took `t` microseconds adds 1 to slot `first_slot + i` of the smallest i with `t <= bounds[i]` (to none
    when it is over the last bound), `t` to slot `first_slot + len(bounds)`, and 1 to `first_slot + len(bounds) + 1`.
    The buckets are not cumulative here; they are when rendered.
    """

    first_slot: int
    bounds: tuple[int, ...]


DETECTED = ("none", "timeout", "closed", "fallback", "tls", "http1", "http2")
"""What detection ends with, but for the protocols: `fallback` counts connections that are counted by what they began with
too; the last three are known and not spoken."""

PROXY_HEADERS = ("accepted", "malformed", "missing", "untrusted")

DECISIONS = ("hit", "miss", "uncached")
"""Of a route table: from the cache, from the table and kept, from the table and too long to be kept."""
EDITS = ("skipped", "refused")
"""Of calls and answers that went on without an edit, since there was nothing to be edited; and of those that did not go on."""

_L, _LP, _CH = ("listener",), ("listener", "protocol"), ("cluster", "host")
_LF = ("listener", "filter")

FAMILIES = (
    Family("xproto_downstream_connections_total", "counter", _L, "Connections accepted."),
    Family("xproto_downstream_connections_active", "gauge", _L, "Downstream connections open now."),
    Family("xproto_downstream_refused_total", "counter", _L, "Connections closed at once: too many were open."),
    Family("xproto_downstream_cut_total", "counter", _L, "Connections closed because answers were not read."),
    Family("xproto_accept_paused_total", "counter", _L, "Pauses in accepting, for want of descriptors or memory."),
    Family("xproto_downstream_rx_bytes_total", "counter", _L, "Bytes read from downstream."),
    Family("xproto_downstream_tx_bytes_total", "counter", _L, "Bytes written to downstream."),
    Family("xproto_detected_total", "counter", ("listener", "result"), "Connections by the protocol detected."),
    Family("xproto_detection_duration_seconds", "histogram", _L, "From a connection's first byte to what it speaks."),
    Family("xproto_proxy_headers_total", "counter", ("listener", "outcome"), "Headers of the PROXY protocol."),
    Family("xproto_http2_bounds_total", "counter", ("listener", "bound"), "Times a client met a bound of HTTP/2."),
    Family("xproto_tls_handshakes_total", "counter", _L, "Handshakes of TLS with clients."),
    Family("xproto_tls_resumed_total", "counter", _L, "Of these, those that resumed a session."),
    Family("xproto_tls_handshakes_active", "gauge", _L, "Handshakes of TLS under way."),
    Family("xproto_tls_handshake_duration_seconds", "histogram", _L, "From a client's hello to the handshake's end."),
    Family("xproto_tls_handshake_failures_total", "counter", ("listener", "reason"), "Those that failed, by reason."),
    Family("xproto_tunnels_total", "counter", _L, "Connections that went on to the fallback cluster as they are."),
    Family("xproto_tunnels_active", "gauge", _L, "Of these, those open now or being connected."),
    Family("xproto_tunnel_failures_total", "counter", _L, "Of these, those for which no host was to be had."),
    Family("xproto_tunnel_bytes_total", "counter", _L, "Bytes that were passed on in them, both ways."),
    Family("xproto_calls_total", "counter", _LP, "Two-way calls received."),
    Family("xproto_oneways_total", "counter", _LP, "One-way calls received."),
    Family("xproto_local_replies_total", "counter", (*_LP, "fault"), "Calls that the proxy answered itself."),
    Family("xproto_oneways_dropped_total", "counter", _LP, "One-way calls that reached no upstream."),
    Family("xproto_malformed_total", "counter", _LP, "Frames from downstream that could not be read."),
    Family("xproto_heartbeats_answered_total", "counter", _L, "Heartbeats from downstream answered by the proxy."),
    Family("xproto_access_log_lines_total", "counter", _L, "Lines written to the access log."),
    Family(
        "xproto_access_log_dropped_total",
        "counter",
        _L,
        "Calls that are not in the access log: too many waited, or a write failed.",
    ),
    Family("xproto_filter_replies_total", "counter", _LF, "Calls that a filter answered."),
    Family("xproto_filter_failures_total", "counter", _LF, "Runs of a filter that failed: it raised, hung or blocked."),
    Family("xproto_route_calls_total", "counter", ("table", "route"), "Calls by the route they took."),
    Family("xproto_route_decisions_total", "counter", ("table", "outcome"), "Decisions, by where they came from."),
    Family("xproto_edits_total", "counter", ("table", "outcome"), "Edits by routes that were not made, and why."),
    Family("xproto_upstream_connections_total", "counter", _CH, "Upstream connections established."),
    Family("xproto_upstream_connections_active", "gauge", _CH, "Upstream connections open now."),
    Family("xproto_upstream_connect_failures_total", "counter", _CH, "Attempts to connect upstream that failed."),
    Family("xproto_upstream_tls_handshakes_total", "counter", _CH, "Handshakes of TLS with hosts."),
    Family("xproto_upstream_tls_failures_total", "counter", ("cluster", "reason"), "Of connect failures, those of TLS."),
    Family("xproto_upstream_calls_total", "counter", _CH, "Calls sent upstream, one-way calls included."),
    Family("xproto_upstream_replies_total", "counter", _CH, "Answers received from upstream and passed on."),
    Family("xproto_upstream_pending", "gauge", ("cluster",), "Calls that wait for a connection of a ping-pong pool."),
    Family("xproto_upstream_pending_overflow_total", "counter", ("cluster",), "Calls refused because too many waited."),
    Family(
        "xproto_upstream_subset_fallbacks_total",
        "counter",
        ("cluster",),
        "Calls for hosts with metadata that none has: the fallback got them.",
    ),
    Family("xproto_upstream_in_flight", "gauge", _CH, "Calls sent upstream and not answered yet."),
    Family("xproto_upstream_heartbeats_sent_total", "counter", _CH, "Heartbeats sent upstream."),
    Family("xproto_upstream_heartbeats_missed_total", "counter", _CH, "Heartbeats that upstream left unanswered."),
    Family("xproto_upstream_heartbeats_answered_total", "counter", _CH, "Heartbeats from upstream answered."),
    Family("xproto_upstream_dropped_answers_total", "counter", (*_CH, "reason"), "Answers that no caller waited for."),
    Family("xproto_retries_total", "counter", ("cluster", "outcome"), "What came of policies to send calls again."),
    Family("xproto_upstream_malformed_total", "counter", _CH, "Frames from upstream that could not be read."),
    Family("xproto_upstream_goaways_total", "counter", _CH, "Requests of upstream to drain a connection."),
    Family("xproto_upstream_health_checks_total", "counter", (*_CH, "outcome"), "Active health checks, by what came of them."),
    Family("xproto_upstream_unhealthy", "gauge", _CH, "Workers whose health checks hold the host for unhealthy."),
    Family("xproto_upstream_rx_bytes_total", "counter", _CH, "Bytes read from upstream."),
    Family("xproto_upstream_tx_bytes_total", "counter", _CH, "Bytes written upstream."),
    Family("xproto_call_duration_seconds", "histogram", ("cluster",), "From a whole request to its answer."),
    Family(
        "xproto_cluster_from_misses_total",
        "counter",
        ("table", "route", "reason"),
        "Calls whose value named no cluster that there is, by whether they had one.",
    ),
    Family("xproto_mirror_calls_total", "counter", ("cluster", "outcome"), "Copies that a host got, by what came of them."),
    Family("xproto_mirror_dropped_total", "counter", ("cluster", "reason"), "Copies not made, or that reached no host."),
    Family("xproto_mirror_in_flight", "gauge", ("cluster",), "Copies of calls that are not answered."),
    Family("xproto_grpc_status_total", "counter", ("cluster", "status"), "Answers to calls of gRPC, by their status."),
)


def label_values(snapshot: Snapshot) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """For each set of label names that a family uses, every combination of values that can occur.

    Under a family's own name: the combinations of that one, where others with the same labels have more.
    """
    listeners = snapshot.listeners.values()
    hosts: list[tuple[str, ...]] = [(cluster.name, host) for cluster in snapshot.clusters.values() for host in cluster.hosts]
    checked = [(cluster.name, host) for cluster in snapshot.clusters.values() if cluster.health_check for host in cluster.hosts]
    protocols: list[tuple[str, ...]] = [(listener.name, protocol) for listener in listeners for protocol in _heard(listener)]
    every_route = [route for routes in snapshot.routes.values() for route in routes]
    mirrors = list(dict.fromkeys(each.cluster for route in every_route for each in route.mirrors))
    return {
        ("table", "route", "reason"): [
            (table, route.name, reason)
            for table, routes in snapshot.routes.items()
            for route in routes
            if isinstance(route.action, ClusterFrom)
            for reason in ("absent", "unknown")
        ],
        ("xproto_mirror_calls_total",): [(name, outcome) for name in mirrors for outcome in MIRROR_OUTCOMES],
        ("xproto_mirror_dropped_total",): [(name, reason) for name in mirrors for reason in MIRROR_DROPPED],
        ("xproto_mirror_in_flight",): [(name,) for name in mirrors],
        _L: [(listener.name,) for listener in listeners],
        _LP: protocols,
        _LF: [(listener.name, each.name) for listener in listeners for each in listener.filters],
        ("listener", "result"): [(ls.name, each) for ls in listeners for each in dict.fromkeys((*_heard(ls), *DETECTED))],
        ("listener", "reason"): [(listener.name, reason) for listener in listeners for reason in REASONS],
        ("listener", "outcome"): [(listener.name, outcome) for listener in listeners for outcome in PROXY_HEADERS],
        ("listener", "bound"): [(listener.name, bound) for listener in listeners for bound in HTTP2_BOUNDS],
        (*_LP, "fault"): [(*pair, fault) for pair in protocols for fault in FAULTS],
        ("table", "route"): [
            (table, name) for table, routes in snapshot.routes.items() for name in (*(route.name for route in routes), "none")
        ],
        ("table", "outcome"): [(table, outcome) for table in snapshot.routes for outcome in DECISIONS],
        ("xproto_edits_total",): [(table, outcome) for table in snapshot.routes for outcome in EDITS],
        _CH: hosts,
        (*_CH, "reason"): [(*pair, reason) for pair in hosts for reason in ("late", "unknown", "retried")],
        (*_CH, "outcome"): [(*pair, outcome) for pair in checked for outcome in OUTCOMES],
        ("cluster",): [(name,) for name in snapshot.clusters],
        ("cluster", "outcome"): [(name, outcome) for name in snapshot.clusters for outcome in RETRY_OUTCOMES],
        ("cluster", "reason"): [(name, reason) for name in snapshot.clusters for reason in REASONS],
        ("cluster", "status"): [(name, status) for name in snapshot.clusters for status in GRPC_STATUSES],
    }


def _heard(listener: Listener) -> tuple[str, ...]:
    """All protocols that calls may come by, those of streams included."""
    return tuple(dict.fromkeys(each for name in listener.spoken for each in (name, *CARRIED.get(name, ()))))


class Layout:
    """The slots of one snapshot's series.

    `before` is the layout of the snapshot in force until now: a series that it had, or had once had, keeps its slot, so
    that its count goes on and whoever still holds the slot of a name that is gone counts into nobody else's.
    """

    def __init__(self, snapshot: Snapshot, protocol_names: Iterable[str], before: Layout | None = None) -> None:
        known = set(protocol_names)
        for listener in snapshot.listeners.values():
            if missing := [name for name in listener.spoken if name not in known]:
                raise ValueError(f"listener {listener.name}: protocols that are not loaded: {', '.join(missing)}")
        self.counters: list[Counter] = []
        self.size: int = 0 if before is None else before.size
        """How many u64 the array needs."""
        self._slots: dict[tuple[str, Labels], int] = {}
        self._given: dict[tuple[str, Labels], int] = {} if before is None else dict(before._given)  # noqa: SLF001 (its own class)
        values = label_values(snapshot)
        for family in FAMILIES:
            width = _width(family.name)
            for combination in values[(family.name,) if (family.name,) in values else family.labels]:
                labels = tuple(zip(family.labels, combination, strict=True))
                key = (family.name, tuple(sorted(labels)))
                if key in self._slots:
                    raise ValueError(f"two series are both {series_name(family.name, labels)}")
                slot = self._given.setdefault(key, self.size)
                self._slots[key] = slot
                self.counters.append(Counter(family.name, family.type, labels, family.help, slot))
                if slot == self.size:
                    self.size += width
        if self.size > CAPACITY:
            raise ValueError(
                f"there are counters for {CAPACITY:,} values, and {self.size:,} are needed, with those of names that are"
                " gone: restart the proxy, or configure fewer hosts and routes"
            )

    def __repr__(self) -> str:
        return f"<Layout series={len(self.counters)} slots={self.size}>"

    def slots(self) -> list[tuple[str, Labels, int]]:
        """All slots ever given, as plain data: what a worker that starts later needs to count where others count."""
        return [(name, labels, slot) for (name, labels), slot in self._given.items()]

    @classmethod
    def restore(cls, snapshot: Snapshot, protocol_names: Iterable[str], slots: Iterable[Any]) -> Layout:
        """The layout of `snapshot` where `slots` were given before: another's `slots()`, which may have become lists."""
        past = cls(Snapshot({}, {}, {}), ())
        past._given = {(name, tuple((key, value) for key, value in labels)): slot for name, labels, slot in slots}
        past.size = max((slot + _width(key[0]) for key, slot in past._given.items()), default=0)
        return cls(snapshot, protocol_names, past)

    def slot(self, name: str, /, **labels: str) -> int:
        """The slot of one counter or gauge; `KeyError` where the layout has no such series."""
        return self._find(name, labels, histogram=False)

    def histogram(self, name: str, /, **labels: str) -> Histogram:
        """Where one histogram lies; `KeyError` where the layout has no such series."""
        return Histogram(self._find(name, labels, histogram=True), DURATION_BOUNDS)

    def gauge_slots(self) -> list[int]:
        """The slots that say what is now: a worker that died leaves them wrong, so control zeroes them.

        Those of names that are gone too: what was still open under them is open no more.
        """
        return [slot for (name, _), slot in self._given.items() if name in _GAUGES]

    def _find(self, name: str, labels: dict[str, str], *, histogram: bool) -> int:
        family = next((family for family in FAMILIES if family.name == name), None)
        if family is None:
            near = difflib.get_close_matches(name, [family.name for family in FAMILIES], 1)
            raise KeyError(f"no family {name}" + (f"; did you mean {near[0]}?" if near else ""))
        if set(labels) != set(family.labels):
            raise KeyError(f"{name} has the labels {', '.join(family.labels)}, not {', '.join(labels) or 'none'}")
        if (family.type == "histogram") is not histogram:
            raise KeyError(f"{name} is a {family.type}: look it up with {'slot' if histogram else 'histogram'}()")
        found = self._slots.get((name, tuple(sorted(labels.items()))))
        if found is None:
            raise KeyError(f"the snapshot has no series {series_name(name, tuple(labels.items()))}")
        return found


def _width(name: str) -> int:
    """How many slots a series of the family takes."""
    return len(DURATION_BOUNDS) + HISTOGRAM_EXTRA if name in _HISTOGRAMS else 1


_HISTOGRAMS = {family.name for family in FAMILIES if family.type == "histogram"}
_GAUGES = {family.name for family in FAMILIES if family.type == "gauge"}


def series_name(name: str, labels: Iterable[tuple[str, str]]) -> str:
    """``name{label="value"}`` for people; the exposition's escaping is in `proxy.observe.prometheus`."""
    return f"{name}{{{', '.join(f'{key}={value!r}' for key, value in labels)}}}"
