from xproto.kernel.room cimport room_t
from xproto.kernel.run cimport span_t

# A string of these texts, with a comma between each two. An EditOutcome.
cdef int put_hessian_text(room_t* into, const span_t* texts, int count) noexcept nogil
