from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.relay cimport Relay
from xproto.kernel.http1_body cimport body_t

cdef enum:
    THROUGH = 16 * 1024           # bytes of a body from which on they are sent at once, without a copy


cdef class Flow(Relay):
    cdef body_t body              # of the message that comes by this connection
    cdef bint plain               # its chunks are taken apart, for who cannot read them
    cdef int follow(self, int64_t facts, int64_t length) except -1
    cdef int join(self, Flow sink) except -1
    cdef Py_ssize_t flow(self, const uint8_t* data, size_t size) except -1
    cdef int give(self, const uint8_t* data, size_t size, bint last) except -1
    cdef Py_ssize_t give_plain(self, const uint8_t* data, size_t size) except -1
    cdef int end_of_body(self) except -1
