from libc.stdint cimport int64_t, uint8_t
from xproto.kernel.run cimport cursor_t, span_t

cdef int read_text(cursor_t* c, span_t* out) noexcept nogil
cdef int read_integer(cursor_t* c, int64_t* value) noexcept nogil

cdef inline bint is_text(uint8_t lead) noexcept nogil:
    return lead < 0x20 or 0x30 <= lead < 0x34 or lead == 0x53 or lead == 0x52
