# HTTP/1.1 heads as they go on to the next hop.
from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.http1 cimport head_t

cdef struct text_t:
    const uint8_t* data       # NULL: none
    int64_t size

cdef struct hop_t:            # what this hop adds and believes; all zero adds nothing and believes nobody
    text_t client             # for X-Forwarded-For
    text_t proto              # for X-Forwarded-Proto
    text_t certificate        # for X-Forwarded-Client-Cert: an element
    text_t via                # for Via: a name
    text_t request_id         # for X-Request-Id, where the request has none
    int64_t timeout           # milliseconds for grpc-timeout, in place of what the request has; 0: nothing is changed
    bint believes             # what the sender said in these fields is kept, and added to
    bint upgrades             # the connection may become another protocol's
    bint closes               # responses: our side of the client's connection ends behind this
    bint old                  # responses: to who speaks 1.0 and wants to go on
    bint plain                # responses: the body goes on without its chunks

# An upper bound of the head's size as it goes on, in bytes.
cdef int64_t forward_room(const head_t* head, const hop_t* hop) noexcept nogil
# Writes it; the bytes written.
cdef int64_t forward_request(uint8_t* into, const uint8_t* data, const head_t* head, const hop_t* hop) noexcept nogil
# What remains of its time, in milliseconds, in a request with a timeout that was written here before.
cdef void renew_timeout(uint8_t* text, int64_t size, int64_t milliseconds) noexcept nogil
cdef int64_t forward_response(uint8_t* into, const uint8_t* data, const head_t* head, const hop_t* hop) noexcept nogil
