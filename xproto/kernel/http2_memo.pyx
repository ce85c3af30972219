"""What was read or written last, so that it need not be done again: a client's calls begin alike, and so do their answers.

A header block means the same text as before if its bytes are the same, if the dynamic table is, and if reading it changes
nothing there. So does a text become the same block. What a request has for itself, an id say, makes it another one; an
answer seldom has such a thing within one second.

What always holds: what is remembered is what reading, or writing, would give at this moment.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc
from libc.string cimport memcmp, memcpy

from xproto.kernel.hpack_table cimport table_t


cdef bint knows_block(const memo_t* memo, const table_t* table, const uint8_t* block, int64_t size, bint ends) noexcept nogil:
    return memo != NULL and size > 0 and memo.block_size == size and memo.ends == ends and is_marked(&memo.mark, table) and (
        memcmp(memo.block, block, <size_t>size) == 0)


cdef bint knows_text(const memo_t* memo, const table_t* table, const uint8_t* text, int64_t size) noexcept nogil:
    return memo != NULL and size > 0 and memo.text_size == size and is_marked(&memo.mark, table) and (
        memcmp(memo.text, text, <size_t>size) == 0)


cdef memo_t* remember(memo_t** memo, const mark_t* before, const table_t* table, const uint8_t* block, int64_t block_size,
                      const uint8_t* text, int64_t text_size) noexcept nogil:
    if memo[0] != NULL:
        memo[0].block_size = memo[0].text_size = 0
    if not is_marked(before, table) or not 0 < block_size <= MEMO_BLOCK or not 0 < text_size <= MEMO_TEXT:
        return NULL
    if memo[0] == NULL:
        memo[0] = <memo_t*>calloc(1, sizeof(memo_t))
        if memo[0] == NULL:
            return NULL
    memo[0].mark = before[0]
    memo[0].block_size, memo[0].text_size = block_size, text_size
    memcpy(memo[0].block, block, <size_t>block_size)
    memcpy(memo[0].text, text, <size_t>text_size)
    return memo[0]
