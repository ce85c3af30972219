from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.region cimport Region
from xproto.kernel.room cimport room_t
from xproto.kernel.run cimport span_t

cdef class Spot:
    """One place where a role is written: a header (`key`), or a field."""
    cdef Region region        # None: a header
    cdef bytes key
    cdef int part             # HeadPart, where that is not a header; -1
    cdef int code             # of the op that reads the field; 0: plain bytes
    cdef int tag
    cdef bytes delimiter
    cdef int64_t most
    cdef bint parted          # only what is before the first `separator` counts, or `behind` it
    cdef bint behind
    cdef uint8_t separator
    cdef tuple unless         # values that do not count
    # The text of the field from `start` to `end`. This and those below give an EditOutcome.
    cdef int read(self, const uint8_t* data, int64_t start, int64_t end, uint8_t* scratch, int64_t room, span_t* text) noexcept
    # Does this text say the role, as lookups have it?
    cdef bint counts(self, const span_t* text) noexcept
    # The whole text with another value of the role.
    cdef int compose(self, const span_t* text, const uint8_t* value, int64_t size, room_t* into) noexcept
    # It in the form of the field, which is from `start` to `end`.
    cdef int encode(self, const room_t* composed, const uint8_t* data, int64_t start, int64_t end, room_t* into) noexcept
