from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.core cimport Core
from xproto.kernel.codec cimport Codec
from xproto.kernel.editor cimport Editor
from xproto.kernel.frame cimport Direction, frame_t
from xproto.kernel.lookup cimport Lookup, slice_t
from xproto.kernel.room cimport room_t


cdef enum PartKind:
    TEXT, KEY, CLIENT, CLUSTER, HOST, START

cdef enum:
    HEADER = -1               # in place of a role

cdef struct part_t:           # of a value
    int kind
    int index                 # KEY: among the values that were looked up
    const uint8_t* data       # TEXT
    int64_t size

cdef struct item_t:           # one edit
    int role                  # a Role, or HEADER
    int op                    # of headers: an EditOp
    const uint8_t* name
    int64_t name_size
    int first                 # its value's parts
    int count
    const uint8_t* prefix     # of a path: only where it begins so, and only that; NULL: all of it
    int64_t prefix_size
    int pattern               # of a path: the place of its regex; -1: none
    int path                  # where the path is among the values that were looked up


cdef class Side:
    """The edits of one direction, compiled."""
    cdef item_t* items
    cdef part_t* parts
    cdef int count
    cdef int headers          # how many of them are of headers: the last ones
    cdef readonly bint clients            # a value says who the client is
    cdef readonly bint clusters           # or which cluster the call goes to
    cdef list keep
    cdef list patterns        # (regex, substitution)
    cdef const uint8_t* lend(self, bytes text)
    cdef int part(self, part_t* into, piece, list keys) except -1
    cdef int role(self, item_t* into, rewrite, list keys) except -1


cdef class Plan:
    """A route's edits for one protocol."""
    cdef Codec codec
    cdef Editor editor
    cdef readonly Side request
    cdef readonly Side answer
    cdef Lookup lookup        # None: nothing of the request is asked for
    cdef slice_t* values
    cdef int kept             # how many of these the answer's edits want: the first ones
    cdef uint64_t* skipped    # counter
    cdef uint64_t* refused    # counter
    cdef room_t texts         # values that were put together
    cdef bint restores        # a method that was rewritten is what the caller knows again, in the answer
    cdef bint idle(self) noexcept
    cdef bint keep(self, call_t* call) noexcept
    cdef void recall(self, const call_t* call) noexcept
    cdef bint look(self, Core core, const uint8_t* frame, int64_t size) noexcept
    # What goes on in place of `data`; NULL: it cannot be edited. `before` and `after`: of whole frames, NULL of heads.
    cdef const uint8_t* apply(self, Core core, Side side, Direction direction, const call_t* call, bytes client, bytes cluster,
                              const uint8_t* data, int64_t size, const frame_t* before, frame_t* after, int64_t* edited) except? NULL
    cdef int rewrite_all(self, Core core, Side side, const call_t* call, bytes client, bytes cluster) except -1
    cdef int edit_all(self, Core core, Side side, const call_t* call, bytes client, bytes cluster) except -1
    cdef int substitute(self, Side side, const item_t* item) except -1
    cdef bint write(self, Core core, Side side, const item_t* item, const call_t* call, bytes client, bytes cluster) except -1
