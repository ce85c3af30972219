from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport Attendant
from proxy.datapath.core cimport Core
from proxy.datapath.filters cimport Filters, Steps
from proxy.datapath.route cimport route_t
from proxy.datapath.table cimport Table
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef class Answer:
    """An answer, as filters see it."""
    cdef View call
    cdef const uint8_t* frame     # NULL: it is over
    cdef int64_t size
    cdef bytes edited             # where it lies then, unless it has waited since
    cdef bint changed             # it is another one than came
    cdef frame_t scanned
    cdef int64_t asked            # what its request said, for the scan
    cdef bint rescan(self, const uint8_t* frame, int64_t size, frame_t* at) noexcept


cdef class View(Attendant):
    """A call, as filters see it."""
    cdef Core core
    cdef Caller caller            # None: it is over
    cdef Codec codec
    cdef Filters filters
    cdef Steps steps
    cdef int phase
    cdef const uint8_t* frame     # NULL: not to be had any more
    cdef int64_t size
    cdef frame_t scanned
    cdef void* head               # what the scan of this very frame said; NULL: it has to be read again
    cdef bytes edited             # where the frame is another one than came
    cdef buf_t kept               # and where it lies while the call waits
    cdef buf_t content             # of a message, where its filters want it before it goes on: without the framing of its chunks
    cdef buf_t trailers           # behind its chunks
    cdef bint whole               # that is all of it
    cdef buf_t held               # behind the route: the request as it is to go, or the answer, while the call waits
    cdef dict seen                # texts by key
    cdef dict marks               # metadata
    cdef bint oneway
    cdef Answer answer
    cdef Table table              # None: it has no route yet
    cdef int route_index
    cdef route_t* route           # that the call takes: the table's, or the one that its action chose; NULL: none yet
    cdef str cluster_name         # None: its route's action sends it to none
    cdef str host_name
    cdef int outcome
    cdef int64_t start, took
    cdef bytes look(self, str key)
    cdef bytes own_value(self, str key)
    cdef int remember(self) except -1
    cdef bint rescan(self) noexcept
