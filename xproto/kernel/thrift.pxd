from libc.stdint cimport int64_t
from xproto.kernel.run cimport cursor_t, key_t, progress_t

cdef int walk_struct(cursor_t* c, bint compact, int64_t limit, progress_t* progress) noexcept nogil
cdef int walk_info(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil
