from libc.stdint cimport int64_t


cdef class Clock:
    cdef int64_t now(self) noexcept       # microseconds, never going back
    cdef int64_t wall(self) noexcept      # the same since 1970: the time of day


cdef class ManualClock(Clock):
    cdef int64_t at
