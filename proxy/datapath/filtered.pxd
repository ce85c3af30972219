from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.exchange cimport Exchange
from proxy.datapath.filters cimport Steps
from proxy.datapath.replying cimport Replying

cdef class Filtered(Replying):
    cdef uint32_t due(self, Steps steps, const uint8_t* frame, int64_t size, void* head) except? 0xFFFFFFFF
    cdef int requested(self, Exchange exchange, int verdict) except -1
    cdef int matched(self, Exchange exchange) except -1
    cdef int routed(self, Exchange exchange, int verdict) except -1
    cdef int take_route(self, Exchange exchange, int index, int64_t own) except -1
    cdef int send_filtered(self, Exchange exchange) except -1
    cdef bint shows_body(self, Exchange exchange) except -1
    cdef int hold(self, Exchange exchange) except -1
    cdef int gather_for(self, Exchange exchange) except -1
    cdef int hosted(self, Exchange exchange, int verdict) except -1
    cdef int heard_out(self, Exchange exchange, int verdict) except -1
