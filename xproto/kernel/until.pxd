from libc.stdint cimport int64_t, uint8_t
from xproto.kernel.run cimport cursor_t, span_t

# Leaves the cursor behind the delimiter, and the bytes before it in `out` (NULL: nobody wants them).
cdef int walk_until(cursor_t* c, const uint8_t* end, int64_t end_size, int64_t most, span_t* out) noexcept nogil
