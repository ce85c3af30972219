from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from proxy.datapath.buffers cimport buf_t, queue_t
from proxy.datapath.core cimport Core, Turned
from proxy.datapath.transport cimport Transport
from xproto.kernel.run cimport progress_t

cdef enum State:
    CONNECTING = 0                # upstream: calls queue in the out buffer; it reads the answer to its handshake only
    DETECTING = 1                 # downstream: which protocol is it?
    OPEN = 2
    DRAINING = 3                  # upstream: said goaway; no new calls
    ENDING = 4                    # no more is read; a downstream goes when its calls are answered and written
    LINGERING = 5                 # downstream: we have ended; what still comes is thrown away, so that no reset overtakes
    CLOSED = 6


# The table of what a connection does, by state: one column a row here.
cdef enum:
    #           CONNECTING          DETECTING           OPEN          DRAINING          ENDING          LINGERING
    FEEDS =     1 << CONNECTING   | 1 << DETECTING    | 1 << OPEN   | 1 << DRAINING
    READS =     1 << CONNECTING   | 1 << DETECTING    | 1 << OPEN   | 1 << DRAINING                   | 1 << LINGERING
    SENDS =                         1 << DETECTING    | 1 << OPEN   | 1 << DRAINING   | 1 << ENDING
    TAKES =     1 << CONNECTING                       | 1 << OPEN
    WINDS_UP =                                                        1 << DRAINING   | 1 << ENDING


cdef class Conn(Turned):
    cdef Core core
    cdef Transport io
    cdef buf_t tail               # bytes of a frame that is not whole yet
    cdef queue_t out              # bytes to be sent
    cdef progress_t progress      # how far the tail's frame was walked
    cdef size_t need              # the tail is looked at again when it has so many bytes
    cdef uint64_t* rx             # counters
    cdef uint64_t* tx
    cdef int64_t heard            # when bytes last came
    cdef int64_t told             # when bytes last went
    cdef uint8_t state
    cdef bint stuck               # the socket took no more; writable() goes on
    cdef bint feeding             # frames of the tail are being looked at: it must stay
    cdef bint paused              # not reading, although the state would
    cdef bint owns                # in core.owners
    cdef bint securing            # a handshake of TLS is under way; nothing else is read or sent
    cdef int attach(self, Transport io, State state) except -1
    cdef int read(self) except -1
    cdef Py_ssize_t receive(self) noexcept
    cdef int feed(self, const uint8_t* data, size_t size) except -1
    cdef int feed_tail(self, const uint8_t** data, size_t* size) except -1
    cdef int keep(self, const uint8_t* data, size_t size, size_t ceiling) except -1
    cdef uint8_t* put(self, const uint8_t* frame, size_t size) noexcept
    cdef uint8_t* put_in(self, queue_t* queue, const uint8_t* frame, size_t size) noexcept
    cdef int owned_up(self) except -1
    cdef int send(self, bytes frame) except -1
    cdef int touch(self) except -1
    cdef int wait_for_room(self) except -1
    cdef int pause(self) except -1
    cdef int secure(self) except -1
    cdef int failed(self, int code) except -1
    cdef bint busy(self) noexcept             # is somebody waiting for it, or for what it has begun?
    cdef int shut(self) except -1
    cdef int closed(self) except -1
    # What the two sides do in their own way:
    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1  # bytes used; sets need for the rest
    cdef int connected(self) except -1
    cdef int secured(self) except -1          # the handshake of TLS is over, or there is none
    cdef int insecure(self) except -1         # it failed
    cdef int ended(self) except -1            # the peer sends no more
    cdef int broke(self, int code) except -1  # the socket failed
    cdef int drained(self) except -1          # everything has been sent
    cdef int gone(self) except -1             # now CLOSED: let go of everything
    cdef int starved(self) except -1          # no memory, or the budget of all buffers is used up
    cdef int unwaited(self) except -1         # one caller less waits for this upstream
    cdef int take_back(self, buf_t* sent, bint elsewhere) except -1   # the peer has not looked at what was sent
    cdef str label(self)


cdef inline void next_frame(Conn conn) noexcept nogil:
    """The frame that was being walked is done with; another begins behind it."""
    if conn.progress.at or conn.progress.walk != NULL:
        free(conn.progress.walk)
        memset(&conn.progress, 0, sizeof(progress_t))


cdef inline size_t owned(Conn conn) noexcept nogil:
    """Bytes of buffers that it is the owner of."""
    return conn.tail.room + conn.out.size


cdef inline bint may(Conn conn, int what) noexcept nogil:
    return (what >> conn.state) & 1
