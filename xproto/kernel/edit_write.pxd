from libc.stdint cimport int64_t

from xproto.kernel.edit_pairs cimport block_t
from xproto.kernel.room cimport room_t
from xproto.kernel.run cimport span_t

# A name (or a `value`) in the block's form, of these texts with a comma between each two. All of these give an EditOutcome.
cdef int put_text(const block_t* kind, room_t* into, const span_t* texts, int count, bint value) noexcept nogil
# Fields of jce; the integer is from zero.
cdef int put_jce_text(room_t* into, int tag, const span_t* texts, int count) noexcept nogil
cdef int put_jce_integer(room_t* into, int tag, int64_t number) noexcept nogil
cdef int put_jce_head(room_t* into, int tag, int type) noexcept nogil
