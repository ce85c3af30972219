from libc.stdint cimport int64_t
from xproto.kernel.run cimport cursor_t, key_t, span_t

cdef int skip_values(cursor_t* c, int64_t count) noexcept nogil
cdef int pass_type_name(cursor_t* c) noexcept nogil     # of a typed map or list
cdef int walk_arguments(cursor_t* c, const span_t* descriptor, span_t* first) noexcept nogil
cdef int walk_map(cursor_t* c, const key_t* keys, int nkeys) noexcept nogil
