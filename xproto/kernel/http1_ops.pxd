from libc.stdint cimport int64_t
from xproto.kernel.run cimport cursor_t, key_t, progress_t

# A head, and its body. progress (may be NULL): where an earlier look at the same frame came to.
cdef int walk_head(cursor_t* c, bint response, int64_t* facts, int64_t* length, const key_t* keys, int nkeys,
                   progress_t* progress) noexcept nogil
cdef int walk_body(cursor_t* c, int64_t facts, int64_t length, int64_t limit, progress_t* progress) noexcept nogil
