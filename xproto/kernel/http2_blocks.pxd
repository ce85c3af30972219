# The text of HTTP/1.1 as header blocks of HTTP/2.
from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.hpack cimport Encoder
from xproto.kernel.http1 cimport head_t

# Header blocks of text that was read into `head`; their size. `web`: a call of gRPC-Web becomes one of gRPC.
cdef int64_t request_block(Encoder encoder, uint8_t* into, const uint8_t* text, const head_t* head, bint secure, bint web) noexcept nogil
cdef int64_t response_block(Encoder encoder, uint8_t* into, const uint8_t* text, const head_t* head) noexcept nogil
# Of the lines between a last chunk and the empty line that ends them; 0: there is none.
cdef int64_t trailers_block(Encoder encoder, uint8_t* into, const uint8_t* text, int64_t size) noexcept nogil
