# What frames are made of: types, flags, codes, bounds, and how their heads are written (RFC 9113 sections 4, 6 and 7).
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack cimport headers_t

cdef enum FrameType:
    FRAME_DATA, FRAME_HEADERS, FRAME_PRIORITY, FRAME_RST_STREAM, FRAME_SETTINGS, FRAME_PUSH_PROMISE, FRAME_PING, FRAME_GOAWAY
    FRAME_WINDOW_UPDATE, FRAME_CONTINUATION

cdef enum Flag:
    FLAG_END_STREAM = 0x1
    FLAG_ACK = 0x1
    FLAG_END_HEADERS = 0x4
    FLAG_PADDED = 0x8
    FLAG_PRIORITY = 0x20

cdef enum SettingName:
    SETTING_HEADER_TABLE_SIZE = 1
    SETTING_ENABLE_PUSH, SETTING_MAX_CONCURRENT_STREAMS, SETTING_INITIAL_WINDOW_SIZE, SETTING_MAX_FRAME_SIZE
    SETTING_MAX_HEADER_LIST_SIZE

cdef enum ErrorCode:              # RFC 9113 section 7
    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED

cdef enum:
    FRAME_HEAD = 9                # bytes
    PREFACE_SIZE = 24
    LEAST_MAX_FRAME = 16384       # bytes of a payload: what everybody must take, and all that we take
    MOST_MAX_FRAME = 0xFFFFFF
    FIRST_WINDOW = 65535          # bytes, of the connection and of streams, until somebody says otherwise
    MAX_WINDOW = 0x7FFFFFFF
    LAST_ID = 0x7FFFFFFF
    UNLIMITED = 1 << 30           # streams, where the peer says nothing
    OWN_PING = 0x78               # each byte of the pings that we send

cdef const uint8_t* PREFACE

cdef enum:                        # bounds
    MAX_STREAMS = 128             # of a client at a time
    EARLY_STREAMS = 512           # and of one that has not acknowledged that yet
    MAX_BLOCK = 96 * 1024         # bytes of a header block as it is sent, over all of its frames
    MAX_CONTINUATIONS = 32        # frames of a header block behind its first
    MAX_LIST = 64 * 1024          # bytes of a header list, as RFC 9113 section 6.5.2 counts them
    MAX_LIST_FIELDS = 256         # with all crumbs of cookies
    STREAM_WINDOW = 256 * 1024    # bytes of a stream that may be on their way to us, or wait here
    CONNECTION_WINDOW = 4 * 1024 * 1024

cdef struct scratch_t:            # where a header block is read and written: one for all connections, free between frames
    headers_t headers
    uint8_t* block                # BLOCK_ROOM bytes
    uint8_t* waste                # a frame that goes nowhere

cdef enum:
    BLOCK_ROOM = 256 * 1024

cdef scratch_t* new_scratch() except NULL
cdef void free_scratch(scratch_t* scratch) noexcept


cdef inline void write_u32(uint8_t* into, uint32_t value) noexcept nogil:
    into[0], into[1], into[2], into[3] = <uint8_t>(value >> 24), <uint8_t>(value >> 16), <uint8_t>(value >> 8), <uint8_t>value


cdef inline void write_head(uint8_t* into, int64_t size, int type, int flags, uint32_t id) noexcept nogil:
    into[0], into[1], into[2] = <uint8_t>(size >> 16), <uint8_t>(size >> 8), <uint8_t>size
    into[3], into[4] = <uint8_t>type, <uint8_t>flags
    write_u32(into + 5, id)


cdef inline uint8_t* write_setting(uint8_t* into, int name, uint32_t value) noexcept nogil:
    into[0], into[1] = 0, <uint8_t>name
    write_u32(into + 2, value)
    return into + 6
