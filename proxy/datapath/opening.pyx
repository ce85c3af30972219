"""What a listener does with a connection before its protocol is known: whose word it takes, and where strangers go.

Whom to trust is asked once for each connection, and only where somebody is trusted at all: it costs a system call.

What always holds: a header of the PROXY protocol counts only from a peer whose address, as the kernel says it, is in the
list; an address that cannot be read is in no list.
"""

import ipaddress

from proxy.datapath.cluster cimport Cluster, microseconds
from proxy.datapath.transport cimport Transport


cdef class Opening:
    def __cinit__(self, spec, dict clusters):
        trusted = () if spec.proxy_protocol is None else spec.proxy_protocol.trusted
        self.locals = "unix" in trusted
        self.networks = [ipaddress.ip_network(each) for each in trusted if each != "unix"]
        self.required = spec.proxy_protocol is not None and spec.proxy_protocol.required
        if spec.fallback is not None:
            self.fallback = clusters[spec.fallback.cluster]
            self.idle_timeout = microseconds(spec.fallback.idle_timeout)

    cdef bint trusts(self, Transport io) except -1:
        """Is the other end one whose header is read?"""
        cdef str peer
        if not self.locals and not self.networks:
            return False
        peer = io.peer()
        if peer.startswith("unix:"):
            return self.locals
        try:
            address = ipaddress.ip_address(peer.rpartition(":")[0])
        except ValueError:
            return False                # gone already
        address = getattr(address, "ipv4_mapped", None) or address
        for network in self.networks:
            if address in network:
                return True
        return False
