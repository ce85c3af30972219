"""One connection: bytes to frames, and frames to bytes.

All connections read into one buffer of the worker (`Core.incoming`); a connection keeps only the bytes of a frame
that is not whole, and an idle one owns no buffer at all. A big frame is read straight into its tail, and the tail's
block is handed on when it is whole (`put`). What is to be sent is collected until the turn's end.

What always holds: nothing is scanned twice, since the tail is asked again only when the `need` it named is there, and
then goes on where it stopped (`progress`); one event reads or sends at most READ_SIZE bytes, so that nobody waits long
for the others; CLOSED is final and entered once, by `shut`; while `frames` runs over the tail, the tail is not freed,
whatever the frames cause; every entry from the loop ends with the connection in a good state or closed (`crash`).
"""

import traceback

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, ENOBUFS, EPROTO
from libc.stdint cimport uint8_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from proxy.datapath.buffers cimport MODEST, buf_t, consume, filled, queue_t
from proxy.datapath.core cimport READ_SIZE, Turned
from proxy.datapath.counters cimport add
from proxy.datapath.transport cimport DONE, FAILED, UNDER_WAY


NO_ROOM = "no memory, or the buffers of this worker are at their budget"


cdef class Conn(Turned):
    def __dealloc__(self):
        if self.core is not None:
            self.core.buffers.drop(&self.tail)
            self.core.buffers.drop_queue(&self.out)
        free(self.progress.walk)

    cdef int attach(self, Transport io, State state) except -1:
        """Begin with a transport: CONNECTING waits until it can be written, all others read."""
        self.io = io
        self.state = state
        self.heard = self.told = self.core.now
        io.owner = self
        if state == CONNECTING:
            io.watch_write(True)
        else:
            io.watch_read(True)
        return 0

    # -- from the loop ------------------------------------------------------------------------------------------

    def readable(self):
        try:
            self.core.now = self.core.clock.now()
            self.read()
        except BaseException as error:
            self.crash(error)
            if not isinstance(error, Exception):
                raise

    def writable(self):
        try:
            self.core.now = self.core.clock.now()
            if self.securing:
                self.secure()
            elif self.state == CONNECTING:
                self.connected()
            else:
                self.stuck = False
                self.flush()
        except BaseException as error:
            self.crash(error)
            if not isinstance(error, Exception):
                raise

    cdef int crash(self, object error) except -1:
        """Something in us failed: say so, and let this connection go rather than leave it half alive."""
        trace = "".join(traceback.format_exception(error)).rstrip()
        self.core.tell(f"{self.label()}: internal error, closed: {trace}")
        try:
            self.shut()
        except Exception as again:  # noqa: BLE001
            self.core.tell(f"internal error while closing: {again!r}")
        return 0

    # -- reading ------------------------------------------------------------------------------------------------

    cdef int read(self) except -1:
        """One read per event: level-triggered polling brings the rest, and the others get their turn."""
        cdef Py_ssize_t got
        cdef bint straight = self.tail.size >= READ_SIZE and self.need >= self.tail.size + MODEST
        if self.paused or not may(self, READS):
            return 0
        if self.securing:
            self.secure()
            if self.securing or not may(self, READS):
                return 0
        got = self.receive() if straight else self.io.recv(self.core.incoming, READ_SIZE)
        if 0 < got < MODEST:
            self.core.small = self.core.now
        if got > 0:
            self.heard = self.core.now
            add(self.rx, got)
            if straight:
                self.feed(NULL, 0)
            elif self.state != LINGERING:
                self.feed(self.core.incoming, got)
        elif got == 0:
            self.ended()
        elif got == -ENOBUFS:
            self.starved()
        elif got != -EAGAIN:
            self.failed(<int>-got)
        return 0

    cdef Py_ssize_t receive(self) noexcept:
        """A read straight into the tail, of no more than its frame needs: a big frame is not copied."""
        cdef size_t most = self.core.quantum()
        cdef size_t missing = self.need - self.tail.size
        cdef size_t free = self.tail.room - self.tail.head - self.tail.size
        cdef size_t wanted = min(min(free, most) if free >= MODEST else <size_t>READ_SIZE, missing)
        cdef uint8_t* into = self.core.buffers.extend(&self.tail, wanted, self.need)
        cdef Py_ssize_t got
        if into == NULL:
            return -ENOBUFS
        got = self.io.recv(into, min(wanted, most))
        if got > 0:
            self.tail.size += got
        return got

    cdef int feed(self, const uint8_t* data, size_t size) except -1:
        """Frames out of the tail followed by `data`; what is left becomes the tail."""
        cdef size_t used
        self.feeding = True
        try:
            if self.tail.size and not self.feed_tail(&data, &size):
                return 0
            if size:
                used = self.frames(data, size)
                if used < size and may(self, FEEDS):
                    self.keep(data + used, size - used, self.need)
        finally:
            self.feeding = False
            if not self.tail.size or not may(self, FEEDS):
                self.core.buffers.drop(&self.tail)
        return 0

    cdef int feed_tail(self, const uint8_t** data, size_t* size) except -1:
        """Work the tail off, topping it up to what its frame needs. 1: it is empty, go on with the rest of `data`.

        A frame that needs more each time it is looked at (a body in chunks) gets as much again as there is: looking goes
        on where it stopped, but each look has its cost.
        """
        cdef size_t more, wanted, used
        cdef bint grows = False
        while self.tail.size:
            if self.tail.size < self.need:
                wanted = max(self.need, 2 * self.tail.size) if grows else self.need
                more = min(size[0], wanted - self.tail.size)
                self.keep(data[0], more, wanted)
                data[0] += more
                size[0] -= more
                if self.tail.size < self.need:
                    return 0
            self.core.gift, self.core.more, self.core.more_size = &self.tail, data[0], size[0]
            try:
                used = self.frames(self.tail.data + self.tail.head, self.tail.size)
            finally:
                self.core.gift, self.core.more, self.core.more_size = NULL, NULL, 0
            if not may(self, FEEDS):
                return 0
            if self.tail.data == NULL:
                break                   # it went away with its frame
            consume(&self.tail, used)
            if self.paused:
                self.keep(data[0], size[0], 0)
                return 0
            if used == 0 and size[0] == 0:
                return 0
            grows = used == 0
        return 1

    cdef int keep(self, const uint8_t* data, size_t size, size_t ceiling) except -1:
        if size and not self.core.buffers.append(&self.tail, data, size, ceiling):
            return self.starved()
        return self.owned_up()

    cdef size_t owns_now(self) noexcept:
        return owned(self)

    cdef int owned_up(self) except -1:
        """Whoever owns much is on the list of those who may have to go."""
        if not self.owns and self.state != CLOSED and self.owns_now() > MODEST:
            self.core.owners[self] = None
            self.owns = True
        if self.core.buffers.over():
            self.core.schedule()
        return 0

    cdef int pause(self) except -1:
        """Stop reading; frames that are already here stay in the tail."""
        self.paused = True
        self.need = 0
        self.io.watch_read(False)
        return 0

    cdef int resume(self) except -1:
        """Go on with the frames that were left, then with reading."""
        if not self.paused or not may(self, FEEDS):
            return 0
        self.paused = False
        self.feed(NULL, 0)
        if not self.paused and may(self, FEEDS):
            self.io.watch_read(True)
        return 0

    # -- writing ------------------------------------------------------------------------------------------------

    cdef uint8_t* put(self, const uint8_t* frame, size_t size) noexcept:
        """Queue a whole frame and return where it lies now, to be patched; NULL: no memory, and nothing is queued."""
        return self.put_in(&self.out, frame, size)

    cdef uint8_t* put_in(self, queue_t* queue, const uint8_t* frame, size_t size) noexcept:
        """A frame that fills the buffer it came in is not copied: the buffer itself goes into the queue.
        """
        cdef buf_t* gift = self.core.gift
        cdef uint8_t* into
        if gift != NULL and gift.size == size and size > MODEST and frame == gift.data + gift.head:
            into = gift.data + gift.head
            return into if self.core.buffers.adopt(queue, gift) else NULL
        into = self.core.buffers.room(queue, size)
        if into != NULL:
            memcpy(into, frame, size)
            filled(queue, size)
        return into

    cdef int send(self, bytes frame) except -1:
        """Queue a ready-made frame; an empty one is none."""
        cdef size_t size = PyBytes_GET_SIZE(frame)
        if size and may(self, SENDS):
            if self.put(<uint8_t*>PyBytes_AS_STRING(frame), size) == NULL:
                return self.starved()
            self.touch()
        return 0

    cdef int touch(self) except -1:
        """There is something to send: do it in this turn."""
        if not self.dirty:
            self.core.dirty.append(self)
            self.dirty = True
            self.core.schedule()
        return 0

    cdef int flush(self) except -1:
        cdef Py_ssize_t put
        cdef Py_ssize_t wanted, left
        if self.stuck or not may(self, SENDS):
            return 0
        left = READ_SIZE if self.out.size <= READ_SIZE else self.core.quantum()
        while self.out.size:
            wanted = min(<Py_ssize_t>self.out.first.size, left)
            put = self.io.send(self.out.first.data + self.out.first.head, wanted)
            if put < 0 and put != -EAGAIN:
                return self.failed(<int>-put)
            if put > 0:
                left -= put
                self.core.buffers.sent(&self.out, put)
                add(self.tx, put)
                self.told = self.core.now
            if self.out.size and (put < wanted or left == 0):
                self.stuck = True
                return self.wait_for_room()
        self.core.buffers.drop_queue(&self.out)
        self.io.watch_write(False)
        return self.drained()

    cdef int wait_for_room(self) except -1:
        """The socket took what it could, or this event has sent enough: the loop says when it goes on."""
        self.owned_up()
        return self.io.watch_write(True)

    # -- TLS ----------------------------------------------------------------------------------------------------

    cdef int secure(self) except -1:
        """Begin with the handshake, or go on with it."""
        cdef int step = self.io.handshake()
        self.securing = step == UNDER_WAY
        if step == FAILED:
            return self.insecure()
        if step == DONE:
            return self.secured()
        self.io.watch_write(False)
        return self.io.watch_read(True)

    cdef int failed(self, int code) except -1:
        """Of the socket, or of TLS."""
        if self.io.why is not None and (code == EPROTO or self.busy()):
            self.core.tell(f"{self.label()}: TLS: {self.io.why}")
        return self.broke(code)

    cdef bint busy(self) noexcept:
        return False

    # -- the end ------------------------------------------------------------------------------------------------

    cdef int shut(self) except -1:
        """Close, from any state, once."""
        if self.state == CLOSED:
            return 0
        self.closed()
        try:
            if self.io is not None:
                self.io.close()
        finally:
            if not self.feeding:
                self.core.buffers.drop(&self.tail)
            self.gone()
            self.core.buffers.drop_queue(&self.out)
        return 0

    cdef int closed(self) except -1:
        """Nobody who looks at connections finds it any more."""
        self.state = CLOSED
        if self.owns:
            self.core.owners.pop(self, None)
            self.owns = False
        return 0

    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        return size

    cdef int connected(self) except -1:
        return 0

    cdef int secured(self) except -1:
        return 0

    cdef int insecure(self) except -1:
        return self.shut()

    cdef int ended(self) except -1:
        return self.shut()

    cdef int broke(self, int code) except -1:
        return self.shut()

    cdef int drained(self) except -1:
        return 0

    cdef int gone(self) except -1:
        return 0

    cdef int evicted(self) except -1:
        return self.starved()

    cdef int starved(self) except -1:
        """This connection's bytes do not fit any more: it goes, and the others get theirs."""
        self.core.tell(f"{self.label()}: closed: {NO_ROOM}")
        return self.shut()

    cdef int unwaited(self) except -1:
        return 0

    cdef int take_back(self, buf_t* sent, bint elsewhere) except -1:
        return 0

    cdef str label(self):
        return "connection"
