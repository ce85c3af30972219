"""Messages of HTTP/2 as the text of HTTP/1.1; `http2_blocks` is the way back: inside the proxy a message has one form.

Source of the format: RFC 9113 section 8. What makes a message malformed there is refused here, before there is any text:
names that are not in small letters, values with line ends or spaces around them, pseudo-fields that are missing, doubled or
late, fields of one hop, a Host that contradicts the authority. So no byte of a field can be taken for another line, and
what is read of the text is what was in the fields. Data of an unknown length gets chunks, and trailers go behind them.

What always holds: no more than TEXT_ROOM bytes are written, since a header list has MAX_LIST bytes at most; a cookie that
came in crumbs is one field again.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack cimport header_t, headers_t
from xproto.kernel.http1 cimport (
    BODY_CHUNKED, BODY_COUNTED, BODY_NONE, FIELD_CONNECTION, FIELD_CONTENT_LENGTH, FIELD_CONTENT_TYPE, FIELD_HOST,
    FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_TE, FIELD_TRAILER, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE,
)
from xproto.kernel.http1_text cimport TOKEN, is_text, name_of, same
from xproto.kernel.http2_fields cimport (
    GRPC, GRPC_SIZE, WEB_NONE, WEB_TEXT, all_are, find_pseudo, is_good, is_media, length_in, pseudo_t, put, says,
)


cdef inline uint8_t* put_field(uint8_t* into, const uint8_t* text, const header_t* field) noexcept nogil:
    into = put(into, text + field.name_at, field.name_size)
    into = put(into, b": ", 2)
    into = put(into, text + field.value_at, field.value_size)
    return put(into, b"\r\n", 2)


cdef uint8_t* put_cookie(uint8_t* into, const headers_t* headers, int first) noexcept nogil:
    """The crumbs of one cookie. NULL: too many."""
    cdef const header_t* field
    cdef int i, crumbs = 0
    into = put(into, b"cookie: ", 8)
    for i in range(first, headers.count):
        field = &headers.fields[i]
        if not says(headers.text + field.name_at, field.name_size, b"cookie", 6):
            continue
        crumbs += 1
        if crumbs > MAX_CRUMBS:
            return NULL
        if crumbs > 1:
            into = put(into, b"; ", 2)
        into = put(into, headers.text + field.value_at, field.value_size)
    return put(into, b"\r\n", 2)


cdef uint8_t* put_web(uint8_t* into, const uint8_t* value, uint32_t size, int web) noexcept nogil:
    """gRPC's content type as that of a form of gRPC-Web."""
    into = put(into, b"content-type: application/grpc-web", 34)
    if web == WEB_TEXT:
        into = put(into, b"-text", 5)
    return put(put(into, value + GRPC_SIZE, size - GRPC_SIZE), b"\r\n", 2)


cdef uint8_t* put_fields(uint8_t* at, const headers_t* headers, const pseudo_t* pseudo, int web, message_t* out, bint* trailed) noexcept nogil:
    """All but pseudo-fields. NULL: malformed. content-length is kept for later."""
    cdef const uint8_t* text = headers.text
    cdef const header_t* field
    cdef const uint8_t* value
    cdef bint crumbled = False
    out.crumbs = False
    cdef int64_t length
    cdef int i, name
    out.length = -1
    out.web = False
    out.media, out.media_size = NULL, 0
    for i in range(pseudo.count, headers.count):
        field = &headers.fields[i]
        value = text + field.value_at
        if not is_good(text, field):
            return NULL
        name = name_of(text + field.name_at, field.name_size)
        if name in (FIELD_CONNECTION, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE):
            return NULL
        if name == FIELD_TE:
            if not is_text(value, field.value_size, b"trailers", 8):
                return NULL
            continue
        if name == FIELD_CONTENT_LENGTH:
            length = length_in(value, field.value_size)
            if length < 0 or out.length >= 0 and length != out.length:
                return NULL
            out.length = length
            continue
        if name == FIELD_HOST:
            if pseudo.status != NULL:
                continue
            if pseudo.authority != NULL and pseudo.authority.value_size:
                if field.value_size != pseudo.authority.value_size or not same(
                        value, text + pseudo.authority.value_at, field.value_size):
                    return NULL
                continue
        if field.name_size == 6 and says(text + field.name_at, 6, b"cookie", 6) and pseudo.status == NULL:
            if not crumbled:
                at = put_cookie(at, headers, i)
                if at == NULL:
                    out.crumbs = True
                    return NULL
            crumbled = True
            continue
        if name == FIELD_TRAILER:
            trailed[0] = True
        elif out.media == NULL and name == FIELD_CONTENT_TYPE:
            out.media, out.media_size = value, field.value_size
            if is_media(value, field.value_size, GRPC, GRPC_SIZE):
                trailed[0] = True
                if web != WEB_NONE:
                    out.web = True
                    at = put_web(at, value, field.value_size, web)
                    continue
        at = put_field(at, text, field)
    return at


cdef uint8_t* put_length(uint8_t* into, int64_t length) noexcept nogil:
    cdef uint8_t[20] digits
    cdef int n = 0
    while True:
        digits[n] = <uint8_t>(c'0' + length % 10)
        n += 1
        length //= 10
        if length == 0:
            break
    into = put(into, b"content-length: ", 16)
    while n:
        n -= 1
        into[0] = digits[n]
        into += 1
    return put(into, b"\r\n", 2)


