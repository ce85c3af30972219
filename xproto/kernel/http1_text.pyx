"""Words of HTTP/1.1: the classes of bytes, and the names of fields that mean something to a proxy."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.http1 cimport FIELD_NAMES, FIELD_OTHER

WORDS = (
    b"", b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"te", b"trailer",
    b"keep-alive", b"proxy-connection", b"via", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id",
    b"proxy-authenticate", b"proxy-authorization", b"x-forwarded-client-cert", b"content-type", b"accept",
)

cdef enum:
    LONGEST = 24              # bytes of a name, and more
    ALIKE = 3                 # names of one size

cdef const char *NAMES[20]
cdef uint8_t[24][3] BY_SIZE   # the names of so many bytes; FIELD_OTHER: no more


cdef void fill() noexcept:
    cdef int byte
    cdef bytes token = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    cdef list known = [[] for _ in range(LONGEST)]
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
    for byte in range(1, <int>FIELD_NAMES):
        NAMES[byte] = <const char*><bytes>WORDS[byte]
        known[len(WORDS[byte])].append(byte)
    for byte in range(<int>LONGEST):
        for place, name in enumerate(known[byte]):
            BY_SIZE[byte][<int>place] = name


if len(WORDS) != FIELD_NAMES:
    raise ImportError("http1: a name for each field that means something")
fill()



cdef bint is_text(const uint8_t* data, int64_t size, const char* text, int64_t length) noexcept nogil:
    """The same but for the case; `text` is in small letters."""
    cdef int64_t i
    if size != length:
        return False
    for i in range(length):
        if lower(data[i]) != <uint8_t>text[i]:
            return False
    return True


cdef uint8_t name_of(const uint8_t* data, uint32_t size) noexcept nogil:
    cdef int place
    cdef uint8_t name
    if size >= LONGEST:
        return FIELD_OTHER
    for place in range(<int>ALIKE):
        name = BY_SIZE[size][place]
        if name == FIELD_OTHER or is_text(data, size, NAMES[name], size):
            return name
    return FIELD_OTHER


cdef bint same(const uint8_t* a, const uint8_t* b, int64_t size) noexcept nogil:
    cdef int64_t i
    for i in range(size):
        if lower(a[i]) != lower(b[i]):
            return False
    return True
