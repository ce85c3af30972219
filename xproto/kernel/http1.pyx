"""HTTP/1.1 heads and chunked bodies, read more strictly than most do: what two readers could take differently is refused.

Source: RFC 9110 and 9112. Stricter than they ask for: lines end in CRLF only, one space stands between the parts of a
first line, a length is said once, the only transfer encoding is ``chunked``, whitespace never stands before a colon, a
target has visible ASCII only, and no line is folded. Each of these was a way to smuggle a request past some proxy.

What always holds: no byte is read outside of what is there; a head is walked twice at most (once for its end, which goes
on where it stopped, and once when it is whole); nothing is allocated.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memset

from collections import namedtuple

cdef enum:
    TOKEN = 1
    VISIBLE = 2               # what a target may have
    VALUE = 4                 # what a field's value may have
    HEX = 8
    HOST = 16
    MAX_LENGTH_DIGITS = 18
    MAX_SIZE_DIGITS = 15
    MAX_EXTENSIONS = 1024     # bytes of one chunk's
    MAX_TRAILERS = 8192       # bytes

WORDS = (
    b"", b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"te", b"trailer",
    b"keep-alive", b"proxy-connection", b"via", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id",
    b"proxy-authenticate", b"proxy-authorization",
)

cdef uint8_t[256] CLASS
cdef const char *NAMES[17]
cdef int[17] SIZES


cdef void fill() noexcept:
    cdef int byte
    cdef bytes token = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    cdef bytes host = b"-._~%!$&'()*+,;=:[]0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for byte in range(256):
        CLASS[byte] = 0
        if byte in token:
            CLASS[byte] |= TOKEN
        if 0x21 <= byte <= 0x7E:
            CLASS[byte] |= VISIBLE
        if byte == 9 or 0x20 <= byte != 0x7F:
            CLASS[byte] |= VALUE
        if byte in b"0123456789abcdefABCDEF":
            CLASS[byte] |= HEX
        if byte in host:
            CLASS[byte] |= HOST
    for byte in range(<int>FIELD_NAMES):
        NAMES[byte], SIZES[byte] = <const char*><bytes>WORDS[byte], <int>len(WORDS[byte])


if len(WORDS) != FIELD_NAMES:
    raise ImportError("http1: a name for each field that means something")
fill()



cdef inline uint8_t lower(uint8_t byte) noexcept nogil:
    return byte | 0x20 if c'A' <= byte <= c'Z' else byte


cdef inline bint is_text(const uint8_t* data, int64_t size, const char* text, int64_t length) noexcept nogil:
    """The same but for the case; `text` is in small letters."""
    cdef int64_t i
    if size != length:
        return False
    for i in range(length):
        if lower(data[i]) != <uint8_t>text[i]:
            return False
    return True


cdef uint8_t name_of(const uint8_t* data, uint32_t size) noexcept nogil:
    cdef int i
    for i in range(1, <int>FIELD_NAMES):
        if SIZES[i] == <int>size and is_text(data, size, NAMES[i], size):
            return <uint8_t>i
    return FIELD_OTHER


cdef int64_t head_end(const uint8_t* data, int64_t size, int64_t* seen) noexcept nogil:
    cdef const uint8_t* found
    cdef int64_t at = seen[0]
    cdef int64_t most = min(size, <int64_t>MAX_HEAD)
    while at < most:
        found = <const uint8_t*>memchr(data + at, c'\n', <size_t>(most - at))
        if found == NULL:
            at = most
            break
        at = found - data
        if at == 0 or data[at - 1] != c'\r':
            return -1
        at += 1
        if at >= 4 and data[at - 3] == c'\n' and data[at - 4] == c'\r':
            return at
    seen[0] = at
    return -1 if size >= MAX_HEAD else 0


# -- the first line -----------------------------------------------------------------------------------------------------

cdef int method_of(const uint8_t* data, int64_t size) noexcept nogil:
    if size == 3:
        return METHOD_GET if memcmp(data, b"GET", 3) == 0 else METHOD_PUT if memcmp(data, b"PUT", 3) == 0 else METHOD_OTHER
    if size == 4:
        return METHOD_POST if memcmp(data, b"POST", 4) == 0 else METHOD_HEAD if memcmp(data, b"HEAD", 4) == 0 else METHOD_OTHER
    if size == 5:
        if memcmp(data, b"PATCH", 5) == 0:
            return METHOD_PATCH
        return METHOD_TRACE if memcmp(data, b"TRACE", 5) == 0 else METHOD_OTHER
    if size == 6:
        return METHOD_DELETE if memcmp(data, b"DELETE", 6) == 0 else METHOD_OTHER
    if size == 7:
        if memcmp(data, b"OPTIONS", 7) == 0:
            return METHOD_OPTIONS
        return METHOD_CONNECT if memcmp(data, b"CONNECT", 7) == 0 else METHOD_OTHER
    return METHOD_OTHER


cdef bint read_version(const uint8_t* data, int* minor) noexcept nogil:
    """Eight bytes."""
    if memcmp(data, b"HTTP/1.", 7) != 0 or data[7] != c'0' and data[7] != c'1':
        return False
    minor[0] = data[7] - c'0'
    return True


cdef Wrong read_request_line(const uint8_t* data, int64_t stop, head_t* head, int64_t* at) noexcept nogil:
    """`stop` is where the line's CRLF stands."""
    cdef int64_t i = 0
    while i < stop and CLASS[data[i]] & TOKEN:
        i += 1
    at[0] = i
    if i == 0 or i > MAX_METHOD or i >= stop or data[i] != c' ':
        return WRONG_METHOD
    head.method, head.method_size = method_of(data, i), <uint32_t>i
    i += 1
    head.target_at = <uint32_t>i
    while i < stop and CLASS[data[i]] & VISIBLE:
        i += 1
    at[0] = i
    head.target_size = <uint32_t>(i - head.target_at)
    if head.target_size == 0 or i >= stop or data[i] != c' ':
        return WRONG_TARGET
    if stop - i != 9 or not read_version(data + i + 1, &head.minor):
        return WRONG_VERSION
    return read_target(data + head.target_at, head.target_size, head.method)


