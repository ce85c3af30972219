"""HTTP/1.1 heads, read more strictly than most do: what two readers could take differently is refused.

Source: RFC 9110 and 9112. Stricter than they ask for: lines end in CRLF only, one space stands between the parts of a
first line, a length is said once, the only transfer encoding is ``chunked``, whitespace never stands before a colon, a
target has visible ASCII only, and no line is folded. Each of these was a way to smuggle a request past some proxy.

What always holds: no byte is read outside of what is there; a head is walked twice at most (once for its end, which goes
on where it stopped, and once when it is whole); nothing is allocated.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memset

from xproto.kernel.http1_line cimport is_authority, read_request_line, read_status_line
from xproto.kernel.http1_text cimport CLASS, TOKEN, VALUE, is_text, name_of, same

from collections import namedtuple

cdef enum:
    MAX_LENGTH_DIGITS = 18


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
    elif field.name == FIELD_CONTENT_TYPE:
        head.media = head.count if head.media < 0 else head.media
    elif field.name == FIELD_ACCEPT:
        head.accept = head.count if head.accept < 0 else head.accept
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


cdef Wrong read_head(const uint8_t* data, int64_t size, bint response, head_t* head, int64_t* at) noexcept nogil:
    cdef const uint8_t* line = <const uint8_t*>memchr(data, c'\r', <size_t>size)
    cdef int64_t i, end
    cdef seen_t seen
    cdef Wrong wrong
    cdef int k
    memset(head, 0, sizeof(head_t) - sizeof(head.fields))
    memset(&seen, 0, sizeof(seen_t))
    head.host = head.media = head.accept = -1
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
