from libc.stdint cimport int64_t, uint8_t, uint64_t
from cpython.buffer cimport Py_buffer

cdef enum FaultCode:          # the values of xproto.spec.Fault
    NO_ROUTE = 1
    NO_HOST = 2
    CONNECT = 3
    OVERLOAD = 4
    TIMEOUT = 5
    CLOSED_EARLY = 6
    MALFORMED = 7
    MISDIRECTED = 8
    FILTER = 9
    FAULTS = 10

cdef enum:
    STATUSES = 18             # of gRPC, one that there is not included


cdef struct word_t:           # text of somebody else's
    const uint8_t* data
    size_t size


cdef struct histogram_t:
    uint64_t* buckets
    uint64_t* total           # microseconds
    uint64_t* count
    int64_t bounds[32]        # microseconds
    int size


cdef struct listener_count_t:
    uint64_t* connections
    uint64_t* active
    uint64_t* rx
    uint64_t* tx
    uint64_t* heartbeats
    uint64_t* detected_none
    uint64_t* detected_timeout
    uint64_t* detected_closed
    uint64_t* detected_fallback
    uint64_t* detected_tls    # known, and not spoken
    uint64_t* detected_http1
    uint64_t* detected_http2
    histogram_t detection     # from the first byte
    uint64_t* headers_accepted    # of the PROXY protocol
    uint64_t* headers_malformed
    uint64_t* headers_missing
    uint64_t* headers_untrusted
    uint64_t* tunnels
    uint64_t* tunnels_active
    uint64_t* tunnel_failures
    uint64_t* tunnel_bytes
    uint64_t* cut             # did not read its answers
    uint64_t* refused         # one connection too many
    uint64_t* accept_paused   # no descriptors or memory left for another connection


cdef struct protocol_count_t:
    word_t listener
    word_t protocol
    uint64_t* detected
    uint64_t* calls
    uint64_t* oneways
    uint64_t* dropped
    uint64_t* malformed
    uint64_t* faults[FAULTS]


cdef struct host_count_t:
    word_t host
    uint64_t* connections
    uint64_t* active
    uint64_t* failures
    uint64_t* calls
    uint64_t* replies
    uint64_t* in_flight
    uint64_t* heartbeats_sent
    uint64_t* heartbeats_missed
    uint64_t* heartbeats_answered
    uint64_t* late
    uint64_t* unknown
    uint64_t* retried         # answers that were passed over, since another try follows
    uint64_t* malformed
    uint64_t* goaways
    uint64_t* unhealthy       # gauge
    uint64_t* rx
    uint64_t* tx
    uint64_t* handshakes      # of TLS
    uint64_t* statuses[STATUSES]  # of gRPC: its cluster's, by their numbers; the last one: none


cdef struct retry_count_t:    # of a cluster
    uint64_t* retried
    uint64_t* succeeded
    uint64_t* exhausted
    uint64_t* over_budget
    uint64_t* unsafe
    uint64_t* unkept
    uint64_t* too_late


cdef struct secure_count_t:   # of a listener that speaks TLS
    uint64_t* handshakes
    uint64_t* resumed
    uint64_t* under_way
    histogram_t duration


cdef struct log_count_t:      # of a listener's access log
    uint64_t* lines
    uint64_t* dropped


cdef struct way_t:            # a route by its names, for as long as anybody counts
    word_t table
    word_t route
    word_t cluster


cdef word_t word_of(str text) except *


cdef class Counters:
    cdef Py_buffer view
    cdef object layout
    cdef dict records         # what it is of -> bytes that hold the record
    cdef dict ways            # the same of routes, which are looked up when they are used: one for all Counters
    cdef uint64_t* slot(self, str name, dict labels, bint optional=*) except NULL
    cdef void* keep(self, tuple key, const void* record, size_t size) except NULL
    cdef uint64_t* spare(self) except NULL
    cdef listener_count_t* for_listener(self, str listener) except NULL
    cdef secure_count_t* for_secure(self, str listener) except NULL
    cdef uint64_t* for_failure(self, str listener, str reason) except NULL
    cdef protocol_count_t* for_protocol(self, str listener, str protocol) except NULL
    cdef host_count_t* for_host(self, str cluster, str host) except NULL
    cdef int find(self, histogram_t* out, str name, dict labels) except -1
    cdef histogram_t* for_cluster(self, str cluster) except NULL
    cdef retry_count_t* for_retries(self, str cluster) except NULL
    cdef log_count_t* for_log(self, str listener) except NULL
    cdef way_t* for_way(self, str table, str route, str cluster) except NULL
    cdef uint64_t* for_route(self, str table, str route) except NULL
    cdef uint64_t* for_decision(self, str table, str outcome) except NULL


cdef inline void add(uint64_t* slot, uint64_t more) noexcept nogil:
    slot[0] += more


cdef inline void take(uint64_t* slot, uint64_t less) noexcept nogil:
    slot[0] -= less


cdef inline void observe(histogram_t* histogram, int64_t took) noexcept nogil:
    cdef int index = 0
    while index < histogram.size and took > histogram.bounds[index]:
        index += 1
    if index < histogram.size:
        histogram.buckets[index] += 1
    histogram.total[0] += took
    histogram.count[0] += 1
