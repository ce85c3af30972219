from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.http1 cimport head_t
from xproto.kernel.lookup cimport Finder, slice_t

cdef class HttpKeys(Finder):
    # Of a request's head, which the frame begins with.
    cdef int* kinds           # of each key
    cdef int64_t* sizes       # of the names
    cdef const uint8_t** names
    cdef object _keep
    cdef void split(self, const uint8_t* frame, const head_t* head, slice_t* path, slice_t* query, slice_t* host) noexcept nogil
    # False: several fields of that name, which do not fit into the scratch space.
    cdef bint take_fields(self, const uint8_t* frame, const head_t* head, int key, slice_t* out, uint8_t** scratch,
                          int64_t* left) noexcept nogil
