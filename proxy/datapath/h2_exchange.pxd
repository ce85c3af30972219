from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.conn cimport Conn
from proxy.datapath.transport cimport Transport
from xproto.kernel.grpc_web cimport base64_t
from xproto.kernel.http1_body cimport body_t
from xproto.kernel.http2 cimport Session
from xproto.kernel.http2_streams cimport h2stream_t
from xproto.kernel.http2_text cimport message_t

cdef enum:
    CROWDED = 256 * 1024          # unsent bytes of a connection above which its streams wait

cdef enum Stage:                  # of the text that is sent
    AT_HEAD, IN_BODY, AT_END


cdef class H2Connection(Conn):
    """What a stream needs of its connection."""
    cdef Session session
    cdef list blocked             # H2Stream: they have something to send, and wait for room in `out`, or for a stream
    cdef list doomed              # H2Stream whose owners are to be closed in this turn
    cdef bint by_tls
    cdef int freed(self, H2Exchange stream) except -1        # both messages came to their ends: the next may begin
    cdef int left(self, H2Exchange stream) except -1         # it is closed
    cdef int doom(self, H2Exchange stream) except -1
    cdef bint stream_for(self, H2Exchange stream) except -1  # a stream of ours begins with it; False: none may be had now
    cdef bint translates(self) noexcept                      # does a call of gRPC-Web become one of gRPC here?


cdef class H2Exchange(Transport):
    cdef H2Connection connection
    cdef h2stream_t* stream       # NULL: none is open
    cdef bint near                # of a client
    cdef int kind                 # what its owner speaks, of the protocols that connections carry
    cdef bint headed              # the head is here, of the request or of the answer that counts
    cdef bint blocked             # in connection.blocked
    cdef bint aborts              # closing is a failure
    cdef int stage                # of the text that is sent
    cdef body_t body              # of the message that is sent
    cdef buf_t trailers           # and its trailers, as text
    cdef message_t message        # that is received
    cdef int64_t waiting          # bytes received that the owner has not dealt with
    cdef buf_t asked              # a request as it was sent, until something comes of its answer
    cdef bint keeps               # and more goes there: it is not too long
    cdef int wanted               # the form of gRPC-Web that the answer gets (a Web)
    cdef int gave                 # the form of the request's body
    cdef base64_t group           # of the request's body as text
    cdef bint spoilt              # that is no base64
    cdef int begin(self, h2stream_t* stream) except -1
    cdef int deliver(self, const uint8_t* data, int64_t size) except -1
    cdef int give_back(self) except -1
    cdef int forget(self) noexcept
    cdef int give_up(self) except -1                       # what waits for a stream here goes elsewhere
    cdef int over(self) except -1
    cdef int part(self) except -1
    cdef int send_rest(self) except -1
    cdef int reset(self, int code) except -1
    cdef int go_on(self) except -1
    cdef int drop_owner(self, int code) except -1          # it is closed; code: as of a socket that broke, or 0
