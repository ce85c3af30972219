# The Huffman code of HPACK's strings.
from libc.stdint cimport int64_t, uint8_t

cdef enum:
    HUFFMAN_SLACK = 8         # bytes behind what `huffman_put` writes that it may overwrite

# Bytes that the code of a text takes.
cdef int64_t huffman_size(const uint8_t* text, int64_t size) noexcept nogil
# Writes it; returns where to go on.
cdef uint8_t* huffman_put(uint8_t* into, const uint8_t* text, int64_t size) noexcept nogil
# The size of the text that `size` bytes of code stand for, -1: they stand for none. The text goes to `into` as far as
# there is room for it; what follows it there, up to `room`, is overwritten too.
cdef int64_t huffman_take(const uint8_t* code, int64_t size, uint8_t* into, int64_t room) noexcept nogil
