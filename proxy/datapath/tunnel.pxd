from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.buffers cimport queue_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport Conn
from proxy.datapath.host cimport Host
from proxy.datapath.port cimport Port
from proxy.datapath.transport cimport Transport
from proxy.datapath.wheel cimport alarm_t


cdef class End(Conn):
    cdef Port port
    cdef End other                # None once closed
    cdef size_t window            # unsent bytes of the other end at which this one is not read
    cdef bint last                # nothing follows what is to be sent but the end
    cdef bint said                # and that has been sent
    cdef bint breaks              # the end is a reset
    cdef alarm_t alarm
    cdef int on_alarm(self) except -1


cdef class Near(End):
    """The client's end. Its alarm is idleness."""
    cdef str client               # who it is, as a trusted peer says; None: the peer
    cdef int64_t idle_timeout
    cdef int rest(self) except -1


cdef class Far(End):
    """The end at a host. Its alarm is the connect's."""
    cdef Cluster cluster
    cdef Host host                # None: none yet, or not any more
    cdef uint64_t tried           # bits of the hosts that were asked
    cdef bint made                # the connection was made
    cdef Host choose(self)
    cdef int connect(self) except -1
    cdef int refused(self, str why) except -1
    cdef int let_go(self) except -1


cdef int tie(Port port, Transport near_io, str client, queue_t* to_client, bytes early, Transport far_io, Host host,
             queue_t* to_server, bytes later) except -1
cdef int new_tunnel(Port port, Transport io, str client, const uint8_t* data, size_t size) except -1
