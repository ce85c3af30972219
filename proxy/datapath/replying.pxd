from proxy.datapath.calls cimport call_t
from proxy.datapath.exchange cimport Exchange
from proxy.datapath.requester cimport Requester
from xproto.kernel.frame cimport frame_t


cdef class Replying(Requester):
    cdef int count_it(self, Exchange exchange) except -1
    cdef int act_filtered(self, Exchange exchange, const frame_t* at) except -1
    cdef int answer_waiting(self, Exchange exchange, call_t* call, const frame_t* at) except -1
    cdef int give_it_up(self, Exchange exchange, int verdict) except -1
    cdef bytes text_for(self, object reply, const frame_t* at, call_t* call)
    cdef int answer_it(self, Exchange exchange, int fault, bytes frame) except -1
    cdef int answer_call(self, call_t* call, int fault, bytes frame) except -1
    cdef int unreadable_call(self, Exchange exchange) except -1
