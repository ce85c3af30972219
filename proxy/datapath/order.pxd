from libc.stdint cimport int64_t, uint64_t, uint8_t

from proxy.datapath.buffers cimport Buffers, buf_t, queue_t


cdef struct place_t:              # of one request among the answers
    buf_t answer
    bint done


cdef class Order:
    cdef Buffers buffers
    cdef place_t* places          # a ring; a power of two of them, NULL: none yet
    cdef uint64_t room
    cdef uint64_t first           # the oldest request without an answer
    cdef uint64_t next            # the number of the next request
    cdef readonly size_t parked   # bytes of answers that wait
    cdef bint enter(self, uint64_t* number) noexcept
    cdef bint grow(self) noexcept
    cdef uint8_t* park(self, uint64_t number, size_t size) noexcept
    cdef bint passed(self, queue_t* queue) noexcept
    cdef void drop(self) noexcept
