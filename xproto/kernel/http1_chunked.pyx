"""Chunked bodies of HTTP/1.1, passed over byte by byte but for the chunks' data: nothing is kept but where they are.

Source: RFC 9112 section 7.1. Stricter than it asks for: no whitespace around a size, which has at most 15 digits, CRLF
only, extensions and trailers of visible text within bounds; no trailer that frames or routes a message (RFC 9110 section
6.5.1: who merges trailers into the head would read another message). What always holds: each byte is looked at once.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from xproto.kernel.http1_text cimport CLASS, HEX, TOKEN, VALUE

cdef enum:
    MAX_SIZE_DIGITS = 15
    MAX_EXTENSIONS = 1024     # bytes of one chunk's
    MAX_TRAILERS = 8192       # bytes
    HASH_START = 5381


cdef inline uint64_t hashed(uint64_t hash, uint8_t byte) noexcept nogil:
    """Of names in small letters; 64 bits, so that only what is meant is taken for one."""
    return (hash ^ (byte | 0x20)) * 0x9E3779B97F4A7C15ULL


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


cdef uint64_t hash_of(bytes name):
    cdef uint64_t found = HASH_START
    for byte in name:
        found = hashed(found, byte)
    return found


cdef uint64_t[6] NEVER_TRAILERS
for _index, _name in enumerate((b"content-length", b"transfer-encoding", b"host", b"connection", b"upgrade", b"expect")):
    NEVER_TRAILERS[<int>_index] = hash_of(_name)


cdef bint is_trailer(chunked_t* body) noexcept nogil:
    """`left` counts a chunk's data no more: it is the hash of the field's name."""
    cdef int i
    for i in range(6):
        if body.left == NEVER_TRAILERS[i]:
            return False
    body.left = 0
    return True


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
    if body.trailers >= MAX_TRAILERS:     # the last LF is still to come
        return False
    if body.state == CHUNK_TRAILER:
        if byte == c'\r':
            body.state = CHUNK_LAST_LF
            return True
        body.state = CHUNK_NAME
        body.left = hashed(HASH_START, byte)
        return CLASS[byte] & TOKEN
    if body.state == CHUNK_NAME:
        if byte == c':':
            body.state = CHUNK_VALUE
            return is_trailer(body)
        body.left = hashed(body.left, byte)
        return CLASS[byte] & TOKEN
    if body.state == CHUNK_VALUE:
        if byte == c'\r':
            body.state = CHUNK_TRAILER_LF
            return True
        return CLASS[byte] & VALUE
    body.state = CHUNK_TRAILER            # CHUNK_TRAILER_LF
    return byte == c'\n'


# -- for Python ---------------------------------------------------------------------------------------------------------

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
