from libc.stdint cimport int64_t


cdef class Clock:
    cdef int64_t now(self) noexcept       # microseconds, never going back


cdef class ManualClock(Clock):
    cdef int64_t at
