from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, listener_count_t, protocol_count_t
from proxy.datapath.decisions cimport Decisions, Table, route_t
from proxy.datapath.transport cimport Transport
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport Codec, frame_t

cdef enum:
    LINGER = 1000000          # microseconds for the peer to take our last answer before the connection goes


cdef class Binding:
    """One protocol of one listener."""
    cdef Codec codec
    cdef Decisions decisions
    cdef protocol_count_t* count


cdef class Port:
    """What a listener's connections share, without the accepting."""
    cdef Core core
    cdef readonly str name
    cdef dict bindings        # protocol -> Binding
    cdef Binding only         # where nothing is to be detected
    cdef object detect
    cdef Py_ssize_t detect_bytes
    cdef int64_t detect_timeout, idle_timeout, max_in_flight, max_connections
    cdef size_t out_limit
    cdef listener_count_t* count
    cdef readonly dict connections    # Downstream -> None: in the order in which they came, which a set has not
    cdef dict plan(self, spec, dict codecs, detector, Table table, Counters counters)
    cdef int become(self, spec, dict bindings, detector) except -1
    cdef int leave(self) except -1
    cdef int limit(self, spec) except -1


cdef class Downstream(Caller):
    cdef Port port
    cdef Binding binding      # None: not known yet
    cdef alarm_t alarm        # detection, then idleness, then lingering
    cdef bint eof             # the peer has ended its side
    cdef bint judged(self, const uint8_t* data, size_t size) except -1
    cdef int speak(self, Binding binding) except -1
    cdef int handle(self, const uint8_t* frame, const frame_t* at) except -1
    cdef int call(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1
    cdef call_t* record(self, const frame_t* at, const route_t* route, bint oneway, int64_t own) except? NULL
    cdef bint call_on(self, const uint8_t* frame, size_t size, const frame_t* at) except -1
    cdef int drop(self, bint oneway, const frame_t* at, int fault) except -1
    cdef int reject(self, const frame_t* at, int fault) except -1
    cdef int unreadable(self, const frame_t* at, str why) except -1
    cdef int wind_up(self) except -1
    cdef int adjust(self, bint rest_of) except -1
    cdef int leave(self) except -1
    cdef int rest(self) except -1
    cdef int on_alarm(self) except -1
    cdef bint held_up(self) noexcept


cdef Downstream new_downstream(Port port, Transport io)
