from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.clock cimport ManualClock


cdef class Dice:
    cdef uint64_t state
    cdef uint64_t roll(self) noexcept
    cpdef uint64_t below(self, uint64_t end) noexcept
    cpdef bint chance(self, uint64_t in_1000) noexcept


cdef class Source:                # of events
    cdef bint listed              # in loop.ready
    cdef bint ready(self) noexcept
    cdef int happen(self) except -1


cdef class Watch:
    cdef int look(self) except -1


cdef class Timer:
    cdef readonly int64_t at      # microseconds of the clock
    cdef int64_t order            # among those of the same time
    cdef object callback
    cdef tuple arguments


cdef class SimulatedLoop:
    cdef readonly ManualClock clock
    cdef readonly Dice dice
    cdef readonly int64_t steps
    cdef readonly uint64_t trace  # a hash of all that has happened
    cdef public int64_t drift     # the most microseconds that one callback takes
    cdef public Watch watch       # looks on after each callback
    cdef list ready, timers
    cdef object soon
    cdef dict doors               # fd -> Source
    cdef int64_t made             # timers
    cdef int offer(self, Source source) except -1
    cdef void note(self, uint64_t what, uint64_t more) noexcept
    cpdef bint step(self, int64_t until) except -1
    cdef int happen(self, Py_ssize_t at) except -1


cdef class Door(Source):
    cdef SimulatedLoop loop
    cdef object backlog           # of what the network has for accept
    cdef object reader            # None: nobody listens
