from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.filters cimport Filters, Step, Steps
from proxy.datapath.subset cimport choice_t
from proxy.datapath.view cimport View
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport frame_t

cdef enum Verdict:                # what a run of filters comes to
    GO = 0
    PARKED = 1                    # one of them has to wait
    REPLY = 2                     # `reply` is the answer
    AGAIN = 3                     # match, or choose, again
    FAILED = 4                    # one of them failed

cdef enum:
    MAX_WAITING = 4096            # awaitables of one listener's filters for one protocol, those given up included
    MAX_AGAIN = 8                 # times that a call is matched again: filters that never agree must come to an end


cdef class Exchange(View):
    """A call, on its way through filters."""
    cdef uint32_t due             # which of them look at it
    cdef int at                   # the next filter
    cdef int again                # times that it was matched again
    cdef size_t lent
    cdef bint counted
    cdef bint late                # what it waits for ends with its own deadline
    cdef call_t* call             # NULL: it has none yet
    cdef alarm_t alarm
    cdef object task              # what it waits for
    cdef Step step                # whose
    cdef object outcome_of        # what that came to
    cdef object reply
    cdef choice_t choice          # which hosts its route sends it to
    cdef int64_t own              # milliseconds that it says it may take; <= 0: it says nothing
    cdef int run(self) except -1
    cdef int judge(self, Step step, object result) except -1
    cdef int fail(self, Step step, str why) except -1
    cdef bint keep(self) except -1
    cdef int park(self, Step step, object awaitable) except -1
    cdef int64_t patience(self, Step step) noexcept
    cdef int unpark(self) except -1
    cdef bint stop_waiting(self) except -1
    cdef int lose_frame(self) except -1
    cdef int finish(self, int outcome) except -1


cdef Exchange new_exchange(Caller caller, Filters filters, Steps steps, uint32_t due, const uint8_t* frame, const frame_t* at,
                           bint oneway)
