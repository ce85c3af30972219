from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.exchange cimport Exchange
from proxy.datapath.filters cimport Steps
from proxy.datapath.requester cimport Requester
from xproto.kernel.frame cimport frame_t


cdef class Filtered(Requester):
    cdef uint32_t due(self, Steps steps, const uint8_t* frame, int64_t size, void* head) except? 0xFFFFFFFF
    cdef int requested(self, Exchange exchange, int verdict) except -1
    cdef int matched(self, Exchange exchange) except -1
    cdef int routed(self, Exchange exchange, int verdict) except -1
    cdef int take_route(self, Exchange exchange, int index, int64_t own) except -1
    cdef int act_filtered(self, Exchange exchange, const frame_t* at) except -1
    cdef int answer_waiting(self, Exchange exchange, call_t* call, const frame_t* at) except -1
    cdef int send_filtered(self, Exchange exchange) except -1
    cdef int hold(self, Exchange exchange) except -1
    cdef int answer_it(self, Exchange exchange, int fault, bytes frame) except -1
    cdef int count_it(self, Exchange exchange) except -1
    cdef bytes text_for(self, object reply, const frame_t* at, call_t* call)
    cdef int answer_call(self, call_t* call, int fault, bytes frame) except -1
    cdef int unreadable_call(self, Exchange exchange) except -1
    cdef int give_it_up(self, Exchange exchange, int verdict) except -1
