"""Time comes from outside, so that a simulator can own it. Microseconds as integers: they add up exactly.

The datapath reads the clock once for each event, never for each call.
"""

from libc.stdint cimport int64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec


cdef class Clock:
    """The machine's monotonic clock."""

    cdef int64_t now(self) noexcept:
        cdef timespec ts
        clock_gettime(CLOCK_MONOTONIC, &ts)
        return ts.tv_sec * 1000000 + ts.tv_nsec // 1000

    cdef int64_t wall(self) noexcept:
        """For people, never for decisions: it jumps."""
        cdef timespec ts
        clock_gettime(CLOCK_REALTIME, &ts)
        return ts.tv_sec * 1000000 + ts.tv_nsec // 1000


cdef class ManualClock(Clock):
    """A clock for tests: it moves when told to."""

    def __init__(self, double start=1000.0):
        self.at = <int64_t>(start * 1e6)

    cdef int64_t now(self) noexcept:
        return self.at

    def advance(self, double seconds):
        self.at += <int64_t>(seconds * 1e6)
