from proxy.datapath.newcomer cimport Newcomer
from proxy.datapath.port cimport Port
from proxy.datapath.transport cimport Transport

cdef enum:
    LINGER = 1000000          # microseconds for the peer to take our last answer before the connection goes


cdef class Downstream(Newcomer):
    cdef int limit(self) except -1
    cdef int on_alarm(self) except -1
    cdef bint held_up(self) noexcept


cdef Downstream new_downstream(Port port, Transport io)