cdef Wrong read_target(const uint8_t* data, int64_t size, int method) noexcept nogil:
    """A path, a whole URI, an authority (of CONNECT and nothing else), or the asterisk of OPTIONS. Without a fragment."""
    cdef int64_t start = 0
    if memchr(data, c'#', <size_t>size) != NULL:
        return WRONG_TARGET
    if method == METHOD_CONNECT:
        return FINE if is_authority(data, size) and memchr(data, c':', <size_t>size) != NULL else WRONG_TARGET
    if data[0] == c'*':
        return FINE if size == 1 and method == METHOD_OPTIONS else WRONG_TARGET
    if data[0] != c'/':
        if size > 7 and is_text(data, 7, b"http://", 7):
            start = 7
        elif size > 8 and is_text(data, 8, b"https://", 8):
            start = 8
        else:
            return WRONG_TARGET
        if authority_size(data + start, size - start) == 0:
            return WRONG_TARGET
        start += authority_size(data + start, size - start)
    return WRONG_TARGET if climbs(data + start, size - start) else FINE


cdef bint climbs(const uint8_t* path, int64_t size) noexcept nogil:
    """Has it a segment of one or two dots, however they are written? Readers resolve those differently, or not at all."""
    cdef int64_t i = 0
    cdef int dots
    while i < size and path[i] != c'?':
        i += 1                        # behind the slash
        dots = 0
        while i < size:
            if path[i] == c'.':
                i += 1
            elif i + 2 < size and path[i] == c'%' and path[i + 1] == c'2' and (path[i + 2] | 0x20) == c'e':
                i += 3
            else:
                break
            dots += 1
        if 1 <= dots <= 2 and (i == size or path[i] == c'/' or path[i] == c'?'):
            return True
        while i < size and path[i] != c'/' and path[i] != c'?':
            i += 1
    return False


cdef int64_t authority_size(const uint8_t* data, int64_t size) noexcept nogil:
    """Of what follows ``://``; 0: none, or one with what it may not have, such as a user's name."""
    cdef int64_t i = 0
    while i < size and data[i] != c'/' and data[i] != c'?':
        i += 1
    return i if is_authority(data, i) else 0


cdef bint is_authority(const uint8_t* data, int64_t size) noexcept nogil:
    cdef int64_t i
    if size == 0:
        return False
    for i in range(size):
        if not CLASS[data[i]] & HOST:
            return False
    return True


cdef Wrong read_status_line(const uint8_t* data, int64_t stop, head_t* head, int64_t* at) noexcept nogil:
    cdef int64_t i
    at[0] = 0
    if stop < 12 or not read_version(data, &head.minor):
        return WRONG_VERSION
    at[0] = 8
    if data[8] != c' ' or stop > 12 and data[12] != c' ':
        return WRONG_STATUS
    for i in range(9, 12):
        if not c'0' <= data[i] <= c'9':
            return WRONG_STATUS
        head.status = head.status * 10 + data[i] - c'0'
    if not 100 <= head.status <= 599:
        return WRONG_STATUS
    head.reason_at = <uint32_t>min(stop, <int64_t>13)
    head.reason_size = <uint32_t>(stop - head.reason_at)
    for i in range(head.reason_at, stop):
        at[0] = i
        if not CLASS[data[i]] & VALUE:
            return WRONG_STATUS
    return FINE


