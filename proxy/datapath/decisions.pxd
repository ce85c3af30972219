from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.core cimport Core
from proxy.datapath.route cimport route_t
from proxy.datapath.table cimport Table
from xproto.kernel.codec cimport Codec
from xproto.kernel.lookup cimport Lookup, slice_t

cdef enum:
    KEY_LIMIT = 512           # bytes; longer values are decided each time, so that the cache stays small
    ENTRIES = 2048            # in each of the cache's two generations

cdef enum:
    NOBODY = -1
    UNREADABLE = -2


cdef inline void lend(slice_t* into, bytes text) noexcept:
    """The slice points into the text, which somebody else holds; None: it is absent."""
    into.data, into.size = NULL, 0
    if text is not None:
        into.data, into.size = <const uint8_t*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)


cdef class Decisions:
    cdef Core core
    cdef Table table
    cdef Lookup lookup        # None: nothing is asked
    cdef Lookup wide          # finds what filters look at as well; None: they find it themselves
    cdef int* shared          # where that is among the values, in the filters' order
    cdef const uint8_t* found # the frame whose values are there already; NULL: none is
    cdef slice_t* values
    cdef int asked            # how many of them the table asks for
    cdef int* places          # where they are among the values, in the table's order
    cdef int sni_at, san_at, source_at    # what the connection says itself, and no frame: -1 where that is not asked for
    cdef bytes protocol       # what the frames are of, for routes that ask
    cdef tuple marks          # where metadata is among the values, and its names
    cdef dict metadata        # of the call that is decided; None: it has none
    cdef list lent            # what the values of metadata point into
    cdef int* wanted          # the same of the table's wanted keys
    cdef Lookup target        # what a redirect says again of its request; None: there is none
    cdef bint headed          # the frame is the head that was just scanned
    cdef int timeout_at       # index of the call's own timeout among them, or -1
    cdef bint spelled         # it has a unit
    cdef dict young, old
    cdef uint8_t last[KEY_LIMIT]
    cdef Py_ssize_t last_size
    cdef int last_route
    cdef int fixed            # the answer of a table that asks for nothing
    cdef int decide(self, const uint8_t* frame, int64_t size, int64_t* timeout, bytes sni, bytes san, bytes source) except -3
    cdef bint look(self, const uint8_t* frame, int64_t size) noexcept
    cdef route_t* chosen(self, route_t* route) except? NULL
    cdef uint64_t hash(self, const route_t* route) noexcept nogil
    cdef Py_ssize_t join(self, uint8_t* into) noexcept nogil
    cdef int lend_metadata(self) except -1
    cdef int recall(self, bytes key) except -3
    cdef int ask(self) except -3
    cdef int64_t own_timeout(self) noexcept nogil


cdef int64_t spelled_timeout(const slice_t* text) noexcept nogil
cdef bytes bytes_of(str text)
