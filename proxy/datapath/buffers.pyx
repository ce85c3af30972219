"""Byte buffers that exist only while they hold something.

A connection owns two: the tail of a frame that is not whole yet, and the queue of what is still to be sent. Both are
empty nearly always, so nothing is kept for an idle connection; blocks of the common sizes go through a small cache of
the worker instead of malloc, because a queue lives for one turn of the loop only.

A big frame is copied as little as can be: its tail grows in place (blocks from MAPPED on are mappings, which the kernel
moves without touching them), and when it is whole the block itself goes into the receiver's queue (`adopt`). Copying
8 MiB in one go would hold up every other call of the worker for milliseconds.

What always holds: `held` is the sum of `room` over all living buffers; a buffer never grows above its `ceiling`
(a length field on the wire allocates nothing by itself: room at most doubles with the bytes that arrived); `held`
never passes the budget; no call raises: out of memory or of budget is NULL or False, and the caller gives up its own
connection or call, so that nobody else notices; a frame lies in one buffer of a queue, never across two.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

cdef extern from "<malloc.h>" nogil:
    int mallopt(int param, int value)
    int M_MMAP_THRESHOLD, M_TRIM_THRESHOLD

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
    def __cinit__(self):
        # For the whole process: a fixed threshold, since glibc would else raise it to the biggest block ever freed.
        mallopt(M_MMAP_THRESHOLD, MAPPED)
        mallopt(M_TRIM_THRESHOLD, MAPPED)

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
        if buf.room >= BLOCK and buf.head == 0:
            return self.stretch(buf, wanted)
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

    cdef uint8_t* stretch(self, buf_t* buf, size_t room) noexcept:
        """More room for a big block, exactly what is wanted: the kernel moves mappings without copying. Its next byte."""
        cdef uint8_t* data
        if room > BUDGET or self.held - buf.room > BUDGET - room:
            return NULL
        data = <uint8_t*>realloc(buf.data, room)
        if data == NULL:
            return NULL
        self.held += room - buf.room
        if self.held > self.peak:
            self.peak = self.held
        buf.data = data
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

    cdef bint over(self) noexcept:
        """Is it time for the connections that own most to go?"""
        return self.held > HIGH_WATER

    cdef bint ample(self) noexcept:
        """May there be copies that are only of use if something goes wrong? Nobody can be made to give them back."""
        return self.held < HIGH_WATER // 2

    # -- queues -------------------------------------------------------------------------------------------------

    cdef uint8_t* room(self, queue_t* queue, size_t size) noexcept:
        """Where the next `size` bytes go; whoever fills them says so by `filled`. NULL: no memory.

        A queue that gets long becomes a chain of blocks: one block would be copied each time that it grows.
        """
        cdef buf_t* last = &queue.last.buf if queue.last != NULL else &queue.first
        cdef buf_t fresh
        cdef uint8_t* data
        if last.size == 0 or last.size + size <= BLOCK or last.head + last.size + size <= last.room:
            return self.extend(last, size, 0)
        memset(&fresh, 0, sizeof(buf_t))
        data = self.extend(&fresh, size, 0)
        if data != NULL and not self.chain(queue, &fresh):
            self.drop(&fresh)
            return NULL
        return data

    cdef bint chain(self, queue_t* queue, buf_t* buf) noexcept:
        """Put a buffer behind all others. False: no memory."""
        cdef segment_t* segment = <segment_t*>calloc(1, sizeof(segment_t))
        if segment == NULL:
            return False
        segment.buf = buf[0]
        if queue.last != NULL:
            queue.last.next = segment
        else:
            queue.rest = segment
        queue.last = segment
        return True

    cdef bint adopt(self, queue_t* queue, buf_t* buf) noexcept:
        """Take a buffer over as it is, behind all that is there; it is empty then. False: no memory."""
        if queue.size == 0:
            self.drop_queue(queue)
            queue.first = buf[0]
        elif not self.chain(queue, buf):
            return False
        queue.size += buf.size
        memset(buf, 0, sizeof(buf_t))
        return True

    cdef bint join(self, queue_t* queue, queue_t* more) noexcept:
        """All that is in `more` goes behind all that is in `queue`. False: no memory, and nothing has changed."""
        if more.size == 0:
            self.drop_queue(more)
            return True
        if queue.size == 0:
            self.drop_queue(queue)
            queue[0] = more[0]
        else:
            if not self.chain(queue, &more.first):
                return False
            if more.rest != NULL:
                queue.last.next, queue.last = more.rest, more.last
            queue.size += more.size
        memset(more, 0, sizeof(queue_t))
        return True

    cdef void sent(self, queue_t* queue, size_t size) noexcept:
        """The first `size` bytes, all of `first`, are gone."""
        cdef segment_t* segment = queue.rest
        queue.size -= size
        consume(&queue.first, size)
        if queue.first.size or segment == NULL:
            return
        self.drop(&queue.first)
        queue.first = segment.buf
        queue.rest = segment.next
        if queue.rest == NULL:
            queue.last = NULL
        free(segment)

    cdef void drop_queue(self, queue_t* queue) noexcept:
        cdef segment_t* segment
        while queue.rest != NULL:
            segment = queue.rest
            queue.rest = segment.next
            self.drop(&segment.buf)
            free(segment)
        self.drop(&queue.first)
        queue.last = NULL
        queue.size = 0
