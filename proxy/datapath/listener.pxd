from proxy.datapath.port cimport Port
from proxy.datapath.transport cimport Transport
from proxy.datapath.wheel cimport alarm_t

cdef enum:
    ACCEPTS = 64              # connections accepted per event: an accept storm must not hold up those that are there
    PAUSE = 100000            # microseconds without accepting when there are no descriptors or memory left


cdef class Listener:
    cdef readonly Port port
    cdef int fd               # the caller's; never closed here
    cdef bint listening
    cdef bint short           # of descriptors; said once
    cdef bint full            # of connections; said once
    cdef alarm_t alarm
    cdef int accept(self) except -1
    cdef int start(self) except -1
    cdef int stop(self) except -1
    cdef int refuse(self, Transport io) except -1
    cdef int rest(self, int code) except -1
