from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack_block cimport headers_t
from xproto.kernel.hpack_table cimport table_t

cdef struct decoding_t:       # of one direction of one connection
    table_t table
    uint32_t allowed          # for the table: what we announced, and the peer acknowledged
    uint32_t smallest         # of what we announced since the last block
    bint due                  # the next block begins with an update to no more than `smallest`
    bint broken               # a block was bad: the table is not in step any more
    int64_t at                # where in the last block

cdef void start_decoding(decoding_t* d) noexcept nogil
cdef void announce(decoding_t* d, int64_t size) noexcept nogil
cdef int decode(decoding_t* d, const uint8_t* block, int64_t size, headers_t* into, int64_t most) noexcept nogil
