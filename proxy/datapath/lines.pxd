from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.notes cimport note_t

cdef struct text_t:
    uint8_t* data
    size_t size
    size_t room

cdef bint put_line(text_t* out, const note_t* note, int64_t began, bint json) noexcept nogil
cdef bint put_break(text_t* out) noexcept nogil
