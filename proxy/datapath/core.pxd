from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.buffers cimport Buffers, buf_t
from proxy.datapath.calls cimport Calls
from proxy.datapath.clock cimport Clock
from proxy.datapath.transport cimport Network
from proxy.datapath.wheel cimport Wheel
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http2_wire cimport scratch_t

cdef enum:
    READ_SIZE = 256 * 1024        # bytes moved of one connection per event: as much as it may hold up the others
    POLITE = 64 * 1024            # the same, of a big frame while there are small ones: each event is a wait for them
    COMPANY = 2000                # microseconds after a read of a small frame in which there may be more
    SCRATCH_SIZE = 64 * 1024      # where lookups decode values
    BORDER_SIZE = 160 * 1024      # bytes: the biggest head as it goes on


cdef class Turned:
    """What takes part in a turn."""
    cdef bint dirty               # in core.dirty
    cdef int resume(self) except -1           # it was in core.paused
    cdef int flush(self) except -1
    cdef int crash(self, object error) except -1
    cdef size_t owns_now(self) noexcept       # bytes of buffers
    cdef int evicted(self) except -1          # it owns the most, and the buffers of the worker are nearly used up


cdef class Core:
    cdef readonly Buffers buffers
    cdef readonly Calls calls
    cdef readonly Wheel wheel
    cdef Clock clock
    cdef Network network
    cdef object loop, log, turn_soon
    cdef uint8_t* incoming        # the read buffer of all connections
    cdef uint8_t* scratch
    cdef uint8_t* border          # where heads of messages are rewritten
    cdef head_t* head             # what the last one said that was scanned
    cdef head_t* sent_head        # what the last one said that went into a stream
    cdef uint8_t* text            # where messages of HTTP/2 become text; NULL: there was none yet
    cdef scratch_t* blocks        # and where their header blocks are read and written
    cdef uint64_t nothing         # where streams count their bytes, which are their connection's
    cdef int reset_code           # why streams are reset while it is not 0 (an ErrorCode of HTTP/2)
    cdef int64_t now              # microseconds; read at the beginning of each event
    cdef bint scheduled
    cdef readonly dict parked     # what waits for a filter; the values mean nothing
    cdef int64_t small            # when small frames were last read
    cdef list dirty, spare, paused
    cdef dict owners              # connections that once owned much, the oldest first; the values mean nothing
    cdef buf_t* gift              # the tail whose frames are being looked at: a frame that fills it may take it along
    cdef const uint8_t* more      # what was read behind it, and is not looked at yet
    cdef size_t more_size
    cdef uint64_t random
    cdef uint64_t first_id        # of new upstream connections
    cdef bint scatters            # those with wide ids begin elsewhere each
    cdef readonly int64_t waiting # calls that somebody waits for
    cdef public int64_t shaking   # handshakes of TLS with clients that are under way; tests pretend that there are more
    cdef readonly uint64_t evictions
    cdef uint64_t dice(self) noexcept
    cdef size_t quantum(self) noexcept
    cdef int schedule(self) except -1
    cdef int tell(self, str line) except -1
    cdef int flush_all(self) except -1
    cdef int flush_batch(self) except -1
    cdef int relieve(self) except -1
    cdef int speak_http2(self) except -1
