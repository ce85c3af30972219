from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.cluster cimport Cluster
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, way_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.lookup cimport Lookup, slice_t

cdef enum:
    KEY_LIMIT = 512           # bytes; longer values are decided each time, so that the cache stays small
    ENTRIES = 2048            # in each of the cache's two generations

cdef enum:
    NOBODY = -1
    UNREADABLE = -2


cdef struct route_t:
    void* cluster             # borrowed from Table.clusters
    int64_t timeout           # microseconds; 0: none
    uint64_t* count
    const way_t* way          # for the access log; NULL: not asked for yet
    void* subset              # borrowed from Table.subsets: the hosts that calls may go to; NULL: all
    const int* hashes         # of its hash policy: which of Table.wanted
    int hash_count
    bint oneway               # its calls are oneways, whatever their frames say


cdef class Table:
    cdef readonly str name
    cdef object decide
    cdef tuple keys
    cdef list clusters
    cdef list subsets
    cdef tuple wanted         # keys by whose values hosts are chosen; they decide no route
    cdef int* hashes
    cdef route_t* routes
    cdef Py_ssize_t size
    cdef uint64_t* nobody     # counter
    cdef tuple specs
    cdef Counters counters
    cdef const way_t* way(self, route_t* route) except NULL
    cdef int balance(self, routes, dict subsets) except -1


cdef class Decisions:
    cdef Core core
    cdef Table table
    cdef Lookup lookup        # None: nothing is asked
    cdef slice_t* values
    cdef int asked            # how many of them the table asks for
    cdef int* places          # where they are among the values, in the table's order
    cdef int* wanted          # the same of the table's wanted keys
    cdef int sni_at, san_at, source_at    # what the connection says itself, and no frame: -1 where that is not asked for
    cdef bint headed          # the frame is the head that was just scanned
    cdef int timeout_at       # index of the call's own timeout among them, or -1
    cdef bint spelled         # it has a unit
    cdef dict young, old
    cdef uint8_t last[KEY_LIMIT]
    cdef Py_ssize_t last_size
    cdef int last_route
    cdef int fixed            # the answer of a table that asks for nothing
    cdef int decide(self, const uint8_t* frame, int64_t size, int64_t* timeout, bytes sni, bytes san, bytes source) except -3
    cdef uint64_t hash(self, const route_t* route) noexcept nogil
    cdef Py_ssize_t join(self, uint8_t* into) noexcept nogil
    cdef int recall(self, bytes key) except -3
    cdef int ask(self) except -3
    cdef int64_t own_timeout(self) noexcept nogil


cdef int64_t spelled_timeout(const slice_t* text) noexcept nogil
