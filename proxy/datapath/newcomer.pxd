from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.veiled cimport Veiled


cdef class Newcomer(Veiled):
    cdef bint eof                 # the peer has ended its side
    cdef bint headed              # a PROXY header may come first
    cdef str client               # who it is, as a trusted peer says; None: the peer
    cdef int arrive(self) except -1
    cdef Py_ssize_t opened(self, const uint8_t* data, size_t size) except -1
    cdef Py_ssize_t header(self, const uint8_t* data, size_t size) except -1
    cdef int judged(self, const uint8_t* data, size_t size) except -1
    cdef int unknown(self, object answer, const uint8_t* data, size_t size) except -1
    cdef int late(self) except -1
    cdef bint owes_header(self) except -1
    cdef bint veils(self) noexcept
    cdef bint undecided(self) noexcept
    cdef str name_of_client(self)
