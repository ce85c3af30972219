from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.attempts cimport Attempts
from proxy.datapath.calls cimport attempt_t, call_t

cdef enum Why:                # a call is sent again
    ON_CONNECT = 1
    ON_REFUSED = 2
    ON_RESET = 4
    ON_TIMEOUT = 8
    ON_ANSWER = 16            # by its status, or a header


cdef class Retry(Attempts):
    cdef int on               # bits of Why
    cdef readonly int64_t most
    cdef int64_t base         # of the pauses
    cdef int64_t longest
    cdef bint same_host
    cdef bint again(self, call_t* call, int why, bint safe, bint heard) except -1
    cdef bint try_elsewhere(self, call_t* call) except -1
    cdef bint put_off(self, call_t* old, int64_t wait, uint64_t tried, bint heard) except -1
    cdef int leave_behind(self, call_t* old, bint heard) except -1
    cdef int64_t pause(self, int64_t round) noexcept
    cdef int go_on(self, attempt_t* attempt) except -1
    cdef int try_ends(self, attempt_t* attempt) except -1
    cdef int let_go(self, attempt_t* attempt) except -1
