from libc.stdint cimport int64_t, uint8_t, uint64_t

from xproto.kernel.http1_chunked cimport chunked_t

cdef struct body_t:           # of one message, and how far it was passed
    int form                  # BodyForm
    uint64_t left             # of a counted one, in bytes
    chunked_t chunks

cdef enum Part:               # what bytes of a body are
    PART_FRAMING              # of its chunks
    PART_DATA
    PART_TRAILERS             # with the end of the line behind them

cdef void begin_body(body_t* body, int64_t facts, int64_t length) noexcept nogil
# Passes over what there is of it: the bytes of it in `data`; -1: malformed.
cdef int64_t pass_body(body_t* body, const uint8_t* data, int64_t size) noexcept nogil
cdef bint is_whole(const body_t* body) noexcept nogil
# The same for some bytes that are all of one kind, at least one of them.
cdef int64_t pass_part(body_t* body, const uint8_t* data, int64_t size, Part* what) noexcept nogil
# The same for a chunked one, and what its chunks hold goes to `into`, which has room for `size` bytes.
cdef int64_t take_apart(body_t* body, const uint8_t* data, int64_t size, uint8_t* into, int64_t* taken) noexcept nogil
