from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.buffers cimport buf_t, queue_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t, ids_t, shares_t
from proxy.datapath.counters cimport host_count_t
from proxy.datapath.flow cimport Flow
from proxy.datapath.relay cimport Relay
from xproto.kernel.frame cimport frame_t


cdef enum Lane:                   # which calls go by a connection
    SHARED = 0
    BULK = 1                      # frames over BULKY: they would hold up all that is behind them
    OWN = 2                       # one call at a time, whose frames may be passed on in pieces
    ALONE = 3                     # one call at a time: what a ping-pong pool has

cdef enum:
    BULKY = 256 * 1024            # bytes


cdef struct limits_t:             # of a cluster; times in microseconds, <= 0: never
    int64_t connect_timeout
    int64_t call_timeout
    int64_t interval              # keepalive
    int64_t patience              # for a heartbeat's ack
    int64_t misses
    int64_t user_timeout          # for what was sent to be acknowledged: as long as missed heartbeats take
    int64_t idle_timeout
    int64_t backoff_base
    int64_t backoff_max
    int64_t max_connections
    int64_t max_alone             # connections of a ping-pong pool, or streams
    bint http2                    # of hosts that speak it, or may
    bint by_alpn                  # they may: their TLS says which version they do
    int64_t max_single            # connections of a ping-pong pool to a host that does not
    bint grpc_web                 # calls of gRPC-Web become such of gRPC
    uint64_t max_pending          # calls that wait for one
    uint64_t max_in_flight
    size_t out_limit


cdef class Carrier(Flow):
    cdef int64_t variant
    cdef int lane
    cdef limits_t* limits         # the cluster's
    cdef host_count_t* count      # the host's
    cdef ids_t ids
    cdef shares_t shares
    cdef uint64_t most            # calls in flight at a time: the limit, and never above half of all ids
    cdef int64_t live             # calls that somebody waits for; ids.count has those nobody waits for too
    cdef uint64_t beat_id         # of the last heartbeat
    cdef int64_t used             # when it last got a call
    cdef bint usable(self, uint8_t cell) noexcept
    cdef bint clogged(self) noexcept
    cdef bint carry(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef bint idle(self) noexcept
    cdef bint carry_head(self, Relay source, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int taken(self, call_t* call, bint recorded) except -1
    cdef int carry_deadline(self, const call_t* call, uint8_t* frame, const frame_t* at) except -1
    cdef Caller settle(self, call_t* call)
    cdef bint answer_on(self, const uint8_t* frame, const frame_t* at) except -1
    cdef call_t* call_of(self, const frame_t* at) noexcept
    cdef int answer(self, const uint8_t* frame, const frame_t* at) except -1
    cdef int again(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int forget(self, call_t* call) except -1
    cdef int move_calls(self, const queue_t* queue) except -1
    cdef int move_some(self, const buf_t* buf) except -1
    cdef int fail_calls(self, int fault) except -1
    cdef int forget_oneways(self) except -1
    cdef int forget_unsent(self) except -1
    cdef int leave(self) except -1                # no new calls
