"""Fields of HTTP/2's messages: which may stand in one, which say what it is, and what the others mean to us.

Source of the format: RFC 9113 section 8.2 and 8.3.

What always holds: names are in small letters, and values are on one line, where `is_good` says so.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack cimport header_t, headers_t
from xproto.kernel.http1_text cimport CLASS, TOKEN, VALUE, VISIBLE, same

cdef enum:
    MAX_DIGITS = 18
    LAST_STATUS = 16          # of gRPC

GRPC = b"application/grpc"


cdef bint all_are(const uint8_t* data, int64_t size, int which) noexcept nogil:
    cdef int64_t i
    for i in range(size):
        if not CLASS[data[i]] & which:
            return False
    return True


cdef bint is_good(const uint8_t* text, const header_t* field) noexcept nogil:
    """A field that may stand in a message: its name in small letters, its value on one line."""
    cdef const uint8_t* value = text + field.value_at
    cdef uint32_t i
    if field.name_size == 0:
        return False
    for i in range(field.name_size):
        if not CLASS[text[field.name_at + i]] & TOKEN or c'A' <= text[field.name_at + i] <= c'Z':
            return False
    if field.value_size == 0:
        return True
    return all_are(value, field.value_size, VALUE) and not (
        value[0] in (c' ', c'\t') or value[field.value_size - 1] in (c' ', c'\t'))


cdef bint is_media(const uint8_t* value, int64_t size, const uint8_t* media, int64_t length) noexcept nogil:
    return size >= length and same(value, media, length) and (size == length or value[length] in (c'+', c';', c' ', c'\t'))


cdef int64_t length_in(const uint8_t* data, uint32_t size) noexcept nogil:
    """-1: no length."""
    cdef int64_t length = 0
    cdef uint32_t i
    if not 0 < size <= MAX_DIGITS:
        return -1
    for i in range(size):
        if not c'0' <= data[i] <= c'9':
            return -1
        length = length * 10 + (data[i] - c'0')
    return length


cdef int grpc_status_in(const headers_t* headers) noexcept nogil:
    cdef const header_t* field
    cdef int64_t found = -1
    cdef int i
    for i in range(headers.count):
        field = &headers.fields[i]
        if says(headers.text + field.name_at, field.name_size, b"grpc-status", 11):
            found = length_in(headers.text + field.value_at, field.value_size)
    return <int>found if found <= LAST_STATUS else -1


cdef bint find_pseudo(const headers_t* headers, pseudo_t* out) noexcept nogil:
    """False: one that is not known, that is there twice, or behind other fields."""
    cdef const uint8_t* text = headers.text
    cdef const header_t* field
    cdef const header_t** place
    cdef const uint8_t* name
    cdef uint32_t size
    cdef int i
    out.method = out.scheme = out.authority = out.path = out.status = NULL
    out.count = 0
    for i in range(headers.count):
        field = &headers.fields[i]
        name, size = text + field.name_at, field.name_size
        if size == 0 or name[0] != c':':
            continue
        if i != out.count:
            return False
        out.count += 1
        if says(name, size, b":method", 7):
            place = &out.method
        elif says(name, size, b":path", 5):
            place = &out.path
        elif says(name, size, b":scheme", 7):
            place = &out.scheme
        elif says(name, size, b":authority", 10):
            place = &out.authority
        elif says(name, size, b":status", 7):
            place = &out.status
        else:
            return False
        if place[0] != NULL or not all_are(text + field.value_at, field.value_size, VISIBLE):
            return False
        place[0] = field
    return True
