"""Names and values as header blocks have them: a text, or several joined to one by commas, in each of the forms.

What always holds: the length that stands in front is that of what follows; one that does not fit it is refused.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from xproto.kernel.edit_pairs cimport COMMA, HESSIAN_MAP, JCE_MAP, THRIFT_INFO, block_t
from xproto.kernel.edits cimport EDIT_DONE, EDIT_MEMORY, EDIT_OVER
from xproto.kernel.hessian_write cimport put_hessian_text
from xproto.kernel.integers cimport xp_store
from xproto.kernel.room cimport make_room, put_byte, room_t
from xproto.kernel.run cimport span_t

cdef enum:
    JCE_STRING1 = 6
    JCE_STRING4 = 7
    JCE_ZERO = 12
    MAX_TEXT = 0x7FFFFFFF


cdef int64_t joined_size(const span_t* texts, int count) noexcept nogil:
    cdef int64_t size = max(count - 1, 0)
    cdef int i
    for i in range(count):
        size += texts[i].size
    return size


cdef void join(uint8_t* into, const span_t* texts, int count) noexcept nogil:
    cdef int i
    for i in range(count):
        if i:
            into[0] = COMMA
            into += 1
        if texts[i].size:
            memcpy(into, texts[i].data, <size_t>texts[i].size)
        into += texts[i].size


cdef int put_varint(room_t* into, uint64_t number) noexcept nogil:
    while number > 0x7F:
        if not put_byte(into, <int>(number & 0x7F | 0x80)):
            return EDIT_MEMORY
        number >>= 7
    return EDIT_DONE if put_byte(into, <int>number) else EDIT_MEMORY


cdef int put_jce_integer(room_t* into, int tag, int64_t number) noexcept nogil:
    """From zero, in the narrowest type that holds it."""
    cdef int type = 0 if number < 1 << 7 else 1 if number < 1 << 15 else 2
    cdef int width = 1 << type
    if not make_room(into, 5):
        return EDIT_MEMORY
    if number == 0:
        put_byte(into, tag << 4 | JCE_ZERO)
        return EDIT_DONE
    put_byte(into, tag << 4 | type)
    xp_store(into.data + into.size, width, False, <uint64_t>number)
    into.size += width
    return EDIT_DONE


cdef int put_jce_head(room_t* into, int tag, int type) noexcept nogil:
    if tag < 15:
        return EDIT_DONE if put_byte(into, tag << 4 | type) else EDIT_MEMORY
    return EDIT_DONE if put_byte(into, 0xF0 | type) and put_byte(into, tag) else EDIT_MEMORY


cdef int put_jce_text(room_t* into, int tag, const span_t* texts, int count) noexcept nogil:
    cdef int64_t size = joined_size(texts, count)
    cdef int width = 1 if size < 256 else 4
    if size > MAX_TEXT:
        return EDIT_OVER
    if put_jce_head(into, tag, JCE_STRING1 if width == 1 else JCE_STRING4) != EDIT_DONE or not make_room(into, width + size):
        return EDIT_MEMORY
    xp_store(into.data + into.size, width, False, <uint64_t>size)
    join(into.data + into.size + width, texts, count)
    into.size += width + size
    return EDIT_DONE


cdef int put_text(const block_t* kind, room_t* into, const span_t* texts, int count, bint value) noexcept nogil:
    cdef int64_t size = joined_size(texts, count)
    cdef uint64_t most = MAX_TEXT
    if kind.code == HESSIAN_MAP:
        return put_hessian_text(into, texts, count)
    if kind.code == JCE_MAP:
        return put_jce_text(into, value, texts, count)
    if kind.code == THRIFT_INFO:
        if size > MAX_TEXT or put_varint(into, <uint64_t>size) != EDIT_DONE or not make_room(into, size):
            return EDIT_OVER if size > MAX_TEXT else EDIT_MEMORY
    else:
        if kind.width < 4:
            most = (<uint64_t>1 << (8 * kind.width - kind.signed)) - 1
        if <uint64_t>size > most:
            return EDIT_OVER
        if not make_room(into, kind.width + size):
            return EDIT_MEMORY
        xp_store(into.data + into.size, kind.width, kind.little, <uint64_t>size)
        into.size += kind.width
    join(into.data + into.size, texts, count)
    into.size += size
    return EDIT_DONE
