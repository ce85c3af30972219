from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.calls cimport call_t
from proxy.datapath.filters cimport Step
from proxy.datapath.view cimport View
from proxy.datapath.wheel cimport alarm_t

cdef enum Verdict:                # what a run of filters comes to
    GO = 0
    PARKED = 1                    # one of them has to wait
    REPLY = 2                     # `reply` is the answer
    AGAIN = 3                     # match, or choose, again
    FAILED = 4                    # one of them failed

cdef enum:
    MAX_WAITING = 4096            # awaitables of one listener's filters for one protocol, those given up included


cdef class Waiting(View):
    """A call that a filter may keep waiting."""
    cdef call_t* call             # NULL: it has none yet, or it is its way on that has it
    cdef size_t lent              # bytes that its client owns for it
    cdef bint late                # what it waits for ends with its own deadline
    cdef alarm_t alarm
    cdef object task              # what it waits for
    cdef Step step                # whose
    cdef object reply
    cdef object outcome_of        # what the wait came to
    cdef int64_t own              # milliseconds that it says it may take; <= 0: it says nothing
    cdef const uint8_t* going     # in `on_host`: the request as it is to go
    cdef size_t going_size
    cdef int park(self, Step step, object awaitable) except -1
    cdef bint keep(self) noexcept
    cdef bint keep_in(self, buf_t* into, const uint8_t* data, size_t size) noexcept
    cdef int lend(self, int64_t until) except -1
    cdef int64_t patience(self, Step step) noexcept
    cdef int unpark(self) except -1
    cdef bint stop_waiting(self) except -1
    cdef int lose_request(self) except -1
    cdef buf_t take_held(self) noexcept
    cdef int lose_frame(self) except -1
    # What filters say:
    cdef int judge(self, Step step, object result) except -1
    cdef int fail(self, Step step, str why) except -1
    cdef int finish(self, int outcome) except -1
