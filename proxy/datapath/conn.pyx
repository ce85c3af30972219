"""One connection: bytes to frames, and frames to bytes.

All connections read into one buffer of the worker (`Core.incoming`); a connection keeps only the bytes of a frame
that is not whole, and an idle one owns no buffer at all. What is to be sent is collected until the turn's end.

What always holds: `frames` sees each byte range once, since the tail is asked again only when the `need` it named is
there; CLOSED is final and entered once, by `shut`; while `frames` runs over the tail, the tail is not freed, whatever
the frames cause; every entry from the loop ends with the connection in a good state or closed (`crash`).
"""

import traceback

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN
from libc.stdint cimport uint8_t

from proxy.datapath.buffers cimport consume
from proxy.datapath.core cimport READ_SIZE, Turned
from proxy.datapath.counters cimport add


NO_ROOM = "no memory, or the buffers of this worker are at their budget"


cdef class Conn(Turned):
    def __dealloc__(self):
        if self.core is not None:
            self.core.buffers.drop(&self.tail)
            self.core.buffers.drop(&self.out)

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
            if self.state == CONNECTING:
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
        if self.paused or not may(self, READS):
            return 0
        got = self.io.recv(self.core.incoming, READ_SIZE)
        if got > 0:
            self.heard = self.core.now
            add(self.rx, got)
            if self.state != LINGERING:
                self.feed(self.core.incoming, got)
        elif got == 0:
            self.ended()
        elif got != -EAGAIN:
            self.broke(<int>-got)
        return 0

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

        A frame that needs more each time it is looked at (a body in chunks) gets at least as much again as there is:
        else every one of many small chunks would cost a walk over all of them.
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
            used = self.frames(self.tail.data + self.tail.head, self.tail.size)
            if not may(self, FEEDS):
                return 0
            consume(&self.tail, used)
            if self.paused:
                self.keep(data[0], size[0], 0)
                return 0
            if used == 0 and size[0] == 0:
                return 0
            grows = used == 0
        return 1

    cdef int keep(self, const uint8_t* data, size_t size, size_t ceiling) except -1:
        if size and (self.greedy(self.tail.size + size) or not self.core.buffers.append(&self.tail, data, size, ceiling)):
            return self.starved()
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

    cdef uint8_t* room(self, size_t size) noexcept:
        """Where the next `size` bytes to be sent go; the caller fills them and adds to `out.size`. NULL: no memory."""
        return self.core.buffers.extend(&self.out, size, 0)

    cdef int send(self, bytes frame) except -1:
        """Queue a ready-made frame; an empty one is none."""
        cdef size_t size = PyBytes_GET_SIZE(frame)
        if size and may(self, SENDS):
            if not self.core.buffers.append(&self.out, <uint8_t*>PyBytes_AS_STRING(frame), size, 0):
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
        if self.stuck or not may(self, SENDS):
            return 0
        while self.out.size:
            put = self.io.send(self.out.data + self.out.head, self.out.size)
            if put < 0 and put != -EAGAIN:
                return self.broke(<int>-put)
            if put > 0:
                consume(&self.out, put)
                add(self.tx, put)
                self.told = self.core.now
            if self.out.size:
                self.stuck = True
                return self.io.watch_write(True)
        self.core.buffers.drop(&self.out)
        self.io.watch_write(False)
        return self.drained()

    # -- the end ------------------------------------------------------------------------------------------------

    cdef int shut(self) except -1:
        """Close, from any state, once."""
        if self.state == CLOSED:
            return 0
        self.state = CLOSED
        try:
            if self.io is not None:
                self.io.close()
        finally:
            if not self.feeding:
                self.core.buffers.drop(&self.tail)
            self.gone()
            self.core.buffers.drop(&self.out)
        return 0

    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        return size

    cdef int connected(self) except -1:
        return 0

    cdef int ended(self) except -1:
        return self.shut()

    cdef int broke(self, int code) except -1:
        return self.shut()

    cdef int drained(self) except -1:
        return 0

    cdef int gone(self) except -1:
        return 0

    cdef bint greedy(self, size_t size) noexcept:
        return False

    cdef int starved(self) except -1:
        """This connection's bytes do not fit any more: it goes, and the others get theirs."""
        self.core.tell(f"{self.label()}: closed: {NO_ROOM}")
        return self.shut()

    cdef int unwaited(self) except -1:
        return 0

    cdef str label(self):
        return "connection"
