# gRPC-Web: the forms of its messages, base64 in pieces, and the frame at the end of an answer.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack cimport headers_t
from xproto.kernel.http1 cimport head_t

cdef enum:
    WEB_PIECE = 48 * 1024     # bytes of an answer that are one piece of it at most
    WEB_ROOM = 4 * (WEB_PIECE // 3) + 32      # what such a piece takes, with the lines around it

cdef struct base64_t:         # what is between two pieces; all zero at the beginning
    uint32_t bits             # of the group of four that is under way
    int count                 # its characters
    bint padded               # the last of them was a =

# A content type's form; `size_of` gets the bytes that stand for it, before a suffix or parameters.
cdef int web_media(const uint8_t* value, int64_t size, int64_t* size_of) noexcept nogil
# The form of a request's body, by its content type, and of the answer that it wants, which `accept` may say otherwise.
cdef int web_asked(const uint8_t* text, const head_t* head) noexcept nogil
cdef int web_wanted(const uint8_t* text, const head_t* head) noexcept nogil
# Bytes out of base64, at most `room`; -1: this is none. `used` gets how many characters are dealt with: all of them, unless
# there is no room for what they give.
cdef int64_t from_base64(base64_t* state, const uint8_t* data, int64_t size, int64_t* used, uint8_t* into, int64_t room) noexcept nogil
cdef int64_t to_base64(const uint8_t* data, int64_t size, uint8_t* into) noexcept nogil
# One chunk with these bytes of an answer, WEB_PIECE of them at most.
cdef int64_t web_chunk(int form, const uint8_t* data, int64_t size, uint8_t* into) noexcept nogil
# The last frame of an answer, as the last chunk with data, and the end of the body. NULL: the server said nothing. It needs
# TEXT_ROOM bytes. -1: malformed.
cdef int64_t web_end(int form, const headers_t* headers, uint8_t* into) noexcept nogil
