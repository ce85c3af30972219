from libc.stdint cimport int64_t
from xproto.kernel.run cimport cursor_t, key_t, span_t

cdef int read_integer_field(cursor_t* c, int tag, int64_t* value) noexcept nogil
cdef int read_text_field(cursor_t* c, int tag, span_t* out) noexcept nogil
cdef int read_bytes_field(cursor_t* c, int tag, span_t* out) noexcept nogil
cdef int walk_map_field(cursor_t* c, int tag, const key_t* keys, int nkeys) noexcept nogil
cdef int begin_map_field(cursor_t* c, int tag, int64_t* count) noexcept nogil
cdef int pair_field(cursor_t* c, span_t* key, span_t* value) noexcept nogil
cdef int skip_fields(cursor_t* c) noexcept nogil
