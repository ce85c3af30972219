from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.filters cimport Step
from proxy.datapath.waiting cimport Waiting


cdef class Gathering(Waiting):
    """A call whose filters want the whole body of its request."""
    cdef bint gathered            # it had one, and that is here
    cdef bint awaited             # its client has to be told to send the body
    cdef int needs_body(self, Step step) except -1
    cdef int too_much(self, Step step) except -1
    cdef int too_little_room(self, Step step) except -1
    cdef int gather(self, Step step) except -1
    cdef int64_t silent_until(self) noexcept
    cdef bint stop_gathering(self) except -1
    cdef int more(self, const uint8_t* data, int64_t size, buf_t* into) except -1
