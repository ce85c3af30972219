# HTTP/2 of one connection, either side of it: frames, streams, windows, settings. No I/O, no clock of its own.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from xproto.kernel.hpack cimport Decoder, Encoder, headers_t
from xproto.kernel.http2_floods cimport floods_t
from xproto.kernel.http2_streams cimport streams_t, h2stream_t

cdef enum FrameType:
    FRAME_DATA, FRAME_HEADERS, FRAME_PRIORITY, FRAME_RST_STREAM, FRAME_SETTINGS, FRAME_PUSH_PROMISE, FRAME_PING, FRAME_GOAWAY
    FRAME_WINDOW_UPDATE, FRAME_CONTINUATION

cdef enum Flag:
    FLAG_END_STREAM = 0x1
    FLAG_ACK = 0x1
    FLAG_END_HEADERS = 0x4
    FLAG_PADDED = 0x8
    FLAG_PRIORITY = 0x20

cdef enum ErrorCode:              # RFC 9113 section 7
    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED

cdef enum:
    FRAME_HEAD = 9                # bytes
    PREFACE_SIZE = 24
    LEAST_MAX_FRAME = 16384       # bytes of a payload: what everybody must take, and all that we take
    FIRST_WINDOW = 65535          # bytes, of the connection and of streams, until somebody says otherwise
    LAST_ID = 0x7FFFFFFF

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

cdef class Session:
    cdef readonly bint server             # ours is the server's end
    cdef readonly bint over               # a connection error: nothing more is read or sent
    cdef readonly bint last_said          # we have said goaway, and which of the peer's streams is the last
    cdef readonly bint drains             # the peer has said goaway
    cdef readonly bint settled            # the peer's settings are known
    cdef bint acknowledged                # and ours to it
    cdef bint greeted                     # server: the preface is here
    cdef readonly int64_t streaming       # streams that are not closed
    cdef readonly uint32_t last_peer      # the highest id of the peer's
    cdef uint32_t last_taken              # and when we said the last goaway
    cdef readonly uint32_t next_id        # of ours
    cdef readonly int64_t peer_streams    # how many of ours it takes at a time
    cdef int64_t peer_window              # of new streams of ours
    cdef int64_t peer_frame               # bytes of a payload
    cdef readonly int64_t send_window     # of the connection
    cdef int64_t recv_window
    cdef int64_t owed                     # bytes received and not given back to that window yet
    cdef size_t need                      # of the bytes that are there: ask again when there are so many
    cdef int64_t now                      # microseconds; the caller's to set
    cdef int64_t pinged                   # when our last ping went that has no answer; 0: none
    cdef Decoder decoder
    cdef Encoder encoder
    cdef streams_t streams
    cdef floods_t floods
    cdef scratch_t* scratch
    cdef uint8_t* block                   # the header block that is under way, where it has several frames; else NULL
    cdef int64_t block_size, block_room
    cdef int continuations
    cdef uint32_t block_id                # 0: none is under way
    cdef uint8_t block_flags
    cdef int64_t dependency               # of the HEADERS that began it; -1: none

    # -- bytes in
    cdef Py_ssize_t take(self, const uint8_t* data, size_t size) except -1     # bytes used, whole frames; sets `need`
    # -- what the owner asks for
    cdef int greet(self) except -1                                             # our settings go first
    cdef h2stream_t* open(self) noexcept                                       # a stream of ours; NULL: none may be had
    cdef bint has_room(self) noexcept                                          # could `open` give one now?
    cdef int put_headers(self, h2stream_t* stream, const uint8_t* block, int64_t size, bint ends) except -1
    cdef int64_t put_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1
    cdef int64_t sendable(self, const h2stream_t* stream) noexcept             # bytes of data that may go now
    cdef int consumed(self, h2stream_t* stream, int64_t size) except -1        # the peer may send so many more
    cdef int reset(self, h2stream_t* stream, int code) except -1               # the stream is closed
    cdef int goaway(self, bint last) except -1                                 # last: no stream that is new is taken from now on
    cdef int ping(self) except -1
    cdef int fail(self, int code, str why) except -1                           # a connection error
    # -- where bytes go
    cdef uint8_t* room(self, size_t size) except NULL
    cdef int filled(self, size_t size) except -1
    # -- what the owner hears
    cdef int on_head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1   # opens, answers, or trailers
    cdef int on_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1
    cdef int on_reset(self, h2stream_t* stream, int code, bint unprocessed) except -1   # by the peer, or by an error of its
    cdef int on_writable(self, h2stream_t* stream) except -1                   # its window, or NULL: the connection's, is open again
    cdef int on_settings(self) except -1
    cdef int on_goaway(self, int code) except -1
    cdef int on_error(self, int code, str why) except -1                       # the connection is over
    cdef int on_pong(self) except -1
    cdef int on_bound(self, int which) except -1                               # a Flood, or another Bound
    # -- frames
    cdef int frame(self, int type, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int data_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int headers_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int continuation_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int priority_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int reset_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int settings_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int setting(self, int name, int64_t value) except -1
    cdef int ping_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int goaway_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int window_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int keep_block(self, const uint8_t* data, int64_t size) except -1
    cdef int block_ends(self, uint32_t id, int flags, const uint8_t* data, int64_t size) except -1
    cdef int received(self, int64_t size) except -1
    cdef bint is_idle(self, uint32_t id) noexcept
    cdef int stray(self, uint32_t id) except -1
    cdef bint passed_over(self, uint32_t id) noexcept
    cdef int refuse(self, uint32_t id, int code) except -1
    cdef int close(self, h2stream_t* stream, int how) except -1
    cdef int write_reset(self, uint32_t id, int code) except -1
    cdef bint flooded(self, int which) except -1
