from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    SMALLEST_CLASS = 9                    # 512 bytes
    LARGEST_CLASS = 18                    # 256 KiB
    CLASSES = LARGEST_CLASS - SMALLEST_CLASS + 1
    CACHED_PER_CLASS = 256 * 1024         # bytes kept for reuse, of each size
    BUDGET = 256 * 1024 * 1024            # bytes that all connections of a worker may own together, ever
    HIGH_WATER = 192 * 1024 * 1024        # above this, the connections that own most go at the end of the turn
    MODEST = 64 * 1024                    # who owns no more is nobody's trouble
    BLOCK = 256 * 1024                    # of a long queue; a frame that is longer has a block of its own
    MAPPED = 512 * 1024                   # blocks from here on are mappings of their own: given back at once, grown in place


cdef struct buf_t:
    uint8_t* data     # NULL while it holds nothing
    size_t head       # offset of the first byte that is still wanted
    size_t size       # bytes wanted, from head on
    size_t room       # bytes allocated


cdef struct segment_t:
    segment_t* next
    buf_t buf


cdef struct queue_t:              # what is to be sent, in order; all zero is an empty one
    buf_t first                   # from here it is sent
    segment_t* rest               # big frames that were taken over whole, and what came after them
    segment_t* last
    size_t size                   # bytes in all


cdef class Buffers:
    cdef readonly uint64_t held           # bytes that connections own now
    cdef readonly uint64_t peak
    cdef void* cached[CLASSES]
    cdef int counts[CLASSES]
    cdef uint8_t* take(self, size_t room) noexcept
    cdef void give(self, uint8_t* data, size_t room) noexcept
    cdef uint8_t* extend(self, buf_t* buf, size_t more, size_t ceiling) noexcept
    cdef uint8_t* stretch(self, buf_t* buf, size_t room) noexcept
    cdef bint append(self, buf_t* buf, const uint8_t* data, size_t size, size_t ceiling) noexcept
    cdef void drop(self, buf_t* buf) noexcept
    cdef uint8_t* room(self, queue_t* queue, size_t size) noexcept
    cdef bint chain(self, queue_t* queue, buf_t* buf) noexcept
    cdef bint adopt(self, queue_t* queue, buf_t* buf) noexcept
    cdef bint join(self, queue_t* queue, queue_t* more) noexcept
    cdef void sent(self, queue_t* queue, size_t size) noexcept
    cdef void drop_queue(self, queue_t* queue) noexcept
    cdef bint over(self) noexcept
    cdef bint ample(self) noexcept


cdef inline void filled(queue_t* queue, size_t size) noexcept nogil:
    """The bytes that `Buffers.room` made room for are there now."""
    if queue.last != NULL:
        queue.last.buf.size += size
    else:
        queue.first.size += size
    queue.size += size


cdef inline void consume(buf_t* buf, size_t size) noexcept nogil:
    buf.size -= size
    buf.head = buf.head + size if buf.size else 0
