# The streams of one end of a connection of HTTP/2, and the frames that are not messages.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.http2_streams cimport h2stream_t, streams_t
from xproto.kernel.http2_writer cimport Writer

cdef class Control(Writer):
    cdef readonly bint drains             # the peer has said goaway
    cdef readonly bint settled            # the peer's settings are known
    cdef bint acknowledged                # and ours to it
    cdef readonly int64_t streaming       # streams that are not closed
    cdef readonly uint32_t next_id        # of ours
    cdef readonly int64_t peer_streams    # how many of ours it takes at a time
    cdef streams_t streams

    # -- streams
    cdef h2stream_t* open(self) noexcept                                       # a stream of ours; NULL: none may be had
    cdef bint has_room(self) noexcept                                          # could `open` give one now?
    cdef int reset(self, h2stream_t* stream, int code) except -1               # the stream is closed
    cdef int refuse(self, uint32_t id, int code) except -1
    cdef int break_off(self, h2stream_t* stream, int code, bint unprocessed, int how) except -1
    cdef int close(self, h2stream_t* stream, int how) except -1
    cdef bint is_idle(self, uint32_t id) noexcept
    cdef int stray(self, uint32_t id) except -1
    cdef bint passed_over(self, uint32_t id) noexcept
    cdef bint flooded(self, int which) except -1
    # -- frames
    cdef int priority_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int reset_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int settings_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int setting(self, int name, int64_t value) except -1
    cdef int ping_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int goaway_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int window_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1
    # -- for the owner to say
    cdef int on_reset(self, h2stream_t* stream, int code, bint unprocessed) except -1   # by the peer, or by an error of its
    cdef int on_writable(self, h2stream_t* stream) except -1                   # its window, or NULL: the connection's, is open again
    cdef int on_settings(self) except -1
    cdef int on_goaway(self, int code) except -1
    cdef int on_pong(self) except -1
    cdef int on_bound(self, int which) except -1                               # a Flood, or another Bound
