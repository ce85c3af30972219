from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.filters cimport Filters, Step, Steps
from proxy.datapath.gathering cimport Gathering
from proxy.datapath.subset cimport choice_t
from xproto.kernel.frame cimport frame_t

cdef enum:
    MAX_AGAIN = 8                 # times that a call is matched again: filters that never agree must come to an end


cdef class Exchange(Gathering):
    """A call, on its way through filters."""
    cdef uint32_t due             # which of them look at it
    cdef int at                   # the next filter
    cdef int again                # times that it was matched again
    cdef bint counted
    cdef choice_t choice          # which hosts its route sends it to
    cdef object cluster           # Cluster whose host its filters are asked of
    cdef str agreed               # the host that they took their time to agree to; None: there is none
    cdef bint decided             # what they say of an answer's head is in `outcome_of`
    cdef int run(self) except -1
    cdef int stream(self, bytes chunk, bint last) except -1
    cdef int take_over(self, call_t* call) except -1
    cdef int conclude(self, call_t* call, int verdict, const uint8_t** frame, frame_t* at) except -1


cdef Exchange new_exchange(Caller caller, Filters filters, Steps steps, uint32_t due, const uint8_t* frame, const frame_t* at,
                           bint oneway)
