from libc.stdint cimport int64_t
from xproto.kernel.run cimport cursor_t, key_t, progress_t

cdef int walk_header(cursor_t* c, int64_t limit, progress_t* progress, const key_t* keys, int nkeys) noexcept nogil