# -- fields -------------------------------------------------------------------------------------------------------------

cdef Wrong read_field(const uint8_t* data, int64_t* from_, int64_t size, field_t* field, int64_t* at) noexcept nogil:
    cdef int64_t i = from_[0], start = i, end
    if data[i] == c' ' or data[i] == c'\t':
        at[0] = i
        return WRONG_FOLD
    while CLASS[data[i]] & TOKEN:              # the head ends in CRLF: no field runs past it
        i += 1
    at[0] = i
    if i == start or data[i] != c':' or i - start > 0xFFFF:
        return WRONG_NAME
    field.name_at, field.name_size = <uint32_t>start, <unsigned short>(i - start)
    i += 1
    while data[i] == c' ' or data[i] == c'\t':
        i += 1
    start = i
    while CLASS[data[i]] & VALUE:
        i += 1
    at[0] = i
    if data[i] != c'\r':
        return WRONG_VALUE
    if data[i + 1] != c'\n':
        return WRONG_LINE_END
    end = i
    while end > start and (data[end - 1] == c' ' or data[end - 1] == c'\t'):
        end -= 1
    field.value_at, field.value_size = <uint32_t>start, <uint32_t>(end - start)
    field.name = name_of(data + field.name_at, field.name_size)
    field.listed = False
    from_[0] = i + 2
    return FINE


cdef bint read_length(const uint8_t* data, uint32_t size, int64_t* length) noexcept nogil:
    cdef uint32_t i
    if not 0 < size <= MAX_LENGTH_DIGITS:
        return False
    length[0] = 0
    for i in range(size):
        if not c'0' <= data[i] <= c'9':
            return False
        length[0] = length[0] * 10 + data[i] - c'0'
    return True


cdef struct seen_t:           # of the fields that may stand once
    int lengths
    int encodings
    int hosts
    int upgrades
    bint keeps                # Connection: keep-alive
    bint closes
    bint switches             # Connection: upgrade


cdef Wrong read_meaning(const uint8_t* data, head_t* head, const field_t* field, seen_t* seen) noexcept nogil:
    """What a field says to a proxy."""
    cdef const uint8_t* value = data + field.value_at
    if field.name == FIELD_CONTENT_LENGTH:
        seen.lengths += 1
        return FINE if seen.lengths == 1 and read_length(value, field.value_size, &head.length) else WRONG_LENGTH
    if field.name == FIELD_TRANSFER_ENCODING:
        seen.encodings += 1
        return FINE if seen.encodings == 1 and is_text(value, field.value_size, b"chunked", 7) else WRONG_ENCODING
    if field.name == FIELD_HOST:
        seen.hosts += 1
        head.host = head.count
        if seen.hosts > 1 or field.value_size and not is_authority(value, field.value_size):
            return WRONG_HOST
    elif field.name == FIELD_UPGRADE:
        seen.upgrades += 1
    elif field.name == FIELD_EXPECT:
        if not is_text(value, field.value_size, b"100-continue", 12):
            return WRONG_EXPECT
        head.awaits = True
    return FINE


cdef Wrong read_connection(const uint8_t* data, head_t* head, const field_t* field, seen_t* seen) noexcept nogil:
    """Names of fields that are for this hop alone, and three words with a meaning."""
    cdef int64_t i = field.value_at, stop = i + field.value_size, start, size
    cdef int k
    cdef uint8_t name
    while i < stop:
        while i < stop and (data[i] == c' ' or data[i] == c'\t' or data[i] == c','):
            i += 1
        start = i
        while i < stop and CLASS[data[i]] & TOKEN:
            i += 1
        size = i - start
        if size == 0:
            return FINE if i >= stop else WRONG_CONNECTION
        if is_text(data + start, size, b"close", 5):
            seen.closes = True
        elif is_text(data + start, size, b"keep-alive", 10):
            seen.keeps = True
        elif is_text(data + start, size, b"upgrade", 7):
            seen.switches = True
        name = name_of(data + start, <uint32_t>size)
        if name in (FIELD_HOST, FIELD_CONTENT_LENGTH, FIELD_TRANSFER_ENCODING, FIELD_CONNECTION):
            return WRONG_CONNECTION
        for k in range(head.count):
            if head.fields[k].name_size == size and same(data + head.fields[k].name_at, data + start, size):
                head.fields[k].listed = True
        while i < stop and (data[i] == c' ' or data[i] == c'\t'):
            i += 1
        if i < stop and data[i] != c',':
            return WRONG_CONNECTION
    return FINE


