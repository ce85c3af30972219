"""Lines of access logs: from notes to text, without the interpreter, so that the thread which writes them holds nobody up.

JSON has the fields that apply; text has every field at its place, `-` where there is none. Both quote alike what anybody
could have put into them: as JSON does, and all that is not printable ASCII is escaped, so a line is one line and a field
one field for every reader, terminals included. Bytes that are no UTF-8 become `\\\\xHH`.

What always holds: a line has printable ASCII only, and one LF at its end; it is in the buffer whole, or not at all.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset, strlen
from posix.time cimport time_t

from proxy.datapath.counters cimport FAULTS, host_count_t, protocol_count_t, way_t, word_t
from proxy.datapath.notes cimport (
    ABSENT, AUTHORITY, METHOD, PATH, SERVICE, TEXTS, UNANSWERED, free_note, new_note, new_peer, note_t,
)

cdef extern from "time.h" nogil:
    struct tm:
        int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year
    tm* gmtime_r(const time_t*, tm*)

cdef enum:
    FIXED = 1024              # bytes of a line, at most, beside its values
    WIDEST = 6                # bytes that one byte may become
    SECOND = 1000000

cdef const char* HEX = b"0123456789abcdef"
# By fault. Envoy's letters; a host that this connection may not ask for is a value that is refused, and no missing route.
cdef const char** FLAGS = [b"-", b"NR", b"UH", b"UF", b"UO", b"UT", b"UC", b"DPE", b"IH", b"FF"]
cdef const char** NAMES = [
    NULL, b"no_route", b"no_host", b"connect", b"overload", b"timeout", b"closed", b"malformed", b"misdirected", b"filter"]


# -- text -------------------------------------------------------------------------------------------------------


cdef bint reserve(text_t* out, size_t more) noexcept nogil:
    cdef size_t room = max(out.room * 2, out.size + more)
    cdef uint8_t* data
    if out.room - out.size >= more:
        return True
    data = <uint8_t*>realloc(out.data, room)
    if data == NULL:
        return False
    out.data, out.room = data, room
    return True


cdef inline void put(text_t* out, const char* text) noexcept nogil:
    cdef size_t size = strlen(text)
    memcpy(out.data + out.size, text, size)
    out.size += size


cdef inline void put_either(text_t* out, bint json, const char* one, const char* other) noexcept nogil:
    put(out, one if json else other)


cdef inline void put_digits(text_t* out, int64_t number, int width) noexcept nogil:
    """Decimal, with zeroes in front up to `width`."""
    cdef uint8_t digits[20]
    cdef int at = 20
    while number > 0 or at > 20 - width:
        at -= 1
        digits[at] = c'0' + number % 10
        number //= 10
    memcpy(out.data + out.size, digits + at, 20 - at)
    out.size += 20 - at


cdef inline void put_hex(text_t* out, uint32_t number, int width) noexcept nogil:
    cdef int i
    for i in range(width):
        out.data[out.size + i] = HEX[number >> 4 * (width - 1 - i) & 15]
    out.size += width


cdef inline void put_unit(text_t* out, uint32_t unit) noexcept nogil:
    """A unit of UTF-16, as JSON writes it."""
    put(out, b"\\u")
    put_hex(out, unit, 4)


cdef inline int decode(const uint8_t* data, size_t size, uint32_t* char) noexcept nogil:
    """Bytes of the UTF-8 character that begins here; 0: it is none."""
    cdef int more, i
    cdef uint32_t least
    if data[0] & 0xE0 == 0xC0:
        char[0], more, least = data[0] & 0x1F, 1, 0x80
    elif data[0] & 0xF0 == 0xE0:
        char[0], more, least = data[0] & 0x0F, 2, 0x800
    elif data[0] & 0xF8 == 0xF0:
        char[0], more, least = data[0] & 0x07, 3, 0x10000
    else:
        return 0
    if size <= <size_t>more:
        return 0
    for i in range(1, more + 1):
        if data[i] & 0xC0 != 0x80:
            return 0
        char[0] = char[0] << 6 | (data[i] & 0x3F)
    if char[0] < least or char[0] > 0x10FFFF or 0xD800 <= char[0] <= 0xDFFF:
        return 0
    return more + 1


cdef void put_quoted(text_t* out, const uint8_t* data, size_t size) noexcept nogil:
    cdef size_t at = 0
    cdef uint32_t char
    cdef int width
    put(out, b'"')
    while at < size:
        width = 1
        if data[at] == c'"' or data[at] == c'\\':
            put(out, b"\\")
        if 0x20 <= data[at] < 0x7F:
            out.data[out.size] = data[at]
            out.size += 1
        elif data[at] < 0x80:
            put_unit(out, data[at])
        else:
            width = decode(data + at, size - at, &char)
            if width == 0:
                put(out, b"\\\\x")
                put_hex(out, data[at], 2)
                width = 1
            elif char < 0x10000:
                put_unit(out, char)
            else:
                put_unit(out, 0xD800 + (char - 0x10000 >> 10))
                put_unit(out, 0xDC00 + (char - 0x10000 & 0x3FF))
        at += width
    put(out, b'"')


cdef void put_time(text_t* out, int64_t when) noexcept nogil:
    """RFC 3339, in milliseconds; `when` is microseconds since 1970."""
    cdef time_t seconds = when // SECOND
    cdef tm found
    memset(&found, 0, sizeof(tm))
    gmtime_r(&seconds, &found)
    put_digits(out, found.tm_year + 1900, 4)
    put(out, b"-")
    put_digits(out, found.tm_mon + 1, 2)
    put(out, b"-")
    put_digits(out, found.tm_mday, 2)
    put(out, b"T")
    put_digits(out, found.tm_hour, 2)
    put(out, b":")
    put_digits(out, found.tm_min, 2)
    put(out, b":")
    put_digits(out, found.tm_sec, 2)
    put(out, b".")
    put_digits(out, when % SECOND // 1000, 3)
    put(out, b"Z")


# -- lines ------------------------------------------------------------------------------------------------------


cdef inline void put_name(text_t* out, const char* name, bint json) noexcept nogil:
    """What comes before a value."""
    if json:
        put(out, b',"')
        put(out, name)
        put(out, b'":')
    else:
        put(out, b" ")


cdef inline void put_word(text_t* out, const char* name, const word_t* word, bint json) noexcept nogil:
    if word.data != NULL:
        put_name(out, name, json)
        put_quoted(out, word.data, word.size)
    elif not json:
        put(out, b" -")


cdef inline const char* flags_of(const note_t* note) noexcept nogil:
    if note.outcome > 0:
        return FLAGS[note.outcome]
    return b"DC" if note.outcome == UNANSWERED and not note.oneway else b"-"


cdef void texts_of(const note_t* note, word_t* texts) noexcept nogil:
    cdef const uint8_t* at = <const uint8_t*>(note + 1)
    cdef int i
    for i in range(TEXTS):
        texts[i].data, texts[i].size = NULL, 0
        if note.sizes[i] != ABSENT:
            texts[i].data, texts[i].size = at, note.sizes[i]
            at += note.sizes[i]


cdef size_t room_for(const note_t* note, const word_t* texts, const way_t* way, const word_t* host) noexcept nogil:
    cdef size_t size = note.count.listener.size + note.count.protocol.size + host.size
    cdef int i
    for i in range(TEXTS):
        size += texts[i].size
    size += way.table.size + way.route.size + way.cluster.size
    size += note.peer.client.size + note.peer.via.size + note.peer.version.size + note.peer.cipher.size
    size += note.peer.sni.size + note.peer.san.size + note.peer.fingerprint.size
    return FIXED + WIDEST * size


cdef bint put_line(text_t* out, const note_t* note, int64_t began, bint json) noexcept nogil:
    """`began`: microseconds since 1970. False: no memory, and nothing was put."""
    cdef word_t texts[TEXTS]
    cdef word_t host
    cdef way_t way
    memset(&way, 0, sizeof(way_t))
    memset(&host, 0, sizeof(word_t))
    if note.way != NULL:
        way = note.way[0]
    if note.host != NULL:
        host = note.host.host
    texts_of(note, texts)
    if not reserve(out, room_for(note, texts, &way, &host)):
        return False
    put_either(out, json, b'{"time":"', b"[")
    put_time(out, began)
    put_either(out, json, b'"', b"]")
    put_word(out, b"listener", &note.count.listener, json)
    put_word(out, b"protocol", &note.count.protocol, json)
    put_word(out, b"client", &note.peer.client, json)
    put_word(out, b"via", &note.peer.via, json)
    put_word(out, b"service", &texts[SERVICE], json)
    put_word(out, b"method", &texts[METHOD], json)
    put_word(out, b"path", &texts[PATH], json)
    put_word(out, b"authority", &texts[AUTHORITY], json)
    put_word(out, b"table", &way.table, json)
    put_word(out, b"route", &way.route, json)
    put_word(out, b"cluster", &way.cluster, json)
    put_word(out, b"host", &host, json)
    put_name(out, b"duration_us", json)
    put_digits(out, max(note.took, 0), 1)
    put_end(out, note, json)
    return True


cdef void put_end(text_t* out, const note_t* note, bint json) noexcept nogil:
    """How it ended, and what TLS says of its client."""
    put_name(out, b"flags", json)
    put_either(out, json, b'"', b"")
    put(out, flags_of(note))
    put_either(out, json, b'"', b"")
    if note.outcome > 0:
        put_name(out, b"fault", json)
        put_either(out, json, b'"', b"")
        put(out, NAMES[note.outcome])
        put_either(out, json, b'"', b"")
    elif not json:
        put(out, b" -")
    put_name(out, b"oneway", json)
    if note.oneway:
        put_either(out, json, b"true", b"oneway")
    else:
        put_either(out, json, b"false", b"-")
    put_word(out, b"tls_version", &note.peer.version, json)
    put_word(out, b"tls_cipher", &note.peer.cipher, json)
    put_word(out, b"sni", &note.peer.sni, json)
    put_word(out, b"san", &note.peer.san, json)
    put_word(out, b"sha256", &note.peer.fingerprint, json)
    if note.status:
        put_name(out, b"grpc_status", json)
        put_digits(out, note.status - 1, 1)
    elif not json:
        put(out, b" -")
    put_either(out, json, b"}\n", b"\n")


cdef bint put_break(text_t* out) noexcept nogil:
    """An end of line, behind one that was cut off."""
    if not reserve(out, FIXED):
        return False
    put(out, b"\n")
    return True


# -- for tests --------------------------------------------------------------------------------------------------


cdef word_t word(bytes text) noexcept:
    cdef word_t made
    made.data, made.size = NULL, 0
    if text is not None:
        made.data, made.size = <const uint8_t*>text, len(text)
    return made


def render(
    bint json, int64_t began, *, bytes listener=b"in", bytes protocol=b"bolt", str client="10.0.0.1:4711", str via=None,
    identity=None, bytes service=None, bytes method=None, bytes path=None, bytes authority=None, tuple way=None,
    bytes host=None, int64_t took=0, int outcome=UNANSWERED, bint oneway=False, status=None,
):
    """One line, from values as they come."""
    cdef protocol_count_t count
    cdef host_count_t found
    cdef way_t went
    cdef word_t[TEXTS] texts
    cdef text_t out
    cdef note_t* note
    if not -1 <= outcome < FAULTS:
        raise ValueError(f"there is no fault {outcome}")
    memset(&out, 0, sizeof(text_t))
    count.listener, count.protocol = word(listener), word(protocol)
    texts[SERVICE], texts[METHOD] = word(service), word(method)
    texts[PATH], texts[AUTHORITY] = word(path), word(authority)
    note = new_note(new_peer(client, via, identity), texts)
    if note == NULL:
        raise MemoryError
    if way is not None:
        went.table, went.route, went.cluster = word(way[0]), word(way[1]), word(way[2])
        note.way = &went
    if host is not None:
        found.host = word(host)
        note.host = &found
    note.count, note.took, note.outcome, note.oneway = &count, took, outcome, oneway
    note.status = 0 if status is None else status + 1
    try:
        if not put_line(&out, note, began, json):
            raise MemoryError
        return out.data[:out.size]
    finally:
        free_note(note)
        free(out.data)
