from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.http1 cimport Wrong, head_t

# A head's first line; `stop` is where its CRLF stands. Where it is wrong, `at` is the offset.
cdef Wrong read_request_line(const uint8_t* data, int64_t stop, head_t* head, int64_t* at) noexcept nogil
cdef Wrong read_status_line(const uint8_t* data, int64_t stop, head_t* head, int64_t* at) noexcept nogil
cdef bint is_authority(const uint8_t* data, int64_t size) noexcept nogil