cdef uint8_t* put_framing(uint8_t* at, bint ends, bint wants, bint trailed, message_t* out) noexcept nogil:
    """How long the body is. `wants`: a message of this kind says so even where there is none.

    A length is left out where trailers will follow, as gRPC's do: they only can behind chunks.
    """
    if ends:
        out.form = BODY_NONE
        if out.length == 0 or wants:
            at = put_length(at, 0)
    elif out.length >= 0 and not trailed:
        out.form = BODY_COUNTED
        at = put_length(at, out.length)
    else:
        out.form = BODY_CHUNKED
        at = put(at, b"transfer-encoding: chunked\r\n", 28)
    return put(at, b"\r\n", 2)


cdef int64_t request_text(const headers_t* headers, bint ends, uint8_t* into, message_t* out) noexcept nogil:
    cdef const uint8_t* text = headers.text
    cdef const uint8_t* method
    cdef const header_t* target
    cdef pseudo_t pseudo
    cdef uint32_t size
    cdef bint trailed = False, connects
    cdef uint8_t* at = into
    if not find_pseudo(headers, &pseudo) or pseudo.status != NULL or pseudo.method == NULL or pseudo.method.value_size == 0:
        return -1
    method, size = text + pseudo.method.value_at, pseudo.method.value_size
    connects = says(method, size, b"CONNECT", 7)
    out.head, out.status = says(method, size, b"HEAD", 4), 0
    target = pseudo.authority if connects else pseudo.path
    if target == NULL or target.value_size == 0 or not all_are(method, size, TOKEN) or connects != (pseudo.scheme == NULL) or (
            connects and pseudo.path != NULL):
        return -1
    if not connects and text[target.value_at] != c'/' and not (
            says(method, size, b"OPTIONS", 7) and says(text + target.value_at, target.value_size, b"*", 1)):
        return -1
    at = put(put(at, method, size), b" ", 1)
    at = put(put(at, text + target.value_at, target.value_size), b" HTTP/1.1\r\n", 11)
    if pseudo.authority != NULL and pseudo.authority.value_size:
        at = put(put(at, b"host: ", 6), text + pseudo.authority.value_at, pseudo.authority.value_size)
        at = put(at, b"\r\n", 2)
    at = put_fields(at, headers, &pseudo, WEB_NONE, out, &trailed)
    if at == NULL or ends and out.length > 0:
        return TOO_MANY_CRUMBS if at == NULL and out.crumbs else MALFORMED
    at = put_framing(at, ends, says(method, size, b"POST", 4) or says(method, size, b"PUT", 3), trailed, out)
    return at - into


cdef int64_t response_text(const headers_t* headers, bint ends, bint to_head, int web, uint8_t* into, message_t* out) noexcept nogil:
    cdef const uint8_t* text = headers.text
    cdef pseudo_t pseudo
    cdef int64_t status
    cdef bint trailed = False, bodiless
    cdef uint8_t* at = into
    if not find_pseudo(headers, &pseudo) or pseudo.status == NULL or pseudo.count != 1 or pseudo.status.value_size != 3:
        return -1
    status = length_in(text + pseudo.status.value_at, 3)
    if not 100 <= status <= 599 or status == 101 or status < 200 and ends:
        return -1
    out.status, out.head = <int>status, to_head
    at = put(put(at, b"HTTP/1.1 ", 9), text + pseudo.status.value_at, 3)
    at = put(at, b" \r\n", 3)
    at = put_fields(at, headers, &pseudo, web, out, &trailed)
    if at == NULL:
        return -1
    bodiless = to_head or status < 200 or status == 204 or status == 304
    if bodiless:
        if out.length >= 0 and status >= 200 and status != 204:
            at = put_length(at, out.length)
        out.form = BODY_NONE
        return put(at, b"\r\n", 2) - into
    if ends and out.length > 0:
        return -1
    return put_framing(at, ends, True, trailed, out) - into


cdef uint8_t* put_trailers(uint8_t* into, const headers_t* headers) noexcept nogil:
    cdef const header_t* field
    cdef int i, name
    for i in range(headers.count):
        field = &headers.fields[i]
        if not is_good(headers.text, field):
            return NULL
        name = name_of(headers.text + field.name_at, field.name_size)
        if name in (FIELD_CONNECTION, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE, FIELD_TE):
            return NULL
        if name not in (FIELD_HOST, FIELD_CONTENT_LENGTH, FIELD_TRAILER):
            into = put_field(into, headers.text, field)
    return into


cdef int64_t trailers_text(const headers_t* headers, uint8_t* into) noexcept nogil:
    cdef uint8_t* at = put_trailers(put(into, b"0\r\n", 3), headers)
    return put(at, b"\r\n", 2) - into if at != NULL else -1


cdef uint8_t* put_line(uint8_t* into, int64_t size) noexcept nogil:
    cdef int shift = 60
    while shift and not size >> shift & 15:
        shift -= 4
    while shift >= 0:
        into[0] = b"0123456789abcdef"[size >> shift & 15]
        into += 1
        shift -= 4
    return put(into, b"\r\n", 2)
