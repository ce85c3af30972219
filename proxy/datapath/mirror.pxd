from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, protocol_count_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t

cdef enum:
    MIRRORED_MAX = 1024 * 1024        # bytes of a request that is copied: messages are smaller, and uploads are not worth it
    MIRRORED_IN_FLIGHT = 1024         # copies of one cluster without an answer: as many as a busy server works on
    MIRRORED_WAITING = 16 * 1024 * 1024   # bytes of them that wait for a connection

cdef enum Dropped:                    # why there is no copy, or it reached no host; the names are in proxy.observe.mirrors
    TOO_BIG = 0
    TOO_MANY = 1
    NO_MEMORY = 2
    OVERFLOW = 3
    UNREACHABLE = 4
    SWITCHES = 5
    INCOMPLETE = 6
    FAILED = 7
    REASONS = 8


cdef class Mirror(Caller):
    """Who waits for the answers to the copies that go to one cluster."""
    cdef str name
    cdef protocol_count_t count       # of its oneways
    cdef uint64_t spare
    cdef uint64_t* replied            # counters
    cdef uint64_t* timed_out
    cdef uint64_t* broken
    cdef uint64_t* sent
    cdef uint64_t* dropped[REASONS]
    cdef uint64_t* gauge
    cdef int64_t away                 # until then no host can be connected to
    cdef int drop(self, Dropped reason) except -1
    cdef int launch(self, Cluster cluster, Codec codec, const call_t* like, const uint8_t* frame, const frame_t* at,
                    int64_t own) except -1
    cdef int deliver(self, Cluster cluster, Codec codec, const call_t* like, const uint8_t* frame, const frame_t* at,
                     int64_t own) except -1


cdef struct share_t:
    void* cluster                     # borrowed Cluster, with its mirror
    uint64_t part                     # of 2**32 calls


cdef class Mirrors:
    """Where copies of a route's calls go."""
    cdef list clusters                # that the shares borrow
    cdef share_t* shares
    cdef int size
    cdef uint64_t chosen(self, Core core) noexcept
    cdef int copy(self, Core core, Codec codec, const call_t* call, const uint8_t* frame, const frame_t* at,
                    int64_t own) except -1
    cdef int copy_to(self, uint64_t chosen, Codec codec, const call_t* call, const uint8_t* frame, const frame_t* at,
                     int64_t own) except -1
    cdef int drop(self, uint64_t chosen, Dropped reason) except -1
    cdef Copy begin(self, Core core, Codec codec, const call_t* call, const uint8_t* text, size_t size)


cdef class Copy:
    """A copy of a message whose body is not all there."""
    cdef Core core
    cdef Mirrors mirrors
    cdef uint64_t chosen
    cdef Codec codec
    cdef call_t like                  # what its call is like; nobody's pointers
    cdef int64_t own
    cdef buf_t text
    cdef bint more(self, const uint8_t* data, size_t size) except -1
    cdef int send(self) except -1
    cdef int drop(self, Dropped reason) except -1


cdef Mirrors new_mirrors(route, Core core, dict clusters, Counters counters)
