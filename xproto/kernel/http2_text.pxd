# Messages of HTTP/2 as the text of HTTP/1.1.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack cimport headers_t
from xproto.kernel.http1 cimport BodyForm

cdef enum:
    TEXT_ROOM = 160 * 1024        # bytes: the longest head as text
    MAX_CRUMBS = 200              # fields of one request's cookie

cdef struct message_t:            # what a head said that was written as text
    BodyForm form                 # of the body as text
    int64_t length                # what content-length said; -1: nothing
    int status                    # of an answer
    bint head                     # a request whose answer has no body
    bint crumbs                   # its cookie has too many
    const uint8_t* media          # its content type, among the headers that it was read from; NULL: it has none
    uint32_t media_size
    bint web                      # an answer of gRPC as one of gRPC-Web

cdef enum:
    MALFORMED = -1
    TOO_MANY_CRUMBS = -2

# The text, into TEXT_ROOM bytes; its size, or one of the above. `ends`: nothing follows the head.
cdef int64_t request_text(const headers_t* headers, bint ends, uint8_t* into, message_t* out) noexcept nogil
# `web`: the form of gRPC-Web that an answer of gRPC becomes, as its content type says then; 0: it stays what it is.
cdef int64_t response_text(const headers_t* headers, bint ends, bint to_head, int web, uint8_t* into, message_t* out) noexcept nogil
# Trailers, as they end a chunked body: the last chunk and what is behind it.
cdef int64_t trailers_text(const headers_t* headers, uint8_t* into) noexcept nogil
# Their lines alone. NULL: malformed.
cdef uint8_t* put_trailers(uint8_t* into, const headers_t* headers) noexcept nogil
# The first line of a chunk of so many bytes.
cdef uint8_t* put_line(uint8_t* into, int64_t size) noexcept nogil
