"""The text of HTTP/1.1 as header blocks of HTTP/2: the way back of `http2_text`.

Source of the format: RFC 9113 section 8. The text was read by `http1` before, which refuses what could be taken in two ways.

What always holds: fields of one hop do not go on; secrets never enter a table.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr

from xproto.kernel.grpc_web cimport web_media
from xproto.kernel.hpack cimport INDEX, LITERAL, NEVER, Encoder
from xproto.kernel.http1 cimport (
    FIELD_ACCEPT, FIELD_CONNECTION, FIELD_CONTENT_LENGTH, FIELD_CONTENT_TYPE, FIELD_HOST, FIELD_KEEP_ALIVE,
    FIELD_PROXY_AUTHORIZATION, FIELD_PROXY_CONNECTION, FIELD_TE, FIELD_TRAILER, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE, head_t,
)
from xproto.kernel.http1_text cimport is_text, name_of
from xproto.kernel.http2_fields cimport GRPC, GRPC_SIZE, is_media, put

cdef enum:
    LONGEST_MEDIA = 256       # bytes; a suffix that makes it longer does not go on


cdef inline int manner(const uint8_t* name, int64_t size, int known) noexcept nogil:
    """Whether a field may enter the table: secrets are never indexed, and values that are new each time are of no use."""
    if known == FIELD_PROXY_AUTHORIZATION or is_text(name, size, b"authorization", 13) or is_text(name, size, b"cookie", 6) or (
            is_text(name, size, b"set-cookie", 10)):
        return NEVER
    if known == FIELD_CONTENT_LENGTH or is_text(name, size, b"grpc-timeout", 12):
        return LITERAL
    return INDEX


cdef bint is_grpc(const uint8_t* text, const head_t* head) noexcept nogil:
    return head.media >= 0 and is_media(
        text + head.fields[head.media].value_at, head.fields[head.media].value_size, GRPC, GRPC_SIZE)


cdef uint8_t* put_media(Encoder encoder, uint8_t* into, const uint8_t* value, int64_t size) noexcept nogil:
    """The content type of gRPC-Web as gRPC's, with the same suffix."""
    cdef uint8_t[LONGEST_MEDIA] media
    cdef int64_t at = 0, rest
    web_media(value, size, &at)
    rest = size - at if size - at <= LONGEST_MEDIA - GRPC_SIZE else 0
    put(put(media, GRPC, GRPC_SIZE), value + at, rest)
    return encoder.field(into, <const uint8_t*>b"content-type", 12, media, GRPC_SIZE + rest, INDEX)


cdef uint8_t* put_block(Encoder encoder, uint8_t* into, const uint8_t* text, const head_t* head, bint grpc, bint web) noexcept nogil:
    cdef const uint8_t* name
    cdef const uint8_t* value
    cdef int i, known
    for i in range(head.count):
        known = head.fields[i].name
        if head.fields[i].listed or known in (FIELD_CONNECTION, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_TRANSFER_ENCODING,
                                              FIELD_UPGRADE, FIELD_HOST, FIELD_TE):
            continue
        name, value = text + head.fields[i].name_at, text + head.fields[i].value_at
        if known == FIELD_CONTENT_LENGTH and grpc:
            continue                         # it is the end of the stream that says it
        if web and known in (FIELD_CONTENT_TYPE, FIELD_ACCEPT):
            if i == head.media:
                into = put_media(encoder, into, value, head.fields[i].value_size)
            continue                         # what the answer is to look like is said to us
        into = encoder.field(into, name, head.fields[i].name_size, value, head.fields[i].value_size,
                             manner(name, head.fields[i].name_size, known))
    return into


cdef int64_t request_block(Encoder encoder, uint8_t* into, const uint8_t* text, const head_t* head, bint secure, bint web) noexcept nogil:
    cdef uint8_t* at = encoder.begin(into)
    cdef bint grpc = web or is_grpc(text, head)
    at = encoder.field(at, <const uint8_t*>b":method", 7, text, head.method_size, INDEX)
    at = encoder.field(at, <const uint8_t*>b":scheme", 7, <const uint8_t*>b"https", 5 if secure else 4, INDEX)
    if head.host >= 0 and head.fields[head.host].value_size:
        at = encoder.field(at, <const uint8_t*>b":authority", 10, text + head.fields[head.host].value_at,
                           head.fields[head.host].value_size, INDEX)
    at = encoder.field(at, <const uint8_t*>b":path", 5, text + head.target_at, head.target_size, INDEX)
    at = put_block(encoder, at, text, head, grpc, web)
    if grpc:
        at = encoder.field(at, <const uint8_t*>b"te", 2, <const uint8_t*>b"trailers", 8, INDEX)
    return at - into


cdef int64_t response_block(Encoder encoder, uint8_t* into, const uint8_t* text, const head_t* head) noexcept nogil:
    cdef uint8_t* at = encoder.begin(into)
    cdef uint8_t[3] status
    status[0], status[1], status[2] = <uint8_t>(c'0' + head.status // 100), <uint8_t>(c'0' + head.status // 10 % 10), <uint8_t>(c'0' + head.status % 10)
    at = encoder.field(at, <const uint8_t*>b":status", 7, status, 3, INDEX)
    return put_block(encoder, at, text, head, is_grpc(text, head), False) - into


cdef int64_t trailers_block(Encoder encoder, uint8_t* into, const uint8_t* text, int64_t size) noexcept nogil:
    cdef const uint8_t* line = text
    cdef const uint8_t* end = text + size
    cdef const uint8_t* colon
    cdef const uint8_t* value
    cdef const uint8_t* stop
    cdef const uint8_t* last
    cdef uint8_t* at = into
    cdef int known
    while line < end:
        stop = <const uint8_t*>memchr(line, c'\r', <size_t>(end - line))
        colon = <const uint8_t*>memchr(line, c':', <size_t>((stop if stop != NULL else end) - line))
        if stop == NULL or colon == NULL:
            break
        value = colon + 1
        last = stop
        while value < last and value[0] in (c' ', c'\t'):
            value += 1
        while value < last and (last - 1)[0] in (c' ', c'\t'):
            last -= 1
        known = name_of(line, <uint32_t>(colon - line))
        if known not in (FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_TE, FIELD_TRAILER):     # the others were refused
            if at == into:
                at = encoder.begin(into)
            at = encoder.field(at, line, colon - line, value, last - value, manner(line, colon - line, known))
        line = stop + 2
    return at - into
