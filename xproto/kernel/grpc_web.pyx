"""gRPC-Web: what a browser, which sees no trailers, speaks in place of gRPC.

Source of the format: PROTOCOL-WEB.md of the gRPC project. Messages are framed as gRPC's are. The trailers are the last frame of
an answer's body, with the highest bit of its first byte set. In the form called text the body is base64, of which any piece
may end with padding; so a piece is whole groups of four here, and whoever has one need not wait for the next.

What always holds: base64 has no characters but its own, and no bits are lost by padding; a character gives one byte at most, so
that bytes never wait for room.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset, strlen

from xproto.kernel.hpack cimport headers_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http1_text cimport same
from xproto.kernel.http2_fields cimport WEB_BINARY, WEB_NONE, WEB_TEXT
from xproto.kernel.http2_text cimport put_line, put_trailers

cdef enum:
    MEDIA_SIZE = 20
    SUFFIX_SIZE = 5
    FRAME_HEAD = 5
    TRAILERS = 0x80           # the flag of the last frame
    APART = 90 * 1024         # where a frame is made before it becomes text: behind the longest text of one
    BAD = 0x80

cdef const uint8_t* MEDIA = b"application/grpc-web"
cdef const uint8_t* SUFFIX = b"-text"
cdef const uint8_t* DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
cdef const uint8_t* LAST = b"\r\n0\r\n\r\n"
cdef const char* SILENT = b"grpc-status: 2\r\ngrpc-message: xproto: the server's answer ended without a status\r\n"
cdef uint8_t[256] VALUES      # of each byte, what it stands for in base64, or BAD

memset(VALUES, BAD, 256)
for _value in range(64):
    VALUES[DIGITS[<int>_value]] = <uint8_t>_value


# -- forms --------------------------------------------------------------------------------------------------------------

cdef int web_media(const uint8_t* value, int64_t size, int64_t* size_of) noexcept nogil:
    cdef int form = WEB_BINARY
    cdef int64_t at = MEDIA_SIZE
    if size < at or not same(value, MEDIA, at):
        return WEB_NONE
    if size >= at + SUFFIX_SIZE and same(value + at, SUFFIX, SUFFIX_SIZE):
        form = WEB_TEXT
        at += SUFFIX_SIZE
    size_of[0] = at
    return form if size == at or value[at] in (c'+', c';', c' ', c'\t') else WEB_NONE


cdef int web_asked(const uint8_t* text, const head_t* head) noexcept nogil:
    cdef int64_t at
    if head.media < 0:
        return WEB_NONE
    return web_media(text + head.fields[head.media].value_at, head.fields[head.media].value_size, &at)


cdef int web_wanted(const uint8_t* text, const head_t* head) noexcept nogil:
    cdef int form = web_asked(text, head)
    cdef const uint8_t* value
    cdef int64_t at, size
    if form == WEB_NONE or head.accept < 0:
        return form
    value, size = text + head.fields[head.accept].value_at, head.fields[head.accept].value_size
    for at in range(size - MEDIA_SIZE + 1):
        if same(value + at, MEDIA, MEDIA_SIZE):
            at += MEDIA_SIZE
            return WEB_TEXT if size - at >= SUFFIX_SIZE and same(value + at, SUFFIX, SUFFIX_SIZE) else WEB_BINARY
    return form


# -- base64 -------------------------------------------------------------------------------------------------------------

cdef inline bint pad(base64_t* state) noexcept nogil:
    """False: there can be none here, or bits would be lost by it."""
    if state.count < 2 or not state.padded and state.bits & (0xF if state.count == 2 else 0x3):
        return False
    state.padded = True
    state.count += 1
    if state.count == 4:
        memset(state, 0, sizeof(base64_t))
    return True


cdef int64_t from_base64(base64_t* state, const uint8_t* data, int64_t size, int64_t* used, uint8_t* into, int64_t room) noexcept nogil:
    cdef int64_t at = 0, made = 0
    cdef uint32_t a, b, c, d
    cdef uint8_t value
    while at < size:
        while state.count == 0 and size - at >= 4 and room - made >= 3:
            a, b, c, d = VALUES[data[at]], VALUES[data[at + 1]], VALUES[data[at + 2]], VALUES[data[at + 3]]
            if (a | b | c | d) & BAD:
                break
            a = a << 18 | b << 12 | c << 6 | d
            into[made], into[made + 1], into[made + 2] = <uint8_t>(a >> 16), <uint8_t>(a >> 8), <uint8_t>a
            made += 3
            at += 4
        if at == size:
            break
        if data[at] == c'=':
            if not pad(state):
                return -1
            at += 1
            continue
        value = VALUES[data[at]]
        if value == BAD or state.padded:
            return -1
        if state.count and made == room:
            break
        at += 1
        state.bits = state.bits << 6 | value
        state.count += 1
        if state.count > 1:
            into[made] = <uint8_t>(state.bits >> (8 - 2 * state.count))
            made += 1
        if state.count == 4:
            state.bits, state.count = 0, 0
    used[0] = at
    return made


cdef int64_t to_base64(const uint8_t* data, int64_t size, uint8_t* into) noexcept nogil:
    cdef uint8_t* out = into
    cdef int64_t at = 0
    cdef uint32_t bits
    while at + 3 <= size:
        bits = <uint32_t>data[at] << 16 | <uint32_t>data[at + 1] << 8 | data[at + 2]
        out[0], out[1] = DIGITS[bits >> 18], DIGITS[bits >> 12 & 63]
        out[2], out[3] = DIGITS[bits >> 6 & 63], DIGITS[bits & 63]
        out += 4
        at += 3
    if at < size:
        bits = <uint32_t>data[at] << 16 | (<uint32_t>data[at + 1] << 8 if at + 1 < size else 0)
        out[0], out[1] = DIGITS[bits >> 18], DIGITS[bits >> 12 & 63]
        out[2], out[3] = DIGITS[bits >> 6 & 63] if at + 1 < size else c'=', c'='
        out += 4
    return out - into


# -- answers ------------------------------------------------------------------------------------------------------------

cdef uint8_t* put_piece(int form, const uint8_t* data, int64_t size, uint8_t* into) noexcept nogil:
    """A chunk without its last line's end."""
    into = put_line(into, size if form != WEB_TEXT else (size + 2) // 3 * 4)
    if form == WEB_TEXT:
        return into + to_base64(data, size, into)
    memcpy(into, data, <size_t>size)
    return into + size


cdef int64_t web_chunk(int form, const uint8_t* data, int64_t size, uint8_t* into) noexcept nogil:
    cdef uint8_t* at = put_piece(form, data, size, into)
    at[0], at[1] = c'\r', c'\n'
    return at + 2 - into


cdef int64_t web_end(int form, const headers_t* headers, uint8_t* into) noexcept nogil:
    cdef uint8_t* frame = into + APART
    cdef uint8_t* at = frame + FRAME_HEAD
    cdef int64_t size
    cdef int i
    if headers == NULL:
        memcpy(at, SILENT, strlen(SILENT))
        at += strlen(SILENT)
    else:
        at = put_trailers(at, headers)
    if at == NULL:
        return -1
    size = at - frame - FRAME_HEAD
    frame[0] = TRAILERS
    for i in range(4):
        frame[1 + i] = <uint8_t>(size >> (24 - 8 * i))
    at = put_piece(form, frame, size + FRAME_HEAD, into)
    memcpy(at, LAST, 7)
    return at + 7 - into


# -- for Python ---------------------------------------------------------------------------------------------------------

def media(bytes value not None):
    """The form that a content type names (0: none, 1: binary, 2: text), and what stands behind its name."""
    cdef int64_t at = 0
    cdef int form = web_media(<const uint8_t*>value, len(value), &at)
    return form, value[at:] if form else value


def decoded(pieces, int64_t room=1 << 16):
    """The bytes of base64 in these pieces, each of which is looked at until it is used up, with so much room at a time;
    whether they end where a group does. None: it is no base64."""
    cdef base64_t state
    cdef bytearray into = bytearray(room), out = bytearray()
    cdef int64_t made, used, at
    cdef bytes piece
    memset(&state, 0, sizeof(base64_t))
    for piece in pieces:
        at = 0
        while at < len(piece):
            used = 0
            made = from_base64(&state, <const uint8_t*>piece + at, len(piece) - at, &used, into, room)
            if made < 0:
                return None
            if made > room or made == 0 and used == 0:
                raise AssertionError(f"{made} bytes of {used} characters, and room for {room}")
            out += into[:made]
            at += used
    return bytes(out), state.count == 0


def chunk(bytes data not None, bint text):
    """These bytes of an answer as a chunk."""
    cdef bytearray into = bytearray(2 * len(data) + 64)
    return bytes(into[:web_chunk(WEB_TEXT if text else WEB_BINARY, <const uint8_t*>data, len(data), into)])
