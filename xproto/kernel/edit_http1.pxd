from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.edits cimport edit_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.room cimport room_t
from xproto.kernel.run cimport span_t

cdef enum HeadPart:
    PART_PATH, PART_HOST, PART_SERVICE, PART_METHOD

# Both write the whole head again into an empty room; `head` is what was read of it, and is read again of the new one.
# An EditOutcome.
cdef int edit_head(const uint8_t* data, head_t* head, bint response, const edit_t* edits, int count, room_t* into) noexcept nogil
cdef int rewrite_head(const uint8_t* data, head_t* head, int part, const uint8_t* value, int64_t size, room_t* into) noexcept nogil
# Whether a head has a field of this name, in whatever case.
cdef bint has_field(const uint8_t* data, const head_t* head, const span_t* name) noexcept nogil
# Whether a path has the two parts that gRPC's has.
cdef bint is_call(const uint8_t* data, const head_t* head) noexcept nogil
