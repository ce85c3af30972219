from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.port cimport Guest, Shared
from proxy.datapath.transport cimport Transport
from xproto.kernel.hpack cimport headers_t
from xproto.kernel.http2_text cimport message_t


cdef class H2Downstream(Shared):
    cdef Guest origin             # the connection as it was until its protocol was known
    cdef str client               # who it is, as a trusted peer says; None: the peer
    cdef dict streams             # H2Stream -> None, whose owners are not closed
    cdef list spare               # for each kind of stream, a list of H2Stream: of these, those that wait for the next exchange
    cdef H2Stream take(self, int kind)
    cdef int64_t request(self, const headers_t* headers, bint ends, message_t* message, int* kind) except? -1000
    cdef int kind_of(self, const message_t* message) except -1
    cdef int rest(self) except -1
    cdef int say_goodbye(self) except -1
    cdef int reap(self, int64_t most) except -1


cdef int new_h2_downstream(Guest origin, str client, Transport io, const uint8_t* data, size_t size) except -1
