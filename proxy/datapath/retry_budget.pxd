from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.calls cimport attempt_t
from proxy.datapath.counters cimport Counters, retry_count_t
from proxy.datapath.singles cimport Singles


cdef class Budget:
    cdef Singles cluster
    cdef retry_count_t* count
    cdef uint64_t* pending        # gauge: calls that wait for a connection
    cdef int64_t percent
    cdef int64_t least
    cdef readonly int64_t flying  # retries under way, those that pause included
    cdef readonly int64_t pausing
    cdef attempt_t* first         # of those that pause
    cdef bint closed              # the cluster takes no more calls
    cdef int become(self, spec, Counters counters, uint64_t* pending) except -1
    cdef bint allows(self) noexcept
    cdef uint64_t other_hosts(self, const attempt_t* attempt) noexcept
    cdef void enter(self, attempt_t* attempt) noexcept
    cdef void leave(self, attempt_t* attempt) noexcept
    cdef int close(self) except -1
