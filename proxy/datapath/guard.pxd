from libc.stdint cimport int64_t, uint64_t


cdef struct bounds_t:             # of one filter; never freed: the watchdog may look at it at any time
    const char* name
    int64_t block                 # microseconds after which code that does not come back is broken off
    int64_t stuck                 # and after which the worker ends


cdef struct watch_t:
    uint64_t epoch                # odd: a filter's code runs; each time it does it has another number
    const bounds_t* bounds        # whose
    bint running                  # the watchdog


cdef watch_t watch

cdef const bounds_t* bounds_of(str name, double block, double stuck) except NULL
cdef int start_watching() except -1


cdef inline void enter(const bounds_t* bounds) noexcept:
    watch.bounds = bounds
    watch.epoch += 1


cdef inline void leave() noexcept:
    watch.epoch += 1


cdef class Guarded:
    """An awaitable of a filter's, each step of which is watched."""
    cdef object steps
    cdef const bounds_t* bounds
