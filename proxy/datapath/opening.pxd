from libc.stdint cimport int64_t

from proxy.datapath.cluster cimport Cluster
from proxy.datapath.transport cimport Transport


cdef class Opening:
    """What a listener does with a connection before its protocol is known. Made with a snapshot, never changed."""
    cdef bint locals              # peers of a unix socket are trusted
    cdef list networks            # whose PROXY header is read
    cdef bint required            # they have to send one
    cdef readonly Cluster fallback        # None: a connection without a protocol is closed
    cdef int64_t idle_timeout     # of the fallback's tunnels; 0: never
    cdef bint trusts(self, Transport io) except -1
