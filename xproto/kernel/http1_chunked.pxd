from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum ChunkState:
    CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF, CHUNK_TRAILER, CHUNK_NAME
    CHUNK_VALUE, CHUNK_TRAILER_LF, CHUNK_LAST_LF, CHUNK_DONE

cdef struct chunked_t:        # where in a chunked body we are; all zero is its beginning
    int state
    int digits
    uint32_t extensions       # bytes of this chunk's
    uint32_t trailers         # bytes in all
    uint64_t left             # of the chunk's data

cdef int digit_of(uint8_t byte) noexcept nogil      # of a hexadecimal digit
# Passes over what there is of a chunked body. The bytes of it in `data`; `state` is CHUNK_DONE at its end. -1: malformed.
cdef int64_t pass_chunked(chunked_t* body, const uint8_t* data, int64_t size) noexcept nogil
