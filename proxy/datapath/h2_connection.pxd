from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.h2_exchange cimport H2Connection
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.hpack cimport headers_t
from xproto.kernel.http2 cimport Session
from xproto.kernel.http2_streams cimport h2stream_t

cdef enum:
    LINGER = 1000000              # microseconds for the peer to read why we end


cdef class Frames(Session):
    """The frames of one of our connections."""
    cdef H2End end                # None: the connection is closed
    cdef int leave(self, h2stream_t* stream, bint ends) except -1
    cdef bint starved             # there was no memory for what was to be sent: it ends in this turn
    cdef bint sends(self) noexcept


cdef class H2End(H2Connection):
    """Either side's."""
    cdef alarm_t alarm
    cdef bint quits               # it takes no more streams, and ends when those that there are have
    cdef int begin_session(self, bint server) except -1
    cdef int break_streams(self) except -1
    cdef int quit(self) except -1
    cdef int unblock(self) except -1
    # What the two sides do in their own way:
    cdef int head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1
    cdef int settled(self) except -1
    cdef int ponged(self) except -1
    cdef int goes(self, int code) except -1
    cdef int on_alarm(self) except -1
    cdef int wrong(self, int code, str why) except -1
    cdef int met(self, int which) except -1                # a bound: which, of `http2_floods`
