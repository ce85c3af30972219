from libc.stdint cimport uint8_t

from proxy.datapath.probe cimport Probe
from proxy.datapath.transport cimport Transport
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http1_body cimport body_t


cdef class GrpcProbe(Probe):
    cdef bint headed              # the answer's head is here
    cdef body_t body              # what follows it
    cdef bytes message            # what was in that
    cdef bint unseen              # the server left, and said that it has not looked at the call
    cdef Transport stream(self)
    cdef Py_ssize_t head_in(self, const uint8_t* data, size_t size) except -1
    cdef Py_ssize_t body_in(self, const uint8_t* data, size_t size) except -1
    cdef bytes media(self, const uint8_t* data, const head_t* head)
    cdef int unconnected(self, str why) except -1
