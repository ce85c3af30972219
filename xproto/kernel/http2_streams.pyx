"""The streams of one connection: found by their ids, in lines where they wait for a window, remembered for a while.

What always holds: a stream is in the table from `add_stream` to `drop_stream`; it is in the line of the stalled exactly
while its STALLED bit is set; the table is at most half full, so that looking for an id that is not there ends soon.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

cdef enum:
    FIRST_ROOM = 16
    SPARES = 16                   # closed streams whose memory is kept for the next ones


cdef inline uint32_t place_of(const streams_t* streams, uint32_t id) noexcept nogil:
    return (id >> 1) & (streams.room - 1)


cdef h2stream_t* find_stream(const streams_t* streams, uint32_t id) noexcept nogil:
    cdef uint32_t at
    cdef h2stream_t* found
    if streams.count == 0:
        return NULL
    at = place_of(streams, id)
    while True:
        found = streams.slots[at]
        if found == NULL or found.id == id:
            return found
        at = (at + 1) & (streams.room - 1)


cdef inline void place(streams_t* streams, h2stream_t* stream) noexcept nogil:
    cdef uint32_t at = place_of(streams, stream.id)
    while streams.slots[at] != NULL:
        at = (at + 1) & (streams.room - 1)
    streams.slots[at] = stream


cdef bint widen(streams_t* streams) noexcept nogil:
    """Twice the room. False: no memory, and nothing has changed."""
    cdef h2stream_t** old = streams.slots
    cdef uint32_t before = streams.room, i
    cdef uint32_t room = before * 2 if before else FIRST_ROOM
    cdef h2stream_t** slots = <h2stream_t**>calloc(room, sizeof(h2stream_t*))
    if slots == NULL:
        return False
    streams.slots, streams.room = slots, room
    for i in range(before):
        if old[i] != NULL:
            place(streams, old[i])
    free(old)
    return True


cdef h2stream_t* add_stream(streams_t* streams, uint32_t id) noexcept nogil:
    cdef h2stream_t* made = streams.spare
    if 2 * (streams.count + 1) > streams.room and not widen(streams):
        return NULL
    if made != NULL:
        streams.spare = made.next
        streams.spares -= 1
        memset(made, 0, sizeof(h2stream_t))
    else:
        made = <h2stream_t*>calloc(1, sizeof(h2stream_t))
        if made == NULL:
            return NULL
    made.id, made.left = id, -1
    place(streams, made)
    streams.count += 1
    return made


cdef void drop_stream(streams_t* streams, h2stream_t* stream, int how) noexcept nogil:
    cdef uint32_t at = place_of(streams, stream.id), hole, home
    unstall(streams, stream)
    while streams.slots[at] != stream:
        at = (at + 1) & (streams.room - 1)
    hole = at
    streams.slots[hole] = NULL
    at = (at + 1) & (streams.room - 1)
    while streams.slots[at] != NULL:         # whoever was put behind it for want of this place moves up
        home = place_of(streams, streams.slots[at].id)
        if ((at - home) & (streams.room - 1)) >= ((at - hole) & (streams.room - 1)):
            streams.slots[hole] = streams.slots[at]
            streams.slots[at] = NULL
            hole = at
        at = (at + 1) & (streams.room - 1)
    streams.count -= 1
    remember(streams, stream.id, how)
    if streams.spares < SPARES:
        stream.next, streams.spare = streams.spare, stream
        streams.spares += 1
    else:
        free(stream)


cdef void remember(streams_t* streams, uint32_t id, int how) noexcept nogil:
    streams.closed[streams.at], streams.endings[streams.at] = id, <unsigned char>how
    streams.at = (streams.at + 1) % REMEMBERED


cdef int ending_of(const streams_t* streams, uint32_t id) noexcept nogil:
    cdef int i
    for i in range(REMEMBERED):
        if streams.closed[i] == id:
            return streams.endings[i]
    return 0


cdef void stall(streams_t* streams, h2stream_t* stream) noexcept nogil:
    """To the end of the line of those that wait."""
    cdef h2stream_t* first = streams.stalled
    if stream.progress & STALLED:
        return
    stream.progress |= STALLED
    if first == NULL:
        streams.stalled = stream.next = stream.prev = stream
        return
    stream.next, stream.prev = first, first.prev
    first.prev.next = stream
    first.prev = stream


cdef void unstall(streams_t* streams, h2stream_t* stream) noexcept nogil:
    if not stream.progress & STALLED:
        return
    stream.progress &= ~STALLED
    if stream.next == stream:
        streams.stalled = NULL
    else:
        stream.prev.next, stream.next.prev = stream.next, stream.prev
        if streams.stalled == stream:
            streams.stalled = stream.next
    stream.next = stream.prev = NULL


cdef void free_streams(streams_t* streams) noexcept nogil:
    cdef h2stream_t* each = streams.spare
    cdef h2stream_t* after
    cdef uint32_t i
    while each != NULL:
        after = each.next
        free(each)
        each = after
    for i in range(streams.room):
        free(streams.slots[i])
    free(streams.slots)
    memset(streams, 0, sizeof(streams_t))
