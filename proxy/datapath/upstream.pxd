from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.answers cimport Answers
from proxy.datapath.carrier cimport limits_t
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport host_count_t
from proxy.datapath.h2_upstream cimport Sharer
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef class Keeper(Sharer):
    """Whoever owns upstream connections is told what becomes of them."""
    cdef int opened(self, Upstream upstream) except -1
    cdef int failed(self, Upstream upstream, str why) except -1
    cdef int insecure(self, str reason) except -1                # a handshake of TLS failed; `failed` follows
    cdef int drains(self, Upstream upstream) except -1
    cdef int lost(self, Upstream upstream) except -1
    cdef int freed(self, Upstream upstream) except -1
    cdef int again(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef str label(self)


cdef class Upstream(Answers):
    cdef int64_t began            # when it was opened
    cdef Keeper keeper
    cdef int64_t since            # when it began to connect
    cdef int64_t beat             # when the heartbeat without an ack was sent; 0: none
    cdef int64_t misses
    cdef uint64_t beats           # heartbeats sent
    cdef bint made                # was connected once, and is counted as active
    cdef alarm_t watch            # connect timeout, then keepalive
    cdef alarm_t rest             # idleness
    cdef object shelf             # of a ping-pong pool: its Shelf
    cdef bint shelved             # it lies there
    cdef bint opening             # and is counted there among those that are being made
    cdef bint misfed              # what its call's client sent cannot be passed on
    cdef bint streams_by          # its transport is a stream of a connection that others share
    cdef int limit(self) except -1
    cdef int adjust(self) except -1
    cdef int set_alarms(self) except -1
    cdef int unwrapped(self, const uint8_t* frame, const frame_t* at) except -1
    cdef bint answers(self, const frame_t* at) noexcept
    cdef int control(self, const frame_t* at) except -1
    cdef int malformed(self, str why) except -1
    cdef int greet(self) except -1
    cdef Py_ssize_t greeted(self, const uint8_t* data, size_t size) except -1
    cdef int opened(self) except -1
    cdef int refused(self, str why) except -1
    cdef int on_watch(self) except -1
    cdef int on_rest(self) except -1
    cdef int keepalive(self) except -1
    cdef int heartbeat(self) except -1
    cdef int suspect(self) except -1


cdef Upstream new_upstream(Core core, Keeper keeper, Codec codec, int64_t variant, int lane, limits_t* limits,
                           host_count_t* count)
