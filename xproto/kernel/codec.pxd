# The compiled face of one protocol, as the datapath sees it.
from libc.stdint cimport int64_t, uint8_t, uint64_t

from xproto.kernel.frame cimport Direction, frame_t, identity_t
from xproto.kernel.lookup cimport Lookup
from xproto.kernel.program cimport Program
from xproto.kernel.scanner cimport Scanner

cdef class Codec(Scanner):
    cdef readonly str name
    cdef readonly bint echoes_text
    cdef readonly str pool             # "multiplexed" or "ping_pong"
    cdef readonly bint alone           # the same of the pool: one call at a time on a connection
    cdef readonly bint session         # a connection begins with a handshake
    cdef readonly bint in_order        # answers keep the order of their requests
    cdef readonly bint streams         # a frame may be passed on in pieces: head, whole chunks, a rest of fixed size
    cdef readonly tuple carried        # Codecs of the messages that a connection's streams carry; empty: it has no streams
    cdef readonly bytes media          # the content type by which a stream's message is this one's; empty: it has all others
    cdef readonly bint spelled         # its calls are made as gRPC's: a timeout has a unit, an answer ends with its status
    cdef readonly object lowered
    cdef Program verifier
    cdef Lookup echoed
    cdef object unwrap
    cdef dict templates
    cdef bytes _template(self, object what, int64_t variant, int64_t echo, bytes text, const identity_t* who)
    cdef readonly object timeout_key   # a lookup key that holds the call's timeout (in decimal milliseconds, if not `spelled`), or None
    # The plain form of a frame of kind WRAPPED, and what a scan says of it; raises MalformedError.
    cdef bytes plain(self, Direction direction, const uint8_t* frame, const frame_t* at, frame_t* out)
    # The text that a local reply to this request (the acknowledgement of this heartbeat) repeats; at most MAX_ECHO bytes,
    # else none.
    cdef bytes text_of(self, const uint8_t* frame, int64_t size)
    cdef bytearray _copy(self, const uint8_t* frame, const frame_t* at, const identity_t* who)
    cpdef Lookup lookup(self, tuple keys)
    cpdef str explain_fault(self, int direction, int64_t offset, int op)   # "bolt: content_len: ... at offset 18"
    # Ready-made frames, cached by their arguments; b"" where the protocol declares none.
    cdef bytes answer(self, int fault, int64_t variant, int64_t echo, bytes text, const identity_t* who)
    # The answer that a configuration gives (a spec.Direct); one that is long is built each time.
    cdef bytes direct(self, object what, int64_t variant, int64_t echo, bytes text, const identity_t* who)
    cpdef bytes reply(self, int fault, int64_t variant, int64_t echo, uint64_t id, bytes text=*)
    cpdef bytes heartbeat(self, int64_t variant, uint64_t id, bytes text=*)
    cpdef bytes heartbeat_ack(self, int64_t variant, int64_t echo, uint64_t id, bytes text=*)
    cpdef bytes handshake(self, int64_t variant, uint64_t id)
    cpdef bytes handshake_ack(self, int64_t variant, int64_t echo, uint64_t id)
    cdef object _told(self, int outcome, const frame_t* frame)    # the same, for Python
    cdef object _frame(self, const frame_t* frame)
