"""What all connections of a worker share, and the turn that ends each round of the loop.

Whatever the events of a round put into out buffers is written at its end, in one go for each connection: a round that
reads from 32 clients makes one write to their common upstream.

What always holds: a connection is in `dirty` at most once, and closed ones in it do no harm; one that fails in a turn
is closed and the others get theirs; at the end of a turn the buffers are under their high water, or nobody owns much.
"""

cimport cython
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

from proxy.datapath.buffers cimport MODEST, Buffers
from proxy.datapath.calls cimport Calls
from proxy.datapath.clock cimport Clock
from proxy.datapath.transport cimport Network
from proxy.datapath.wheel cimport Wheel
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http2_wire cimport free_scratch, new_scratch
from xproto.kernel.http2_text cimport TEXT_ROOM

cdef enum:
    ROUNDS = 4                # of flushing in one turn; what is dirty then has its own turn


cdef class Turned:
    cdef int resume(self) except -1:
        return 0

    cdef int flush(self) except -1:
        return 0

    cdef int crash(self, object error) except -1:
        return 0

    cdef size_t owns_now(self) noexcept:
        return 0

    cdef int evicted(self) except -1:
        return 0


@cython.no_gc_clear                     # connections give their buffers back when they are freed, whenever that is
cdef class Core:
    """What all connections of a worker share."""

    def __cinit__(self, loop, Clock clock not None, Network network not None, log, uint64_t seed):
        self.loop, self.clock, self.network, self.log = loop, clock, network, log
        self.buffers, self.calls = Buffers(), Calls()
        self.wheel = Wheel(loop, clock, log)
        self.dirty, self.spare, self.paused, self.owners = [], [], [], {}
        self.parked = {}
        self.turn_soon = self.turn
        self.random = seed or 1
        self.first_id, self.scatters = 1, True
        self.now = clock.now()
        self.incoming = <uint8_t*>malloc(READ_SIZE)
        self.scratch = <uint8_t*>malloc(SCRATCH_SIZE)
        self.border = <uint8_t*>malloc(BORDER_SIZE)
        self.head = <head_t*>malloc(sizeof(head_t))
        if self.incoming == NULL or self.scratch == NULL or self.border == NULL or self.head == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.incoming)
        free(self.scratch)
        free(self.border)
        free(self.head)
        free(self.sent_head)
        free(self.text)
        free_scratch(self.blocks)

    cdef int speak_http2(self) except -1:
        """What connections of HTTP/2 share is there from the first one on."""
        if self.text != NULL:
            return 0
        if self.blocks == NULL:
            self.blocks = new_scratch()
        if self.sent_head == NULL:
            self.sent_head = <head_t*>malloc(sizeof(head_t))
        self.text = <uint8_t*>malloc(TEXT_ROOM)
        if self.text == NULL or self.sent_head == NULL:
            raise MemoryError
        return 0

    cdef uint64_t dice(self) noexcept:
        """64 random bits (splitmix64): for spreading load, not for secrets."""
        self.random += 0x9E3779B97F4A7C15ULL
        cdef uint64_t z = self.random
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
        return z ^ (z >> 31)

    cdef size_t quantum(self) noexcept:
        """Bytes of a big frame that one event may move now."""
        return POLITE if self.now - self.small < COMPANY else READ_SIZE

    cdef int schedule(self) except -1:
        if not self.scheduled:
            self.loop.call_soon(self.turn_soon)
            self.scheduled = True
        return 0

    cdef int tell(self, str line) except -1:
        """One line of log. A log that fails must not take a connection with it."""
        try:
            self.log(line)
        except Exception:  # noqa: BLE001, S110 - there is nowhere left to say it
            pass
        return 0

    def turn(self):
        """Once per turn of the loop: paused connections whose time has come go on, then all that is dirty is sent."""
        cdef Turned conn
        self.scheduled = True               # what comes up in this turn is done in it
        self.now = self.clock.now()
        if self.paused:
            self.flush_all()            # a connection that is free after this one is there for who goes on
            resumed, self.paused = self.paused, []
            for conn in resumed:
                try:
                    conn.resume()
                except Exception as error:  # noqa: BLE001
                    conn.crash(error)
        self.flush_all()
        if self.buffers.over():
            self.relieve()
        self.scheduled = False
        if self.dirty or self.paused:
            self.schedule()

    cdef int relieve(self) except -1:
        """The buffers are nearly used up: whoever owns most goes, until there is room again for the others.

        Done between events, since a connection that goes may be the one whose frame is just being passed on.
        """
        cdef Turned conn, worst
        cdef size_t size, most
        while self.buffers.over():
            worst, most = None, MODEST
            for conn in self.owners:
                size = conn.owns_now()
                if size > most:
                    worst, most = conn, size
            if worst is None:
                break                   # many who own little each: only who wants more is refused
            self.evictions += 1
            try:
                worst.evicted()
            except Exception as error:  # noqa: BLE001
                worst.crash(error)
        self.flush_all()
        return 0

    cdef int flush_all(self) except -1:
        """What a stream sends is its connection's to send: so there may be a second round, and never many."""
        cdef int rounds = 0
        while self.dirty and rounds < ROUNDS:
            self.flush_batch()
            rounds += 1
        return 0

    cdef int flush_batch(self) except -1:
        cdef Turned conn
        cdef list batch = self.dirty
        self.dirty = self.spare
        for conn in batch:
            conn.dirty = False
            try:
                conn.flush()
            except Exception as error:  # noqa: BLE001
                conn.crash(error)
        batch.clear()
        self.spare = batch
        return 0
