# Reads what an answer says came of its call, where a field of the frame holds it.
from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.program cimport Program


cdef class StatusReader:
    cdef Program program
    cdef bint holds                   # a field does
    # False: this answer does not say it.
    cdef bint read(self, const uint8_t* frame, int64_t size, int64_t* status) noexcept nogil
