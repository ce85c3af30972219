from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, histogram_t
from proxy.datapath.host cimport Family, wish_t
from proxy.datapath.pingpong cimport Pool
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef int64_t microseconds(object seconds) except? -1


cdef class Cluster(Family):
    cdef Core core
    cdef bint random
    cdef uint64_t position
    cdef list hosts
    cdef histogram_t* duration
    cdef list plan(self, spec, Counters counters)
    cdef int become(self, spec, list hosts, Counters counters) except -1
    cdef int leave(self) except -1
    cdef int limit(self, spec) except -1
    cdef dict waiting         # Relays that wait for a connection of their own; the values mean nothing
    cdef Upstream lend(self, Codec codec, int64_t variant, bint* connecting)
    cdef int mode             # of its pools: 0 as the protocols say, 1 multiplexed, 2 ping-pong
    cdef dict pools           # Pool by codec and variant
    cdef Pool pool            # the one that was asked for last
    cdef bint serving
    cdef uint64_t* pending    # gauge
    cdef uint64_t* overflow   # counter
    cdef Pool pool_of(self, Codec codec, int64_t variant)
    cdef Upstream seek(self, Pool pool, call_t* call, int* fault)
    cdef int entrust(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int stir_pools(self) except -1
    cdef int forget_pools(self) except -1
    cdef int dispatch_alone(self, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int serve_pending(self, Pool pool) except -1
    cdef Upstream choose(self, Codec codec, wish_t* wish, int* fault)
    cdef Upstream walk(self, Codec codec, const wish_t* wish, int* seen)
    cdef int give_up(self, call_t* call, int fault) except -1
    cdef int close(self) except -1
