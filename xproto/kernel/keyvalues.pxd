from libc.stdint cimport int64_t
from xproto.kernel.run cimport cursor_t, key_t

# Past one text with its length in front; `size` -1: null.
cdef int read_sized(cursor_t* c, int width, bint little, bint signed_, int64_t* size) noexcept nogil
cdef int walk_keyvalues(cursor_t* c, int width, bint little, bint signed_,
                        const key_t* keys, int nkeys) noexcept nogil
cdef int walk_chunks(cursor_t* c, int width, bint little, int64_t limit, int64_t* whole) noexcept nogil
