from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack_index cimport index_t
from xproto.kernel.hpack_table cimport table_t

cdef enum:
    BEGIN_ROOM = 16           # bytes that `begin_block` may need
    FIELD_MORE = 32           # bytes that `put_field` may need besides the name and the value

cdef struct encoding_t:       # of one direction of one connection
    table_t table
    index_t* index            # of the table; NULL until its first entry
    uint32_t lowest           # that the peer allowed since the last block
    uint32_t allowed          # that it allowed last
    bint changed              # it allowed something

cdef void start_encoding(encoding_t* e) noexcept nogil
cdef void stop_encoding(encoding_t* e) noexcept nogil
cdef void allow(encoding_t* e, int64_t size) noexcept nogil
cdef uint8_t* begin_block(encoding_t* e, uint8_t* into) noexcept nogil
cdef uint8_t* put_field(encoding_t* e, uint8_t* into, const uint8_t* name, int64_t name_size, const uint8_t* value,
                        int64_t value_size, int how) noexcept nogil
