from xproto.kernel.http1 cimport head_t
from xproto.kernel.run cimport cursor_t, key_t

# What a request's head has for each key goes into its slot. False: fields of one name do not fit into the scratch space.
cdef bint find_keys(cursor_t* c, const head_t* head, const key_t* keys, int nkeys) noexcept nogil
