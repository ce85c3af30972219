# What one end of a connection of HTTP/2 sends, within the windows and sizes that its peer allows.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack cimport Encoder
from xproto.kernel.http2_floods cimport floods_t
from xproto.kernel.http2_memo cimport memo_t
from xproto.kernel.http2_streams cimport h2stream_t
from xproto.kernel.http2_wire cimport scratch_t

cdef class Writer:
    cdef readonly bint server             # ours is the server's end
    cdef readonly bint over               # a connection error: nothing more is read or sent
    cdef readonly bint last_said          # we have said goaway, and which of the peer's streams is the last
    cdef readonly uint32_t last_peer      # the highest id of the peer's
    cdef uint32_t last_taken              # and when we said the last goaway
    cdef int64_t peer_window              # of new streams of ours
    cdef int64_t peer_frame               # bytes of a payload
    cdef readonly int64_t send_window     # of the connection
    cdef int64_t now                      # microseconds; the caller's to set
    cdef int64_t pinged                   # when our last ping went that has no answer; 0: none
    cdef Encoder encoder
    cdef floods_t floods
    cdef memo_t* said                     # the last head that was sent and was worth it; NULL: none was
    cdef scratch_t* scratch

    cdef int greet(self) except -1                                             # our settings go first
    cdef int put_headers(self, h2stream_t* stream, const uint8_t* block, int64_t size, bint ends) except -1
    cdef int64_t put_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1
    cdef int64_t sendable(self, const h2stream_t* stream) noexcept             # bytes of data that may go now
    cdef int put_window(self, uint32_t id, int64_t more) except -1             # the peer may send so many more
    cdef int write_reset(self, uint32_t id, int code) except -1
    cdef int goaway(self, bint last) except -1                                 # last: no stream that is new is taken from now on
    cdef int ping(self) except -1
    cdef int fail(self, int code, str why) except -1                           # a connection error
    # -- for the owner to say
    cdef uint8_t* room(self, size_t size) except NULL                          # where bytes go
    cdef int filled(self, size_t size) except -1
    cdef int on_error(self, int code, str why) except -1                       # the connection is over
