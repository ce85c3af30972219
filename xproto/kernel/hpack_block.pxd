# What a header block says, and what became of reading it.
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef enum Compression:
    HPACK_OK = 0
    HPACK_BAD = 1             # the block cannot be decoded: an error of the whole connection, a COMPRESSION_ERROR
    HPACK_TOO_MUCH = 2        # well formed, and the table is in step, but more fields or bytes than allowed

cdef enum How:                # a field is written
    INDEX = 0                 # it may enter the table, unless it is a secret
    LITERAL = 1               # it does not enter it
    NEVER = 2                 # no one who passes it on may let it enter one

cdef struct header_t:         # of one field, offsets into headers_t.text
    uint32_t name_at
    uint32_t name_size
    uint32_t value_at
    uint32_t value_size
    uint8_t never             # it came as "never indexed", and must go on so

cdef struct headers_t:        # what a block says; the arrays are the caller's
    uint8_t* text
    int64_t room              # bytes of text
    int64_t used
    header_t* fields
    int most                  # fields there is room for
    int count
    int64_t size              # RFC 9113 section 6.5.2: name, value and 32 of each field, those without room too
