# The last head of one direction of one connection of HTTP/2: as a header block, and as the text of HTTP/1.1.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack_table cimport table_t
from xproto.kernel.http2_text cimport message_t

cdef enum:
    MEMO_BLOCK = 256          # bytes; longer ones are not remembered
    MEMO_TEXT = 1024

cdef struct mark_t:           # of a dynamic table: as long as these are the same, so is all of it
    uint32_t inserted
    uint32_t count
    uint32_t limit

cdef struct memo_t:
    mark_t mark
    uint32_t block_size       # 0: nothing is remembered
    uint32_t text_size
    bint ends                 # the stream ended with it
    int kind                  # what its owner knows besides
    message_t message         # without its media
    uint8_t[256] block
    uint8_t[1024] text


cdef inline mark_t mark_of(const table_t* table) noexcept nogil:
    cdef mark_t mark
    mark.inserted, mark.count, mark.limit = table.inserted, table.count, table.limit
    return mark


cdef inline bint is_marked(const mark_t* mark, const table_t* table) noexcept nogil:
    return mark.inserted == table.inserted and mark.count == table.count and mark.limit == table.limit

# Is this block, or text, what is remembered, and would it become the same again?
cdef bint knows_block(const memo_t* memo, const table_t* table, const uint8_t* block, int64_t size, bint ends) noexcept nogil
cdef bint knows_text(const memo_t* memo, const table_t* table, const uint8_t* text, int64_t size) noexcept nogil
# Remember that the one became the other, if that changed nothing in the table since `before`. NULL: nothing is remembered.
cdef memo_t* remember(memo_t** memo, const mark_t* before, const table_t* table, const uint8_t* block, int64_t block_size,
                      const uint8_t* text, int64_t text_size) noexcept nogil
