from libc.stdint cimport int64_t

from proxy.datapath.border cimport Border
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.transport cimport Transport
from proxy.datapath.trust cimport Trust


cdef class Opening:
    """What a listener does with a connection before its protocol is known. Made with a snapshot, never changed."""
    cdef Trust trust              # whose PROXY header is read
    cdef bint required            # they have to send one
    cdef readonly Cluster fallback        # None: a connection without a protocol is closed
    cdef int64_t idle_timeout     # of the fallback's tunnels; 0: never
    cdef Border border            # what heads say of this hop, where messages have some
    cdef bint trusts(self, Transport io) except -1
