from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.carrier cimport limits_t
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport host_count_t
from proxy.datapath.h2_connection cimport H2End
from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.transport cimport Transport

cdef class Sharer:
    """Whoever owns connections with streams is told what becomes of them."""
    cdef int stirred(self) except -1                          # one has room again, or is no more
    cdef int ended(self, H2Upstream connection) except -1
    cdef int unfit(self, str reason) except -1                # a handshake of TLS failed
    cdef int turn(self, bint older) except -1                 # it has shown by ALPN which version of HTTP is spoken
    cdef str name(self)


cdef class H2Upstream(H2End):
    cdef object sharer            # Sharer: None once it is closed
    cdef limits_t* limits         # the cluster's
    cdef host_count_t* count      # the host's
    cdef dict streams             # H2Stream -> None, whose owners are not closed
    cdef bint made                # was connected once, and is counted as active
    cdef int64_t used             # when its last stream ended
    cdef int64_t misses
    cdef str why                  # that it could not be connected to
    cdef bint has_room(self) noexcept
    cdef H2Stream stream_of(self)
    cdef int refused(self, str why) except -1
    cdef int leave(self) except -1
    cdef int read_out(self) except -1
    cdef int set_alarm(self) except -1


cdef H2Upstream new_h2_upstream(Core core, object sharer, Transport io, limits_t* limits, host_count_t* count)