cdef bint same(const uint8_t* a, const uint8_t* b, int64_t size) noexcept nogil:
    cdef int64_t i
    for i in range(size):
        if lower(a[i]) != lower(b[i]):
            return False
    return True


cdef Wrong read_head(const uint8_t* data, int64_t size, bint response, head_t* head, int64_t* at) noexcept nogil:
    cdef const uint8_t* line = <const uint8_t*>memchr(data, c'\r', <size_t>size)
    cdef int64_t i, end
    cdef seen_t seen
    cdef Wrong wrong
    cdef int k
    memset(head, 0, sizeof(head_t) - sizeof(head.fields))
    memset(&seen, 0, sizeof(seen_t))
    head.host = -1
    head.size = size
    at[0] = 0
    if line == NULL or line - data + 4 > size or line[1] != c'\n':
        return WRONG_LINE_END
    end = line - data
    wrong = read_status_line(data, end, head, at) if response else read_request_line(data, end, head, at)
    i = end + 2
    while wrong == FINE and i < size - 2:
        if head.count == MAX_FIELDS:
            at[0] = i
            return WRONG_COUNT
        wrong = read_field(data, &i, size, &head.fields[head.count], at)
        if wrong == FINE:
            at[0] = head.fields[head.count].name_at
            wrong = read_meaning(data, head, &head.fields[head.count], &seen)
            head.count += 1
    for k in range(head.count):
        if wrong == FINE and head.fields[k].name == FIELD_CONNECTION:
            at[0] = head.fields[k].name_at
            wrong = read_connection(data, head, &head.fields[k], &seen)
    if wrong != FINE:
        return wrong
    return conclude(head, response, &seen)


cdef Wrong conclude(head_t* head, bint response, const seen_t* seen) noexcept nogil:
    """What all fields say together."""
    if seen.lengths and seen.encodings:
        return WRONG_BOTH
    if seen.encodings and head.minor == 0:
        return WRONG_ENCODING             # who speaks 1.0 knows no chunks
    if not response and head.minor and not seen.hosts:
        return WRONG_HOST
    if seen.closes and seen.keeps:
        return WRONG_CONNECTION
    head.closes = seen.closes or head.minor == 0 and not seen.keeps
    head.upgrades = seen.switches and seen.upgrades > 0 and head.minor == 1
    if head.minor == 0:
        head.awaits = False
    if seen.encodings:
        head.form = BODY_CHUNKED
    elif seen.lengths:
        head.form = BODY_COUNTED
    else:
        head.form = BODY_UNTIL_CLOSE if response else BODY_NONE
    if response and (head.status < 200 or head.status == 204):
        if seen.encodings or seen.lengths and (head.status < 200 or head.length):
            return WRONG_BOTH             # such a response has no body, and some would look for one
        head.form = BODY_NONE
    elif response and head.status == 304:
        head.form = BODY_NONE
    return FINE


# -- chunked bodies -----------------------------------------------------------------------------------------------------

cdef int digit_of(uint8_t byte) noexcept nogil:
    return byte - c'0' if byte <= c'9' else (byte | 0x20) - c'a' + 10


cdef int64_t pass_chunked(chunked_t* body, const uint8_t* data, int64_t size) noexcept nogil:
    cdef int64_t i = 0, some
    cdef uint8_t byte
    while i < size and body.state != CHUNK_DONE:
        if body.state == CHUNK_DATA:
            some = size - i if <uint64_t>(size - i) < body.left else <int64_t>body.left
            body.left -= <uint64_t>some
            i += some
            if body.left == 0:
                body.state = CHUNK_DATA_CR
            continue
        byte = data[i]
        i += 1
        if not step(body, byte):
            return -1
    return i


