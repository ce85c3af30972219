"""Hessian2 strings, written as Java writes them: what is beyond 16 bits as two surrogates of three bytes each.

What always holds: what is written is one string to every reader, in one piece; a text that is no UTF-8 is refused, since two
readers would take it for different ones.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from xproto.kernel.edit_pairs cimport COMMA
from xproto.kernel.edits cimport EDIT_DONE, EDIT_MEMORY, EDIT_OVER, EDIT_VALUE
from xproto.kernel.room cimport make_room, put_byte, room_t
from xproto.kernel.run cimport span_t

cdef enum:
    MAX_UNITS = 0xFFFF        # of one piece


cdef int64_t units_of(const span_t* text) noexcept nogil:
    """UTF-16 units; -1: it is no UTF-8. A surrogate by itself is a unit, as Java has it."""
    cdef const uint8_t* p = text.data
    cdef const uint8_t* stop = p + text.size
    cdef int64_t units = 0, more, i
    while p < stop:
        if p[0] < 0x80:
            more = 0
        elif 0xC2 <= p[0] < 0xE0:
            more = 1
        elif 0xE0 <= p[0] < 0xF0:
            more = 2
        elif 0xF0 <= p[0] < 0xF5:
            more = 3
        else:
            return -1
        if more >= stop - p:
            return -1
        for i in range(1, more + 1):
            if p[i] & 0xC0 != 0x80:
                return -1
        if p[0] == 0xE0 and p[1] < 0xA0 or p[0] == 0xF0 and p[1] < 0x90 or p[0] == 0xF4 and p[1] >= 0x90:
            return -1
        units += 2 if more == 3 else 1
        p += more + 1
    return units


cdef inline uint8_t* put_surrogate(uint8_t* into, int32_t unit) noexcept nogil:
    into[0] = 0xED
    into[1] = <uint8_t>(0x80 | unit >> 6 & 0x3F)
    into[2] = <uint8_t>(0x80 | unit & 0x3F)
    return into + 3


cdef uint8_t* put_units(uint8_t* into, const span_t* text) noexcept nogil:
    cdef const uint8_t* p = text.data
    cdef const uint8_t* stop = p + text.size
    cdef int32_t point
    while p < stop:
        if p[0] < 0xF0:
            into[0] = p[0]
            into += 1
            p += 1
            continue
        point = (p[0] & 7) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | p[3] & 0x3F
        point -= 0x10000
        into = put_surrogate(put_surrogate(into, 0xD800 | point >> 10), 0xDC00 | point & 0x3FF)
        p += 4
    return into


cdef int put_hessian_text(room_t* into, const span_t* texts, int count) noexcept nogil:
    cdef int64_t units = max(count - 1, 0), some, bytes_ = units
    cdef uint8_t* at
    cdef int i
    for i in range(count):
        some = units_of(&texts[i])
        if some < 0:
            return EDIT_VALUE
        units += some
        bytes_ += texts[i].size
    if units > MAX_UNITS:
        return EDIT_OVER
    if not make_room(into, 3 + bytes_ + bytes_ // 2):
        return EDIT_MEMORY
    if units < 0x20:
        put_byte(into, <int>units)
    elif units < 0x400:
        put_byte(into, 0x30 + <int>(units >> 8))
        put_byte(into, <int>(units & 0xFF))
    else:
        put_byte(into, 0x53)
        put_byte(into, <int>(units >> 8))
        put_byte(into, <int>(units & 0xFF))
    at = into.data + into.size
    for i in range(count):
        if i:
            at[0] = COMMA
            at += 1
        at = put_units(at, &texts[i])
    into.size = at - into.data
    return EDIT_DONE
