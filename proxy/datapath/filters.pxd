from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters
from proxy.datapath.guard cimport bounds_t
from proxy.datapath.table cimport Table
from xproto.kernel.codec cimport Codec
from xproto.kernel.lookup cimport Lookup, slice_t

cdef enum:
    ON_REQUEST = 0
    ON_ROUTE = 1
    ON_BODY = 2
    ON_HOST = 3
    ON_RESPONSE = 4
    ON_LOG = 5
    PHASES = 6


cdef struct condition_t:
    int key                       # which of the values
    int kind
    bint invert
    const uint8_t* data
    int64_t size
    void* regex                   # borrowed; of OTHER the condition itself


cdef struct group_t:              # conditions that all hold: then the filter looks at the call
    int step
    int first
    int count


cdef class Step:
    """One filter, placed."""
    cdef readonly str name
    cdef readonly object filter
    cdef const bounds_t* bounds
    cdef int64_t body_limit       # bytes of the body that it wants to have before it is asked; -1: it wants none
    cdef int64_t timeout          # microseconds that an awaitable of it may take
    cdef readonly double block, stuck
    cdef void* functions[PHASES]  # borrowed from `filter`'s methods, which `kept` holds
    cdef list kept
    cdef uint64_t* replies        # counters
    cdef uint64_t* failures
    cdef int64_t told             # when the log last had a failure of it, in microseconds
    cdef uint64_t untold          # failures since, which it had not


cdef class Steps:
    """The filters that a call goes through, in their order; for one protocol."""
    cdef Core core
    cdef bint headed
    cdef int count
    cdef list steps               # Step, or None where it is disabled
    cdef uint32_t masks[PHASES]
    cdef uint32_t later           # of the phases behind the first
    cdef uint32_t behind          # and behind the request
    cdef uint32_t always          # those without conditions
    cdef readonly tuple keys      # what they want to know in later phases
    cdef readonly tuple asked     # what the conditions are about, of frames
    cdef Lookup lookup
    cdef slice_t* values
    cdef condition_t* conditions
    cdef group_t* groups
    cdef int group_count, asked_count
    cdef list texts
    cdef int sni_at, san_at, source_at    # what the connection says, among the values: -1 where no condition asks for it
    # `sni`, `san`, `source`: as of `Decisions.decide`.
    cdef uint32_t due(self, const uint8_t* frame, int64_t size, void* head, bytes sni, bytes san, bytes source) except? 0xFFFFFFFF
    # The same of a frame that was looked up: where `asked` is among the values.
    cdef uint32_t due_of(self, const slice_t* values, const int* places, bytes sni, bytes san, bytes source) except? 0xFFFFFFFF
    cdef uint32_t met(self, bytes sni, bytes san, bytes source) except? 0xFFFFFFFF


cdef class Filters:
    """Those of one listener, for one of its protocols and one route table."""
    cdef readonly str listener
    cdef Codec codec
    cdef Steps steps              # before there is a route, and where the route says nothing else
    cdef dict routes              # Steps by the index of a route that says something else
    cdef dict lookups             # by key
    cdef int64_t waiting          # awaitables under way, those given up included
    cdef Steps for_route(self, int index)
    cdef Lookup lookup_of(self, str key)
