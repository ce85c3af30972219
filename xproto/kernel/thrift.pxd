from libc.stdint cimport int64_t, uint64_t
from xproto.kernel.run cimport cursor_t, key_t, progress_t, walk_t

cdef int read_varint(cursor_t* c, int most, uint64_t* value) noexcept nogil
cdef int walk_struct(cursor_t* c, bint compact, int64_t limit, progress_t* progress) noexcept nogil
cdef int pass_value(cursor_t* c, walk_t* w, int type, bint compact, int64_t limit) noexcept nogil
cdef int walk_some(cursor_t* c, walk_t* w, bint compact, int64_t limit) noexcept nogil
cdef int walk_info(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil
