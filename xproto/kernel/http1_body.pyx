"""The bodies of HTTP/1.1 messages, as they go by in pieces of any size.

What always holds: nothing is kept of a body but how far it was passed; no byte behind it is taken for one of it.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from xproto.kernel.http1 cimport BODY_CHUNKED, BODY_COUNTED, BODY_NONE
from xproto.kernel.http1_chunked cimport CHUNK_DATA, CHUNK_DONE, CHUNK_TRAILER, pass_chunked
from xproto.kernel.http1_facts cimport form_of


cdef void begin_body(body_t* body, int64_t facts, int64_t length) noexcept nogil:
    memset(body, 0, sizeof(body_t))
    body.form = form_of(facts)
    if body.form == BODY_COUNTED:
        body.left = <uint64_t>length


cdef int64_t pass_body(body_t* body, const uint8_t* data, int64_t size) noexcept nogil:
    cdef int64_t some
    if body.form == BODY_COUNTED:
        some = size if <uint64_t>size < body.left else <int64_t>body.left
        body.left -= <uint64_t>some
        return some
    if body.form == BODY_CHUNKED:
        return pass_chunked(&body.chunks, data, size)
    return 0 if body.form == BODY_NONE else size


cdef bint is_whole(const body_t* body) noexcept nogil:
    if body.form == BODY_COUNTED:
        return body.left == 0
    if body.form == BODY_CHUNKED:
        return body.chunks.state == CHUNK_DONE
    return body.form == BODY_NONE


cdef inline Part part_of(int state) noexcept nogil:
    return PART_DATA if state == CHUNK_DATA else PART_FRAMING if state < CHUNK_TRAILER else PART_TRAILERS


cdef int64_t pass_part(body_t* body, const uint8_t* data, int64_t size, Part* what) noexcept nogil:
    cdef int64_t at = 0, some
    if body.form != BODY_CHUNKED:
        what[0] = PART_DATA
        return pass_body(body, data, size)
    what[0] = part_of(body.chunks.state)
    if what[0] == PART_DATA:
        some = size if <uint64_t>size < body.chunks.left else <int64_t>body.chunks.left
        return pass_chunked(&body.chunks, data, some)
    while at < size and body.chunks.state != CHUNK_DONE and part_of(body.chunks.state) == what[0]:
        if pass_chunked(&body.chunks, data + at, 1) < 0:
            return -1
        at += 1
    return at


cdef int64_t take_apart(body_t* body, const uint8_t* data, int64_t size, uint8_t* into, int64_t* taken) noexcept nogil:
    cdef int64_t at = 0, some
    taken[0] = 0
    while at < size and body.chunks.state != CHUNK_DONE:
        if body.chunks.state == CHUNK_DATA:
            some = size - at if <uint64_t>(size - at) < body.chunks.left else <int64_t>body.chunks.left
            memcpy(into + taken[0], data + at, <size_t>some)
            taken[0] += some
        else:
            some = 1
        if pass_chunked(&body.chunks, data + at, some) < 0:
            return -1
        at += some
    return at


# -- for Python ---------------------------------------------------------------------------------------------------------

def parts_of(pieces, int64_t counted=-1):
    """The data and the trailers of a body that comes in these pieces, and whether it is whole; None: malformed.

    counted: its length; below 0: it is chunked.
    """
    cdef body_t body
    cdef bytes piece
    cdef int64_t at, some
    cdef Part what = PART_FRAMING
    memset(&body, 0, sizeof(body_t))
    body.form = BODY_COUNTED if counted >= 0 else BODY_CHUNKED
    body.left = <uint64_t>max(counted, <int64_t>0)
    found = {PART_FRAMING: b"", PART_DATA: b"", PART_TRAILERS: b""}
    for piece in pieces:
        at = 0
        while at < len(piece) and not is_whole(&body):
            some = pass_part(&body, <const uint8_t*>piece + at, len(piece) - at, &what)
            if some < 0:
                return None
            found[what] += piece[at:at + some]
            at += some
    return found[PART_DATA], found[PART_TRAILERS], is_whole(&body)


def plain_bytes(pieces):
    """What the chunks of a chunked body hold that comes in these pieces, and whether it is whole; None: malformed."""
    cdef body_t body
    cdef bytes piece
    cdef bytearray into, found = bytearray()
    cdef int64_t taken = 0
    memset(&body, 0, sizeof(body_t))
    body.form = BODY_CHUNKED
    for piece in pieces:
        into = bytearray(len(piece))
        if take_apart(&body, <const uint8_t*>piece, len(piece), into, &taken) < 0:
            return None
        found += into[:taken]
        if is_whole(&body):
            break
    return bytes(found), is_whole(&body)
