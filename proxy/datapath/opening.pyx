"""What a listener does with a connection before its protocol is known: whose word it takes, and where strangers go.

Whom to trust is asked once for each connection, and only where somebody is trusted at all: it costs a system call.

What always holds: a header of the PROXY protocol counts only from a peer whose address, as the kernel says it, is in the
list; an address that cannot be read is in no list.
"""

from proxy.datapath.border cimport Border
from proxy.datapath.cluster cimport Cluster, microseconds
from proxy.datapath.transport cimport Transport
from proxy.datapath.trust cimport Trust


cdef class Opening:
    def __cinit__(self, spec, dict clusters):
        self.trust = Trust(() if spec.proxy_protocol is None else spec.proxy_protocol.trusted)
        self.required = spec.proxy_protocol is not None and spec.proxy_protocol.required
        self.border = Border(spec.http)
        if spec.fallback is not None:
            self.fallback = clusters[spec.fallback.cluster]
            self.idle_timeout = microseconds(spec.fallback.idle_timeout)

    cdef bint trusts(self, Transport io) except -1:
        """Is the other end one whose header is read?"""
        return (self.trust.locals or bool(self.trust.networks)) and self.trust.holds(io.peer())
