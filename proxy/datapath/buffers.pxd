from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    SMALLEST_CLASS = 9                    # 512 bytes
    LARGEST_CLASS = 18                    # 256 KiB
    CLASSES = LARGEST_CLASS - SMALLEST_CLASS + 1
    CACHED_PER_CLASS = 256 * 1024         # bytes kept for reuse, of each size
    BUDGET = 256 * 1024 * 1024            # bytes that all connections of a worker may own together
    RESERVE = 64 * 1024 * 1024            # of these, kept for connections that own no more than MODEST
    MODEST = 64 * 1024


cdef struct buf_t:
    uint8_t* data     # NULL while it holds nothing
    size_t head       # offset of the first byte that is still wanted
    size_t size       # bytes wanted, from head on
    size_t room       # bytes allocated


cdef class Buffers:
    cdef readonly uint64_t held           # bytes that connections own now
    cdef readonly uint64_t peak
    cdef void* cached[CLASSES]
    cdef int counts[CLASSES]
    cdef uint8_t* take(self, size_t room) noexcept
    cdef void give(self, uint8_t* data, size_t room) noexcept
    cdef uint8_t* extend(self, buf_t* buf, size_t more, size_t ceiling) noexcept
    cdef bint append(self, buf_t* buf, const uint8_t* data, size_t size, size_t ceiling) noexcept
    cdef void drop(self, buf_t* buf) noexcept
    cdef bint tight(self) noexcept


cdef inline void consume(buf_t* buf, size_t size) noexcept nogil:
    buf.size -= size
    buf.head = buf.head + size if buf.size else 0
