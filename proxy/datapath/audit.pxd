from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.audit_health cimport HealthLook
from proxy.datapath.calls cimport call_t
from proxy.datapath.carrier cimport Carrier
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.host cimport Host
from proxy.datapath.pingpong cimport Pool, Queue, Shelf
from proxy.datapath.relay cimport Relay
from proxy.datapath.core cimport Core
from proxy.datapath.downstream cimport Downstream
from proxy.datapath.simulated_loop cimport Watch
from proxy.datapath.upstream cimport Upstream
from proxy.datapath.wheel cimport Wheel, alarm_t


cdef class Audit(HealthLook):
    """One look at everything."""
    cdef dict gauges
    cdef dict callers         # Caller -> None
    cdef set hoping           # for a connection of their own
    cdef int64_t waiting
    cdef int relay(self, Relay conn) except -1
    cdef bint clogged(self, Relay conn) noexcept
    cdef int caller(self, Downstream conn) except -1
    cdef int carrier(self, Upstream conn) except -1
    cdef int table(self, Carrier conn) except -1
    cdef int port(self, object port) except -1
    cdef int gauge(self, uint64_t* gauge, uint64_t amount, str what) except -1
    cdef int host(self, object host) except -1
    cdef int parked(self, Downstream conn) except -1
    cdef int shelf(self, Host host, Shelf shelf) except -1
    cdef int mirror(self, Cluster cluster) except -1
    cdef int pending(self, Cluster cluster) except -1
    cdef uint64_t queued(self, Cluster cluster, Pool pool, Queue queue) except? 0
    cdef bint hope(self, Cluster cluster, Pool pool) except -1
    cdef int wheel(self, Wheel wheel) except -1
    cdef int whole(self) except -1


cdef class Auditor(Watch):
    cdef object engine
    cdef Core core
    cdef int64_t every, seen
