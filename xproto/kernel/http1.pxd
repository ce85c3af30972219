# The heads of HTTP/1.1 messages and their bodies' framing. Offsets are bytes from the head's first one.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    MAX_FIELDS = 128          # of a head
    MAX_HEAD = 65536          # bytes
    MAX_METHOD = 32

cdef enum BodyForm:
    BODY_NONE = 0             # of a response: what its request says may change that
    BODY_COUNTED = 1
    BODY_CHUNKED = 2
    BODY_UNTIL_CLOSE = 3      # responses only

cdef enum Method:
    METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_OPTIONS, METHOD_CONNECT
    METHOD_PATCH, METHOD_TRACE

cdef enum FieldName:          # those that mean something to a proxy
    FIELD_OTHER, FIELD_HOST, FIELD_CONTENT_LENGTH, FIELD_TRANSFER_ENCODING, FIELD_CONNECTION, FIELD_UPGRADE
    FIELD_EXPECT, FIELD_TE, FIELD_TRAILER, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION, FIELD_VIA, FIELD_FORWARDED_FOR
    FIELD_FORWARDED_PROTO, FIELD_REQUEST_ID, FIELD_PROXY_AUTHENTICATE, FIELD_PROXY_AUTHORIZATION, FIELD_CLIENT_CERT
    FIELD_CONTENT_TYPE, FIELD_ACCEPT
    FIELD_NAMES

cdef enum Wrong:              # why a head is refused
    FINE, WRONG_LINE_END, WRONG_METHOD, WRONG_TARGET, WRONG_VERSION, WRONG_STATUS, WRONG_NAME, WRONG_VALUE, WRONG_FOLD
    WRONG_LENGTH, WRONG_ENCODING, WRONG_BOTH, WRONG_HOST, WRONG_CONNECTION, WRONG_EXPECT, WRONG_SIZE, WRONG_COUNT

cdef struct field_t:
    uint32_t name_at
    uint32_t value_at
    uint32_t value_size
    uint16_t name_size
    uint8_t name              # FieldName
    bint listed               # Connection names it: it goes no further

cdef struct head_t:
    int64_t size              # bytes, the empty line included
    int64_t length            # of a counted body, in bytes
    int method                # requests
    int status                # responses
    int minor                 # of the version: 0 or 1
    BodyForm form
    bint closes               # the sender wants no other exchange on this connection, or its version has none
    bint upgrades             # it asks for, or grants, another protocol
    bint awaits               # Expect: 100-continue
    uint32_t method_size
    uint32_t target_at
    uint32_t target_size
    uint32_t reason_at
    uint32_t reason_size
    int host                  # index of the field; -1: none
    int media                 # the same of the first Content-Type
    int accept                # and of the first Accept
    int count
    field_t[128] fields

# Where the head ends that `data` begins with; 0: not there yet; -1: a line ends in a bare LF, or there are too many
# bytes. `seen` is the caller's, zeroed before the first look: what was looked at is not looked at again.
cdef int64_t head_end(const uint8_t* data, int64_t size, int64_t* seen) noexcept nogil
# Reads a whole head of `size` bytes. Where it is wrong, `at` is the offset.
cdef Wrong read_head(const uint8_t* data, int64_t size, bint response, head_t* head, int64_t* at) noexcept nogil
