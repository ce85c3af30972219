from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.buffers cimport queue_t
from proxy.datapath.conn cimport Conn
from proxy.datapath.stream cimport stream_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport Direction, frame_t, identity_t

cdef enum:
    STREAM_FROM = 256 * 1024      # bytes of a frame after which it is passed on in pieces, where that is possible
    WINDOW = 512 * 1024           # unsent bytes at which the source of a stream is not read on, at most


cdef class Relay(Conn):
    cdef Codec codec
    cdef stream_t stream          # of the frame that comes by this connection
    cdef Relay sink               # where its pieces go; None: nowhere, they are thrown away
    cdef Relay feeder             # whose pieces go out by this connection now
    cdef queue_t behind           # whole frames that wait for the feeder's to end
    cdef size_t window            # of what goes out by this connection: WINDOW, or its own limit if that is less
    cdef bint waking              # in core.paused
    cdef bint can_stream(self, const frame_t* at, size_t size) noexcept
    cdef bint begin(self, Relay sink, Direction direction, const uint8_t* frame, const frame_t* at, uint64_t id) except -1
    cdef int skip(self, const frame_t* at, uint64_t id) except -1
    cdef int carry_timeout(self, const frame_t* at, int64_t milliseconds) except -1
    cdef int go_on(self, const uint8_t* data, size_t size, size_t* used) except -1
    cdef int pass_rest(self, const uint8_t* data, const frame_t* at) except -1
    cdef queue_t* queue(self) noexcept
    cdef uint8_t* put_as(self, Codec codec, Direction direction, const uint8_t* frame, const frame_t* at,
                         const identity_t* who) noexcept
    cdef uint8_t* piece(self, const uint8_t* data, size_t size) except? NULL
    cdef int part(self) except -1
    cdef int abort(self) except -1
    cdef int soon(self) except -1
    # What the two sides do in their own way:
    cdef int finished(self) except -1             # the frame that came by this connection is passed on
    cdef int broken_off(self) except -1           # the frame that goes out by this connection will never be whole
    cdef int misread(self, str why) except -1     # the frame that came by this connection turned out to be malformed
