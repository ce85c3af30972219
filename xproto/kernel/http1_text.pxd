# Words of HTTP/1.1: what a byte may be, and names in whatever case.
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef enum:
    TOKEN = 1
    VISIBLE = 2               # what a target may have
    VALUE = 4                 # what a field's value may have
    HEX = 8
    HOST = 16

cdef uint8_t[256] CLASS       # of each byte, the bits above

cdef inline uint8_t lower(uint8_t byte) noexcept nogil:
    return byte | 0x20 if c'A' <= byte <= c'Z' else byte

cdef bint is_text(const uint8_t* data, int64_t size, const char* text, int64_t length) noexcept nogil
cdef bint same(const uint8_t* a, const uint8_t* b, int64_t size) noexcept nogil
cdef uint8_t name_of(const uint8_t* data, uint32_t size) noexcept nogil     # a FieldName
