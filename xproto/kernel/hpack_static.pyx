"""The static table of HPACK: fields that both sides know from the start.

Source: RFC 7541 Appendix A. What always holds: behind each text there are bytes enough to copy more than it has.
"""

from libc.stdint cimport uint8_t, uint16_t

FIELDS = (
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"), (b":path", b"/index.html"),
    (b":scheme", b"http"), (b":scheme", b"https"), (b":status", b"200"), (b":status", b"204"), (b":status", b"206"),
    (b":status", b"304"), (b":status", b"400"), (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"), (b"accept-language", b""), (b"accept-ranges", b""), (b"accept", b""),
    (b"access-control-allow-origin", b""), (b"age", b""), (b"allow", b""), (b"authorization", b""), (b"cache-control", b""),
    (b"content-disposition", b""), (b"content-encoding", b""), (b"content-language", b""), (b"content-length", b""),
    (b"content-location", b""), (b"content-range", b""), (b"content-type", b""), (b"cookie", b""), (b"date", b""),
    (b"etag", b""), (b"expect", b""), (b"expires", b""), (b"from", b""), (b"host", b""), (b"if-match", b""),
    (b"if-modified-since", b""), (b"if-none-match", b""), (b"if-range", b""), (b"if-unmodified-since", b""),
    (b"last-modified", b""), (b"link", b""), (b"location", b""), (b"max-forwards", b""), (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""), (b"range", b""), (b"referer", b""), (b"refresh", b""), (b"retry-after", b""),
    (b"server", b""), (b"set-cookie", b""), (b"strict-transport-security", b""), (b"transfer-encoding", b""),
    (b"user-agent", b""), (b"vary", b""), (b"via", b""), (b"www-authenticate", b""),
)

cdef enum:
    BEHIND = 64


cdef int fill() except -1:
    cdef bytes name, value
    cdef int at = 0, index, slot
    for index, (name, value) in enumerate(FIELDS, 1):
        if at + len(name) + len(value) + BEHIND > STATIC_TEXT or len(value) > LONGEST_STATIC:
            raise ImportError("hpack: no room for the static table")
        STATICS[index].at = <uint16_t>at
        STATICS[index].name_size, STATICS[index].value_size = <uint8_t>len(name), <uint8_t>len(value)
        STATICS[index].last = max(i for i, (other, _) in enumerate(FIELDS, 1) if other == name)
        memcpy(STATICS_TEXT + at, <const uint8_t*>name, len(name))
        memcpy(STATICS_TEXT + at + len(name), <const uint8_t*>value, len(value))
        at += <int>(len(name) + len(value))
        if index > 1 and FIELDS[index - 2][0] == name:
            continue
        slot = <int>(hash_of(<const uint8_t*>name, len(name), 0) % STATIC_SLOTS)
        while STATICS_BY_NAME[slot]:
            slot = (slot + 1) % STATIC_SLOTS
        STATICS_BY_NAME[slot] = <uint8_t>index
    return 0


if len(FIELDS) != STATIC_FIELDS or FIELDS[AUTHORIZATION - 1][0] != b"authorization" or FIELDS[COOKIE - 1][0] != b"cookie":
    raise ImportError("hpack: the static table")
if FIELDS[PROXY_AUTHORIZATION - 1][0] != b"proxy-authorization":
    raise ImportError("hpack: the static table")
fill()
