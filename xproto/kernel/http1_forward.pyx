"""HTTP/1.1 heads as they go on: without what was for this hop alone, with what this hop says.

Source: RFC 9110 section 7.6 (fields of one hop, Via), RFC 9112 section 3.2 (a target with an authority becomes one
without, and that authority is the host), and the X-Forwarded fields as other proxies write them.

What always holds: Transfer-Encoding and Content-Length go on as they came, since the body does; a field that Connection
named does not, nor does Connection itself; of what an untrusted client says of itself nothing goes on.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy, memset, strlen

from xproto.kernel.http1_text cimport is_text
from xproto.kernel.http1 cimport (
    FIELD_CLIENT_CERT, FIELD_CONNECTION, FIELD_FORWARDED_FOR, FIELD_FORWARDED_PROTO, FIELD_HOST, FIELD_KEEP_ALIVE,
    FIELD_PROXY_CONNECTION, FIELD_REQUEST_ID, FIELD_TE, FIELD_TRAILER, FIELD_TRANSFER_ENCODING, FIELD_UPGRADE, FIELD_VIA, FINE,
    METHOD_CONNECT, METHOD_OPTIONS, field_t, head_end, head_t, read_head,
)

cdef enum:
    NAMES_ROOM = 512          # of all names, words and separators that are added
    SCHEME_LEAST = 7
    TIMEOUT_NAME = 14         # bytes
    TIMEOUT_DIGITS = 8        # what gRPC has, always all of them: so another value can take the place

cdef const uint8_t* TIMEOUT = b"grpc-timeout: "


cdef inline uint8_t* put(uint8_t* into, const void* data, int64_t size) noexcept nogil:
    if size:
        memcpy(into, data, <size_t>size)
    return into + size


cdef inline uint8_t* put_word(uint8_t* into, const char* word) noexcept nogil:
    return put(into, word, <int64_t>strlen(word))


cdef int64_t forward_room(const head_t* head, const hop_t* hop) noexcept nogil:
    # Each field grows by a space at most; a host is written once more where it stood in the target.
    return 2 * head.size + NAMES_ROOM + hop.client.size + hop.proto.size + hop.via.size + hop.request_id.size + hop.certificate.size


cdef bint stays_here(const field_t* field) noexcept nogil:
    return field.listed or field.name in (
        FIELD_CONNECTION, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_TE, FIELD_UPGRADE)


cdef uint8_t* put_field(uint8_t* into, const uint8_t* data, const field_t* field) noexcept nogil:
    into = put(into, data + field.name_at, field.name_size)
    into = put_word(into, b": ")
    into = put(into, data + field.value_at, field.value_size)
    return put_word(into, b"\r\n")


cdef uint8_t* put_list(uint8_t* into, const char* name, const uint8_t* data, const head_t* head, int which, bint keep,
                       const text_t* more) noexcept nogil:
    """One field for all of this name, and more behind it."""
    cdef bint some = False
    cdef int i
    if more.data == NULL and not keep:
        return into
    for i in range(head.count if keep else 0):
        if head.fields[i].name == which and not head.fields[i].listed and head.fields[i].value_size:
            into = put_word(put_word(into, name), b": ") if not some else put_word(into, b", ")
            into = put(into, data + head.fields[i].value_at, head.fields[i].value_size)
            some = True
    if more.data != NULL:
        into = put_word(put_word(into, name), b": ") if not some else put_word(into, b", ")
        if which == FIELD_VIA:
            into = put_word(into, b"1.1 ")
        into = put(into, more.data, more.size)
        some = True
    return put_word(into, b"\r\n") if some else into


cdef bint has(const head_t* head, int which) noexcept nogil:
    cdef int i
    for i in range(head.count):
        if head.fields[i].name == which and not head.fields[i].listed and head.fields[i].value_size:
            return True
    return False


cdef uint8_t* put_said(uint8_t* into, const char* name, const uint8_t* data, const head_t* head, int which, bint believes,
                       const text_t* ours) noexcept nogil:
    """What was said before us, if that is believed, else ours."""
    cdef int i
    if believes and has(head, which):
        for i in range(head.count):
            if head.fields[i].name == which and not head.fields[i].listed and head.fields[i].value_size:
                return put_field(into, data, &head.fields[i])
    if ours.data == NULL:
        return into
    return put_word(put(put_word(put_word(into, name), b": "), ours.data, ours.size), b"\r\n")


cdef void write_timeout(uint8_t* into, int64_t milliseconds) noexcept nogil:
    """TIMEOUT_DIGITS and a unit: the finest that holds it, rounded up."""
    cdef int64_t number = max(milliseconds, <int64_t>1)
    cdef int64_t most = 99_999_999
    cdef int i
    into[TIMEOUT_DIGITS] = c'm'
    if number > most:
        number, into[TIMEOUT_DIGITS] = (number + 999) // 1000, c'S'
    if number > most:
        number, into[TIMEOUT_DIGITS] = (number + 3599) // 3600, c'H'
    number = min(number, most)
    for i in range(TIMEOUT_DIGITS):
        into[TIMEOUT_DIGITS - 1 - i] = <uint8_t>(c'0' + number % 10)
        number //= 10


cdef uint8_t* put_timeout(uint8_t* into, int64_t milliseconds) noexcept nogil:
    """The last field, so that it is found again."""
    into = put(into, TIMEOUT, TIMEOUT_NAME)
    write_timeout(into, milliseconds)
    return put_word(into + TIMEOUT_DIGITS + 1, b"\r\n")


cdef void renew_timeout(uint8_t* text, int64_t size, int64_t milliseconds) noexcept nogil:
    cdef int64_t seen = 0
    cdef int64_t at = head_end(text, size, &seen) - TIMEOUT_NAME - TIMEOUT_DIGITS - 5
    if at > 0 and text[at - 1] == c'\n' and memcmp(text + at, TIMEOUT, TIMEOUT_NAME) == 0:
        write_timeout(text + at + TIMEOUT_NAME, milliseconds)


cdef uint8_t* put_upgrade(uint8_t* into, const uint8_t* data, const head_t* head) noexcept nogil:
    cdef int i
    for i in range(head.count):
        if head.fields[i].name == FIELD_UPGRADE:
            into = put_field(into, data, &head.fields[i])
    return put_word(into, b"Connection: upgrade\r\n")


cdef uint8_t* put_target(uint8_t* into, const uint8_t* data, const head_t* head, text_t* host) noexcept nogil:
    """The target without its authority, which is the host then."""
    cdef const uint8_t* target = data + head.target_at
    cdef const uint8_t* stop = target + head.target_size
    cdef const uint8_t* path
    if target[0] == c'/' or target[0] == c'*' or head.method == METHOD_CONNECT:
        return put(into, target, head.target_size)
    host.data = target + (SCHEME_LEAST if target[4] == c':' else SCHEME_LEAST + 1)
    path = host.data
    while path < stop and path[0] != c'/' and path[0] != c'?':
        path += 1
    host.size = path - host.data
    if path == stop:
        return put_word(into, b"*" if head.method == METHOD_OPTIONS else b"/")
    if path[0] == c'?':
        into = put_word(into, b"/")
    return put(into, path, stop - path)


cdef int64_t forward_request(uint8_t* into, const uint8_t* data, const head_t* head, const hop_t* hop) noexcept nogil:
    cdef uint8_t* at = put_word(put(into, data, head.method_size), b" ")
    cdef text_t host
    cdef int i
    cdef uint8_t name
    host.data, host.size = NULL, 0
    at = put_word(put_target(at, data, head, &host), b" HTTP/1.1\r\nHost: ")
    if host.data == NULL and head.host >= 0:
        host.data, host.size = data + head.fields[head.host].value_at, head.fields[head.host].value_size
    at = put_word(put(at, host.data, host.size), b"\r\n")
    for i in range(head.count):
        name = head.fields[i].name
        if stays_here(&head.fields[i]) or name in (
            FIELD_HOST, FIELD_FORWARDED_FOR, FIELD_FORWARDED_PROTO, FIELD_CLIENT_CERT, FIELD_REQUEST_ID, FIELD_VIA):
            continue
        if hop.timeout and is_text(data + head.fields[i].name_at, head.fields[i].name_size, b"grpc-timeout", 12):
            continue
        at = put_field(at, data, &head.fields[i])
    at = put_list(at, b"X-Forwarded-For", data, head, FIELD_FORWARDED_FOR, hop.believes, &hop.client)
    at = put_said(at, b"X-Forwarded-Proto", data, head, FIELD_FORWARDED_PROTO, hop.believes, &hop.proto)
    at = put_list(at, b"X-Forwarded-Client-Cert", data, head, FIELD_CLIENT_CERT, hop.believes, &hop.certificate)
    at = put_said(at, b"X-Request-Id", data, head, FIELD_REQUEST_ID, hop.believes, &hop.request_id)
    at = put_list(at, b"Via", data, head, FIELD_VIA, True, &hop.via)
    if hop.upgrades and head.upgrades:
        at = put_upgrade(at, data, head)
    if hop.timeout:
        at = put_timeout(at, hop.timeout)
    return put_word(at, b"\r\n") - into


cdef int64_t forward_response(uint8_t* into, const uint8_t* data, const head_t* head, const hop_t* hop) noexcept nogil:
    cdef uint8_t* at = put_word(into, b"HTTP/1.1 ")
    cdef int i
    at[0], at[1], at[2] = c'0' + head.status // 100, c'0' + head.status // 10 % 10, c'0' + head.status % 10
    at = put_word(at + 3, b" ")
    at = put_word(put(at, data + head.reason_at, head.reason_size), b"\r\n")
    for i in range(head.count):
        if hop.plain and head.fields[i].name in (FIELD_TRANSFER_ENCODING, FIELD_TRAILER):
            continue
        if not stays_here(&head.fields[i]) and head.fields[i].name != FIELD_VIA:
            at = put_field(at, data, &head.fields[i])
    at = put_list(at, b"Via", data, head, FIELD_VIA, True, &hop.via)
    if hop.upgrades and head.status == 101:
        at = put_upgrade(at, data, head)
    elif head.status >= 200 and hop.closes:
        at = put_word(at, b"Connection: close\r\n")
    elif head.status >= 200 and hop.old:
        at = put_word(at, b"Connection: keep-alive\r\n")
    return put_word(at, b"\r\n") - into


# -- for Python ---------------------------------------------------------------------------------------------------------

cdef void lend(text_t* into, bytes text):
    into.data, into.size = <const uint8_t*>text if text is not None else NULL, 0 if text is None else len(text)


def forwarded_bytes(bytes data, *, bint response=False, bytes client=None, bytes proto=None, bytes via=None,
                    bytes request_id=None, bytes certificate=None, bint believes=False, bint upgrades=False, bint closes=False, bint old=False,
                    int64_t timeout=0, int64_t renewed=0):
    """The head that `data` is, as it goes on; raises `ValueError` for one that is refused."""
    cdef head_t head
    cdef hop_t hop
    cdef int64_t seen = 0, wrong_at = 0, size
    cdef bytearray into
    memset(&hop, 0, sizeof(hop_t))
    lend(&hop.client, client)
    lend(&hop.proto, proto)
    lend(&hop.via, via)
    lend(&hop.request_id, request_id)
    lend(&hop.certificate, certificate)
    hop.believes, hop.upgrades, hop.closes, hop.old, hop.timeout = believes, upgrades, closes, old, timeout
    size = head_end(<const uint8_t*>data, len(data), &seen)
    if size <= 0 or read_head(<const uint8_t*>data, size, response, &head, &wrong_at) != FINE:
        raise ValueError("no head that is accepted")
    into = bytearray(forward_room(&head, &hop))
    if response:
        size = forward_response(into, <const uint8_t*>data, &head, &hop)
    else:
        size = forward_request(into, <const uint8_t*>data, &head, &hop)
    if size > len(into):
        raise AssertionError(f"{size} bytes, and room for {len(into)}")
    if renewed:
        renew_timeout(into, size, renewed)
    return bytes(into[:size])
