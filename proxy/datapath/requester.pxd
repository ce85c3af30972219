from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.local cimport Local
from proxy.datapath.route cimport route_t
from proxy.datapath.subset cimport choice_t
from proxy.datapath.table cimport Table
from xproto.kernel.frame cimport frame_t


cdef class Requester(Local):
    cdef bint greeted                         # its handshake is done
    cdef bytes sni, san                       # what its TLS says of it; None: nothing
    cdef bytes source                         # its address, for routes; None: none has asked
    cdef bytes address_of_client(self)        # for routes and filters
    cdef int decide(self, const uint8_t* frame, int64_t size, int64_t* own) except -3
    cdef choice_t choice(self, const route_t* route) noexcept
    cdef int choose(self, call_t* call, const choice_t* choice) except -1
    cdef int greet(self, const uint8_t* frame, const frame_t* at) except -1
    cdef int call(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1
    cdef int unwrapped(self, const uint8_t* frame, const frame_t* at) except -1
    cdef int act(self, route_t* route, const uint8_t* frame, const frame_t* at, bint oneway) except -1
    cdef int unfiltered(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1
    # Through the filters of its listener, on its way.
    cdef int filtered(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1
    cdef int forward(self, call_t* call, const uint8_t* frame, const frame_t* at, route_t* route, int64_t own) except -1
    cdef call_t* record(self, const uint8_t* frame, int64_t size, const frame_t* at, Table table, route_t* route, bint oneway,
                        int64_t own) except? NULL
    cdef call_t* begin_call(self, const uint8_t* frame, int64_t size, const frame_t* at, bint oneway) except? NULL
    cdef int aim(self, call_t* call, const uint8_t* frame, int64_t size, Table table, route_t* route, int64_t own) except -1
    cdef bint call_on(self, const uint8_t* frame, size_t size, const frame_t* at) except -1
    cdef int drop(self, bint oneway, const uint8_t* frame, const frame_t* at, int fault) except -1
    cdef int reject_unread(self) except -1
    cdef int reject(self, const frame_t* at, int fault, bytes text=*, const uint8_t* frame=*) except -1


cdef bytes source_of(str peer)
