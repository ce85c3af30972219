# A buffer that grows, for what is written before its size is known.
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

cdef enum:
    LEAST_ROOM = 1024         # bytes
    KEPT_ROOM = 256 * 1024    # bytes beyond which a buffer is given back when it is used again

cdef struct room_t:           # all zero is an empty one; whoever owns it frees `data`
    uint8_t* data
    int64_t size              # bytes written
    int64_t room


cdef inline bint make_room(room_t* into, int64_t more) noexcept nogil:
    """For `more` bytes behind those that are written. False: no memory."""
    cdef int64_t room = into.room
    cdef uint8_t* data
    if more <= into.room - into.size:
        return True
    room = max(<int64_t>LEAST_ROOM, max(2 * room, into.size + more))
    data = <uint8_t*>realloc(into.data, <size_t>room)
    if data == NULL:
        return False
    into.data, into.room = data, room
    return True


cdef inline bint put_bytes(room_t* into, const void* data, int64_t size) noexcept nogil:
    if not make_room(into, size):
        return False
    if size:
        memcpy(into.data + into.size, data, <size_t>size)
    into.size += size
    return True


cdef inline bint put_byte(room_t* into, int byte) noexcept nogil:
    if not make_room(into, 1):
        return False
    into.data[into.size] = <uint8_t>byte
    into.size += 1
    return True


cdef inline void empty(room_t* into) noexcept nogil:
    """To be written again."""
    cdef uint8_t* data
    into.size = 0
    if into.room > KEPT_ROOM:
        data = <uint8_t*>realloc(into.data, LEAST_ROOM)
        if data != NULL:
            into.data, into.room = data, LEAST_ROOM
