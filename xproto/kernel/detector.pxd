# Which of several signatures do a connection's first bytes have?
from libc.stdint cimport int32_t, uint8_t, uint16_t

cdef enum:
    NOBODY = -1      # no protocol begins like this
    MORE = -2        # it takes more bytes to say

cdef struct cube_t:
    int32_t owner            # whose it is, in rank order
    int32_t size             # bytes
    const uint8_t* sets      # 32 bytes for each offset: a bit for each byte value

cdef class Judge:
    cdef readonly tuple names          # in rank order
    cdef readonly Py_ssize_t longest   # the most bytes that an answer can need
    cdef Py_ssize_t count
    cdef cube_t* cubes                 # by rank, an owner's shortest first
    cdef uint16_t* order               # for each first byte the cubes that allow it, as indices, by rank
    cdef int32_t starts[257]           # of each first byte's part of `order`
    cdef bytes _sets
    cdef int _enter(self, list ranked) except -1
    cdef int _index(self, list ranked) except -1
    # An index into `names`, NOBODY, or MORE: then `need` is how many bytes in all are needed to say more.
    cdef int judge(self, const uint8_t* data, Py_ssize_t size, Py_ssize_t* need) noexcept nogil
