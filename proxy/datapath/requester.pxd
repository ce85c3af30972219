from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.decisions cimport route_t
from proxy.datapath.noted cimport Noted
from proxy.datapath.subset cimport choice_t
from xproto.kernel.frame cimport frame_t


cdef class Requester(Noted):
    cdef bint greeted                         # its handshake is done
    cdef bytes sni, san                       # what its TLS says of it; None: nothing
    cdef bytes source                         # its address, without a port; None: no route has asked
    cdef int decide(self, const uint8_t* frame, int64_t size, int64_t* own) except -3
    cdef choice_t choice(self, const route_t* route) noexcept
    cdef int greet(self, const uint8_t* frame, const frame_t* at) except -1
    cdef int call(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1
    cdef int unwrapped(self, const uint8_t* frame, const frame_t* at) except -1
    cdef call_t* record(self, const uint8_t* frame, int64_t size, const frame_t* at, route_t* route, bint oneway,
                        int64_t own) except? NULL
    cdef bint call_on(self, const uint8_t* frame, size_t size, const frame_t* at) except -1
    cdef int drop(self, bint oneway, const uint8_t* frame, const frame_t* at, int fault) except -1
    cdef int say_next(self, bytes frame) except -1
    cdef int reject_unread(self) except -1
    cdef int reject(self, const frame_t* at, int fault, bytes text=*, const uint8_t* frame=*) except -1