cdef bint step(chunked_t* body, uint8_t byte) noexcept nogil:
    """One byte that is no data. False: it must not stand here."""
    if body.state == CHUNK_SIZE:
        if CLASS[byte] & HEX:
            body.digits += 1
            body.left = body.left << 4 | <uint64_t>digit_of(byte)
            return body.digits <= MAX_SIZE_DIGITS
        body.state = CHUNK_SIZE_LF if byte == c'\r' else CHUNK_EXTENSION
        return body.digits > 0 and (byte == c'\r' or byte == c';')
    if body.state == CHUNK_EXTENSION:
        body.extensions += 1
        if byte == c'\r':
            body.state = CHUNK_SIZE_LF
            return True
        return CLASS[byte] & VALUE and body.extensions <= MAX_EXTENSIONS
    if body.state == CHUNK_SIZE_LF:
        body.state = CHUNK_DATA if body.left else CHUNK_TRAILER
        return byte == c'\n'
    if body.state == CHUNK_DATA_CR:
        body.state = CHUNK_DATA_LF
        return byte == c'\r'
    if body.state == CHUNK_DATA_LF:
        body.state, body.digits, body.extensions = CHUNK_SIZE, 0, 0
        return byte == c'\n'
    if body.state == CHUNK_LAST_LF:
        body.state = CHUNK_DONE
        return byte == c'\n'
    body.trailers += 1
    if body.trailers > MAX_TRAILERS:
        return False
    if body.state == CHUNK_TRAILER:
        body.state = CHUNK_LAST_LF if byte == c'\r' else CHUNK_NAME
        return byte == c'\r' or CLASS[byte] & TOKEN
    if body.state == CHUNK_NAME:
        if byte == c':':
            body.state = CHUNK_VALUE
            return True
        return CLASS[byte] & TOKEN
    if body.state == CHUNK_VALUE:
        if byte == c'\r':
            body.state = CHUNK_TRAILER_LF
            return True
        return CLASS[byte] & VALUE
    body.state = CHUNK_TRAILER            # CHUNK_TRAILER_LF
    return byte == c'\n'


# -- for Python ---------------------------------------------------------------------------------------------------------

Head = namedtuple("Head", "size method target status reason minor form length closes upgrades awaits fields listed")
FORMS = ("none", "counted", "chunked", "until close")
WRONGS = (
    "", "a line that does not end in CRLF", "the method", "the target", "the version", "the status", "a field's name",
    "a field's value", "a folded line", "Content-Length", "Transfer-Encoding", "Content-Length and Transfer-Encoding",
    "Host", "Connection", "Expect", "too many bytes", "too many fields",
)


def read_bytes(const uint8_t[::1] data not None, bint response=False):
    """The head that `data` begins with as a `Head`, None where it is not whole, or a text that says what is wrong."""
    cdef head_t head
    cdef int64_t seen = 0, at = 0, end
    cdef uint8_t empty = 0
    cdef const uint8_t* start = &data[0] if data.shape[0] else &empty
    cdef Wrong wrong
    cdef int i
    end = head_end(start, data.shape[0], &seen)
    if end == 0:
        return None
    if end < 0:
        return WRONGS[WRONG_SIZE if seen >= MAX_HEAD else WRONG_LINE_END]
    wrong = read_head(start, end, response, &head, &at)
    if wrong != FINE:
        return WRONGS[wrong]
    whole = bytes(data[:end])
    fields = tuple(
        (whole[head.fields[i].name_at:head.fields[i].name_at + head.fields[i].name_size],
         whole[head.fields[i].value_at:head.fields[i].value_at + head.fields[i].value_size])
        for i in range(head.count)
    )
    listed = tuple(i for i in range(head.count) if head.fields[i].listed)
    return Head(
        head.size, whole[:head.method_size], whole[head.target_at:head.target_at + head.target_size], head.status,
        whole[head.reason_at:head.reason_at + head.reason_size], head.minor, FORMS[head.form], head.length, head.closes,
        head.upgrades, head.awaits, fields, listed,
    )


def chunked_bytes(pieces):
    """Passes over a chunked body in these pieces: the bytes that belong to it, and whether it is whole; -1: malformed."""
    cdef chunked_t body
    cdef int64_t total = 0, got
    cdef bytes piece
    memset(&body, 0, sizeof(chunked_t))
    for piece in pieces:
        got = pass_chunked(&body, <const uint8_t*>piece, len(piece))
        if got < 0:
            return -1, False
        total += got
        if body.state == CHUNK_DONE:
            break
    return total, body.state == CHUNK_DONE


def measure(bytes data, int rounds, bint response=False):
    """Reads the head `rounds` times, for benchmarks."""
    cdef head_t head
    cdef int64_t seen, at = 0, end
    cdef int i, wrong = 0
    for i in range(rounds):
        seen = 0
        end = head_end(<const uint8_t*>data, len(data), &seen)
        wrong |= read_head(<const uint8_t*>data, end, response, &head, &at)
    return wrong
