from libc.stdint cimport uint8_t

from xproto.kernel.http1 cimport head_t
from xproto.kernel.run cimport cursor_t, key_t, span_t

# What a request's head has for each key goes into its slot. False: fields of one name do not fit into the scratch space.
cdef bint find_keys(cursor_t* c, const head_t* head, const key_t* keys, int nkeys) noexcept nogil
# The host that a request is for, without its port, as it is written; NULL: none.
cdef void host_of(const uint8_t* frame, const head_t* head, span_t* host) noexcept nogil
