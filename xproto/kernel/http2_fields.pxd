# Fields of HTTP/2's messages: what may stand in one, and what some of them say.
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from xproto.kernel.hpack cimport header_t, headers_t

cdef enum:
    GRPC_SIZE = 16

cdef const uint8_t* GRPC          # a content type

cdef enum Web:                    # the forms of gRPC-Web
    WEB_NONE                      # none: something else
    WEB_BINARY
    WEB_TEXT                      # all of a body is base64


cdef struct pseudo_t:
    const header_t* method
    const header_t* scheme
    const header_t* authority
    const header_t* path
    const header_t* status
    int count                     # of fields that they are: the others follow


cdef inline bint says(const uint8_t* data, uint32_t size, const char* text, uint32_t length) noexcept nogil:
    return size == length and memcmp(data, text, length) == 0


cdef inline uint8_t* put(uint8_t* into, const void* data, int64_t size) noexcept nogil:
    memcpy(into, data, <size_t>size)
    return into + size


cdef bint all_are(const uint8_t* data, int64_t size, int which) noexcept nogil
cdef bint is_good(const uint8_t* text, const header_t* field) noexcept nogil
# Whether a content type is this one, or one with a suffix or parameters behind it.
cdef bint is_media(const uint8_t* value, int64_t size, const uint8_t* media, int64_t length) noexcept nogil
cdef int64_t length_in(const uint8_t* data, uint32_t size) noexcept nogil
# What grpc-status says; -1: nothing, or nothing that gRPC knows.
cdef int grpc_status_in(const headers_t* headers) noexcept nogil
cdef bint find_pseudo(const headers_t* headers, pseudo_t* out) noexcept nogil
