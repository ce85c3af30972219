# An id on the wire, in each of the forms that it can have. The caller has made the room.
from libc.stdint cimport uint8_t, uint64_t

from xproto.kernel.frame cimport id_field_t
from xproto.kernel.integers cimport xp_store

cdef enum:                # the values of xproto.plan.Form
    FIXED = 0
    VARINT = 1
    JCE = 2


cdef inline int id_size(const id_field_t* field, uint64_t id) noexcept nogil:
    """How many bytes the shortest writing of this id takes."""
    cdef int size = 1
    if field.form == FIXED:
        return field.width
    if field.form == VARINT:
        while id >> 7 * size and size < 10:
            size += 1
        return size
    if id == 0:
        return 1
    return 2 if id < 0x80 else 3 if id < 0x8000 else 5 if id >> 31 == 0 else 9


cdef inline uint8_t* put_id(const id_field_t* field, uint8_t* into, const uint8_t* was, uint64_t id, int size) noexcept nogil:
    """Writes an id in `size` bytes; what is behind it. A jce field keeps the tag of what `was` there."""
    cdef int i
    if field.form == FIXED:
        xp_store(into, size, field.little, id)
    elif field.form == VARINT:
        for i in range(size):
            into[i] = <uint8_t>(id >> 7 * i & 0x7F) | (0x80 if i < size - 1 else 0)
    else:                 # one byte of tag and type, then as many as the type has: zero, i8, i16, i32, i64
        into[0] = was[0] & 0xF0 | (12 if size == 1 else 0 if size == 2 else 1 if size == 3 else 2 if size == 5 else 3)
        xp_store(into + 1, size - 1, False, id)
    return into + size
