"""The worker's side of `proxy.observe.counters`: names are resolved once, after that a count is one addition.

A new snapshot's `Counters` begin with the records of those before. A record is never freed or moved while any of them
is there, so calls and connections may point at it, whatever the configuration becomes in the meantime; how many there
are is bounded by the layout, which gives a name its slots once and for all.

What always holds: every pointer in a record lies inside the array that Engine was given, which this object keeps alive,
or is the spare slot; only this worker writes the array, so plain additions are enough.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from proxy.observe.counters import GRPC_STATUSES

FAULT_NAMES = ("", "no_route", "no_host", "connect", "overload", "timeout", "closed", "malformed", "misdirected", "filter")


cdef word_t word_of(str text) except *:
    """Its UTF-8, which lives as long as it does."""
    cdef word_t word
    cdef Py_ssize_t size
    word.data = <const uint8_t*>PyUnicode_AsUTF8AndSize(text, &size)
    word.size = size
    return word


@cython.no_gc_clear                     # the array is released when it is freed, not let go of before
cdef class Counters:
    def __cinit__(self, array, layout, Counters before=None):
        PyObject_GetBuffer(array, &self.view, PyBUF_WRITABLE)
        if self.view.len % sizeof(uint64_t) or <size_t>self.view.buf % sizeof(uint64_t):
            raise ValueError("counters: not an array of u64")
        self.layout = layout
        self.records = {} if before is None else dict(before.records)
        self.ways = {} if before is None else before.ways

    def __dealloc__(self):
        if self.view.obj is not None:
            PyBuffer_Release(&self.view)

    cdef void* keep(self, tuple key, const void* record, size_t size) except NULL:
        self.records[key] = held = PyBytes_FromStringAndSize(<const char*>record, size)
        return PyBytes_AS_STRING(held)

    cdef uint64_t* spare(self) except NULL:
        """Where what the layout does not know is counted."""
        cdef uint64_t zero = 0
        held = self.records.get(("spare",))
        return <uint64_t*>(self.keep(("spare",), &zero, sizeof(zero)) if held is None else PyBytes_AS_STRING(held))

    cdef uint64_t* slot(self, str name, dict labels, bint optional=False) except NULL:
        try:
            index = self.layout.slot("xproto_" + name, **labels)
        except KeyError:
            if optional:
                return self.spare()
            raise
        if not 0 <= index < self.view.len // <Py_ssize_t>sizeof(uint64_t):
            raise IndexError(f"counters: {name} is outside the array")
        return <uint64_t*>self.view.buf + <Py_ssize_t>index

    cdef listener_count_t* for_listener(self, str listener) except NULL:
        cdef tuple key = ("listener", listener)
        cdef listener_count_t out
        held = self.records.get(key)
        if held is not None:
            return <listener_count_t*>PyBytes_AS_STRING(held)
        labels = {"listener": listener}
        out.connections = self.slot("downstream_connections_total", labels)
        out.active = self.slot("downstream_connections_active", labels)
        out.rx = self.slot("downstream_rx_bytes_total", labels)
        out.tx = self.slot("downstream_tx_bytes_total", labels)
        out.heartbeats = self.slot("heartbeats_answered_total", labels)
        out.cut = self.slot("downstream_cut_total", labels, True)
        out.refused = self.slot("downstream_refused_total", labels)
        out.accept_paused = self.slot("accept_paused_total", labels, True)
        out.detected_none = self.slot("detected_total", {**labels, "result": "none"})
        out.detected_timeout = self.slot("detected_total", {**labels, "result": "timeout"})
        out.detected_closed = self.slot("detected_total", {**labels, "result": "closed"})
        out.detected_fallback = self.slot("detected_total", {**labels, "result": "fallback"})
        out.detected_tls = self.slot("detected_total", {**labels, "result": "tls"})
        out.detected_http1 = self.slot("detected_total", {**labels, "result": "http1"})
        out.detected_http2 = self.slot("detected_total", {**labels, "result": "http2"})
        self.find(&out.detection, "detection_duration_seconds", labels)
        out.headers_accepted = self.slot("proxy_headers_total", {**labels, "outcome": "accepted"})
        out.headers_malformed = self.slot("proxy_headers_total", {**labels, "outcome": "malformed"})
        out.headers_missing = self.slot("proxy_headers_total", {**labels, "outcome": "missing"})
        out.headers_untrusted = self.slot("proxy_headers_total", {**labels, "outcome": "untrusted"})
        out.tunnels = self.slot("tunnels_total", labels)
        out.tunnels_active = self.slot("tunnels_active", labels)
        out.tunnel_failures = self.slot("tunnel_failures_total", labels)
        out.tunnel_bytes = self.slot("tunnel_bytes_total", labels)
        return <listener_count_t*>self.keep(key, &out, sizeof(out))

    cdef secure_count_t* for_secure(self, str listener) except NULL:
        cdef tuple key = ("secure", listener)
        cdef secure_count_t out
        held = self.records.get(key)
        if held is not None:
            return <secure_count_t*>PyBytes_AS_STRING(held)
        labels = {"listener": listener}
        out.handshakes = self.slot("tls_handshakes_total", labels)
        out.resumed = self.slot("tls_resumed_total", labels)
        out.under_way = self.slot("tls_handshakes_active", labels)
        self.find(&out.duration, "tls_handshake_duration_seconds", labels)
        return <secure_count_t*>self.keep(key, &out, sizeof(out))

    cdef uint64_t* for_failure(self, str listener, str reason) except NULL:
        return self.slot("tls_handshake_failures_total", {"listener": listener, "reason": reason})

    cdef protocol_count_t* for_protocol(self, str listener, str protocol) except NULL:
        cdef tuple key = ("protocol", listener, protocol)
        cdef protocol_count_t out
        held = self.records.get(key)
        if held is not None:
            return <protocol_count_t*>PyBytes_AS_STRING(held)
        labels = {"listener": listener, "protocol": protocol}
        out.listener, out.protocol = word_of(listener), word_of(protocol)     # the key keeps them
        out.detected = self.slot("detected_total", {"listener": listener, "result": protocol})
        out.calls = self.slot("calls_total", labels)
        out.oneways = self.slot("oneways_total", labels)
        out.dropped = self.slot("oneways_dropped_total", labels)
        out.malformed = self.slot("malformed_total", labels)
        out.faults[0] = self.spare()
        for code in range(1, FAULTS):
            out.faults[code] = self.slot("local_replies_total", {**labels, "fault": FAULT_NAMES[code]})
        return <protocol_count_t*>self.keep(key, &out, sizeof(out))

    cdef host_count_t* for_host(self, str cluster, str host) except NULL:
        cdef tuple key = ("host", cluster, host)
        cdef host_count_t out
        held = self.records.get(key)
        if held is not None:
            return <host_count_t*>PyBytes_AS_STRING(held)
        labels = {"cluster": cluster, "host": host}
        out.host = word_of(host)
        out.connections = self.slot("upstream_connections_total", labels)
        out.active = self.slot("upstream_connections_active", labels)
        out.failures = self.slot("upstream_connect_failures_total", labels)
        out.calls = self.slot("upstream_calls_total", labels)
        out.replies = self.slot("upstream_replies_total", labels)
        out.in_flight = self.slot("upstream_in_flight", labels)
        out.heartbeats_sent = self.slot("upstream_heartbeats_sent_total", labels)
        out.heartbeats_missed = self.slot("upstream_heartbeats_missed_total", labels)
        out.heartbeats_answered = self.slot("upstream_heartbeats_answered_total", labels)
        out.late = self.slot("upstream_dropped_answers_total", {**labels, "reason": "late"})
        out.unknown = self.slot("upstream_dropped_answers_total", {**labels, "reason": "unknown"})
        out.retried = self.slot("upstream_dropped_answers_total", {**labels, "reason": "retried"}, True)
        out.malformed = self.slot("upstream_malformed_total", labels)
        out.goaways = self.slot("upstream_goaways_total", labels)
        out.unhealthy = self.slot("upstream_unhealthy", labels)
        out.rx = self.slot("upstream_rx_bytes_total", labels)
        out.tx = self.slot("upstream_tx_bytes_total", labels)
        out.handshakes = self.slot("upstream_tls_handshakes_total", labels)
        for number in range(STATUSES):
            out.statuses[number] = self.slot("grpc_status_total", {"cluster": cluster, "status": GRPC_STATUSES[number]})
        return <host_count_t*>self.keep(key, &out, sizeof(out))

    cdef histogram_t* for_cluster(self, str cluster) except NULL:
        cdef tuple key = ("cluster", cluster)
        cdef histogram_t out
        held = self.records.get(key)
        if held is not None:
            return <histogram_t*>PyBytes_AS_STRING(held)
        self.find(&out, "call_duration_seconds", {"cluster": cluster})
        return <histogram_t*>self.keep(key, &out, sizeof(out))

    cdef retry_count_t* for_retries(self, str cluster) except NULL:
        cdef tuple key = ("retries", cluster)
        cdef retry_count_t out
        held = self.records.get(key)
        if held is not None:
            return <retry_count_t*>PyBytes_AS_STRING(held)
        out.retried = self.slot("retries_total", {"cluster": cluster, "outcome": "retried"})
        out.succeeded = self.slot("retries_total", {"cluster": cluster, "outcome": "succeeded"})
        out.exhausted = self.slot("retries_total", {"cluster": cluster, "outcome": "exhausted"})
        out.over_budget = self.slot("retries_total", {"cluster": cluster, "outcome": "over_budget"})
        out.unsafe = self.slot("retries_total", {"cluster": cluster, "outcome": "unsafe"})
        out.unkept = self.slot("retries_total", {"cluster": cluster, "outcome": "unkept"})
        out.too_late = self.slot("retries_total", {"cluster": cluster, "outcome": "too_late"})
        return <retry_count_t*>self.keep(key, &out, sizeof(out))

    cdef int find(self, histogram_t* out, str name, dict labels) except -1:
        """Where a histogram lies."""
        first, bounds = self.layout.histogram("xproto_" + name, **labels)
        if len(bounds) > 32 or not 0 <= first <= self.view.len // <Py_ssize_t>sizeof(uint64_t) - len(bounds) - 2:
            raise IndexError("counters: the histogram is outside the array")
        out.size = len(bounds)
        for index, bound in enumerate(bounds):
            out.bounds[<int>index] = bound
        out.buckets = <uint64_t*>self.view.buf + <Py_ssize_t>first
        out.total = out.buckets + out.size
        out.count = out.total + 1
        return 0

    cdef log_count_t* for_log(self, str listener) except NULL:
        cdef tuple key = ("log", listener)
        cdef log_count_t out
        held = self.records.get(key)
        if held is not None:
            return <log_count_t*>PyBytes_AS_STRING(held)
        labels = {"listener": listener}
        out.lines = self.slot("access_log_lines_total", labels)
        out.dropped = self.slot("access_log_dropped_total", labels)
        return <log_count_t*>self.keep(key, &out, sizeof(out))

    cdef way_t* for_way(self, str table, str route, str cluster) except NULL:
        cdef tuple key = (table, route, cluster)
        cdef way_t out
        held = self.ways.get(key)
        if held is None:
            memset(&out, 0, sizeof(out))
            out.table, out.route = word_of(table), word_of(route)
            if cluster:                      # else its calls go to none
                out.cluster = word_of(cluster)
            self.ways[key] = held = PyBytes_FromStringAndSize(<const char*>&out, sizeof(out))
        return <way_t*>PyBytes_AS_STRING(held)

    cdef uint64_t* for_route(self, str table, str route) except NULL:
        return self.slot("route_calls_total", {"table": table, "route": route})

    cdef uint64_t* for_decision(self, str table, str outcome) except NULL:
        return self.slot("route_decisions_total", {"table": table, "outcome": outcome})
