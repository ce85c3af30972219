from libc.stdint cimport uint8_t

from proxy.datapath.port cimport Binding, Port
from proxy.datapath.requester cimport Requester
from proxy.datapath.transport cimport Transport
from proxy.datapath.wheel cimport alarm_t

cdef enum:
    LINGER = 1000000          # microseconds for the peer to take our last answer before the connection goes


cdef class Downstream(Requester):
    cdef alarm_t alarm        # detection, then idleness, then lingering
    cdef bint eof             # the peer has ended its side
    cdef bint judged(self, const uint8_t* data, size_t size) except -1
    cdef int speak(self, Binding binding) except -1
    cdef int limit(self) except -1
    cdef int rest(self) except -1
    cdef int on_alarm(self) except -1
    cdef bint held_up(self) noexcept


cdef Downstream new_downstream(Port port, Transport io)
