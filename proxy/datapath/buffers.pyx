"""Byte buffers that exist only while they hold something.

A connection owns two: the tail of a frame that is not whole yet, and what is still to be sent. Both are empty nearly
always, so nothing is kept for an idle connection; blocks of the common sizes go through a small cache of the worker
instead of malloc, because an out buffer lives for one turn of the loop only.

What always holds: `held` is the sum of `room` over all living buffers; a buffer never grows above its `ceiling`
(a length field on the wire allocates nothing by itself: room at most doubles with the bytes that arrived); `held`
never passes the budget; no call raises: out of memory or of budget is NULL or False, and the caller gives up its own
connection or call, so that nobody else notices.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

cdef enum:
    OUT_ROOM = 4096       # where a buffer without a ceiling begins: it will take many frames


cdef inline int size_class(size_t room) noexcept nogil:
    """The cache's index for blocks of exactly this size, or -1."""
    cdef int index
    for index in range(CLASSES):
        if room == <size_t>1 << (SMALLEST_CLASS + index):
            return index
    return -1


cdef inline size_t roomy(size_t wanted, size_t room) noexcept nogil:
    """The next power of two from `room` on: growth is geometric, so appending is linear."""
    while room < wanted:
        room <<= 1
    return room


cdef class Buffers:
    def __dealloc__(self):
        cdef int index
        cdef void* block
        for index in range(CLASSES):
            while self.cached[index] != NULL:
                block = self.cached[index]
                self.cached[index] = (<void**>block)[0]
                free(block)

    cdef uint8_t* take(self, size_t room) noexcept:
        cdef int index = size_class(room)
        cdef void* block
        if room > BUDGET or self.held > BUDGET - room:
            return NULL
        if index >= 0 and self.cached[index] != NULL:
            block = self.cached[index]
            self.cached[index] = (<void**>block)[0]
            self.counts[index] -= 1
        else:
            block = malloc(room)
            if block == NULL:
                return NULL
        self.held += room
        if self.held > self.peak:
            self.peak = self.held
        return <uint8_t*>block

    cdef void give(self, uint8_t* data, size_t room) noexcept:
        cdef int index = size_class(room)
        self.held -= room
        if index >= 0 and self.counts[index] < <int>(CACHED_PER_CLASS // room):
            (<void**>data)[0] = self.cached[index]
            self.cached[index] = data
            self.counts[index] += 1
        else:
            free(data)

    cdef uint8_t* extend(self, buf_t* buf, size_t more, size_t ceiling) noexcept:
        """Make room for `more` bytes after the last one and return where they go; `size` is left to the caller.

        The buffer grows to at most `ceiling` bytes (0: no ceiling), or to what is needed if that is more.
        """
        cdef size_t wanted = buf.size + more
        cdef size_t room
        cdef uint8_t* data
        if buf.data != NULL:
            if buf.head + wanted <= buf.room:
                return buf.data + buf.head + buf.size
            if wanted <= buf.room and buf.head >= buf.room // 2:
                memmove(buf.data, buf.data + buf.head, buf.size)
                buf.head = 0
                return buf.data + buf.size
        room = roomy(wanted, OUT_ROOM if ceiling == 0 else <size_t>1 << SMALLEST_CLASS)
        if ceiling and room > ceiling:
            room = ceiling if ceiling > wanted else wanted
        data = self.take(room)
        if data == NULL:
            return NULL
        if buf.data != NULL:
            memcpy(data, buf.data + buf.head, buf.size)
            self.give(buf.data, buf.room)
        buf.data = data
        buf.head = 0
        buf.room = room
        return data + buf.size

    cdef bint append(self, buf_t* buf, const uint8_t* data, size_t size, size_t ceiling) noexcept:
        cdef uint8_t* at = self.extend(buf, size, ceiling)
        if at == NULL:
            return False
        memcpy(at, data, size)
        buf.size += size
        return True

    cdef void drop(self, buf_t* buf) noexcept:
        if buf.data != NULL:
            self.give(buf.data, buf.room)
            buf.data = NULL
        buf.head = buf.size = buf.room = 0

    cdef bint tight(self) noexcept:
        """Only the reserve is left. Who owns much gives way then: else a few that hold all would be an outage for all."""
        return self.held > BUDGET - RESERVE
