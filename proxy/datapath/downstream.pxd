from proxy.datapath.newcomer cimport Newcomer
from proxy.datapath.port cimport Port
from proxy.datapath.transport cimport Transport

cdef enum:
    LINGER = 1000000          # microseconds for the peer to take our last answer before the connection goes
    DOUBT = 5000000           # and without anything moving, after which one that sends no more is not there any more


cdef class Downstream(Newcomer):
    cdef bint branched            # it has a stream of a connection, which is the one that its port knows
    cdef int doubt(self) except -1
    cdef int limit(self) except -1
    cdef int on_alarm(self) except -1
    cdef bint held_up(self) noexcept


cdef Downstream new_downstream(Port port, Transport io)
