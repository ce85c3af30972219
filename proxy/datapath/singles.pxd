from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.balancer cimport Balancer
from proxy.datapath.calls cimport call_t
from proxy.datapath.pingpong cimport Pool
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef class Singles(Balancer):
    cdef int mode             # of the cluster's pools: 0 as the protocols say, 1 multiplexed, 2 ping-pong
    cdef dict pools           # Pool by codec and variant
    cdef Pool pool            # the one that was asked for last
    cdef bint serving
    cdef uint64_t* pending    # gauge
    cdef uint64_t* overflow   # counter
    cdef Pool pool_of(self, Codec codec, int64_t variant)
    cdef int dispatch_alone(self, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef Upstream seek(self, Pool pool, call_t* call, int* fault)
    cdef int accepted(self, call_t* call, Upstream upstream, const uint8_t* frame, size_t size) except -100
    cdef bint offer(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int entrust(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1
    cdef int stir_pools(self) except -1
    cdef int serve_pending(self, Pool pool) except -1
    cdef int forget_pools(self) except -1
    cdef int give_up(self, call_t* call, int fault) except -1
