"""Big frames passed on in pieces, from the connection that they come by to the one that they go by.

A frame that is whole when it is looked at, as nearly all are, is one event: it never comes here. One that is big, and
whose protocol has a body in chunks, is passed on from its head: head, chunks, then what follows them with the checksum
put right for the id that was rewritten at the beginning. The window is what the sink has not sent yet: over it the
source is not read. Other frames for the sink wait behind the one that is under way.

What always holds: `a.sink is b` exactly when `b.feeder is a`; the states follow `stream.xp_after`; a sink gets a whole
frame, or hears that it is broken off, and then it is closed, since nothing else would be right on its wire. A sink that
goes leaves its source reading: the rest of the frame is thrown away, and what follows is a frame again.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from proxy.datapath.buffers cimport filled, queue_t
from proxy.datapath.conn cimport Conn, next_frame, owned
from proxy.datapath.stream cimport ABORT, BODY, DATA, END, ENDED, HEAD, TRAILERS, step, stream_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport SCAN_NEED, SCAN_OK, Direction, frame_t, identity_t
from xproto.kernel.run cimport progress_t


cdef class Relay(Conn):
    cdef bint can_stream(self, const frame_t* at, size_t size) noexcept:
        """Is this incomplete frame, of which `size` bytes are there, one to pass on from here?"""
        return size >= STREAM_FROM and at.known and self.codec.streams and 0 <= at.body_at < self.progress.at

    cdef bint begin(self, Relay sink, Direction direction, const uint8_t* frame, const frame_t* at, uint64_t id) except -1:
        """Pass on the head and the chunks that are whole (`progress`), under another id.

        False: the sink had no room for them, and is closed. What is to come of the frame is thrown away.
        """
        cdef uint8_t* into
        self.skip(at, id)
        into = sink.piece(frame, self.stream.passed)
        if into == NULL:
            return False
        self.codec.set_id(direction, into, at, id)
        self.sink, sink.feeder = sink, self
        return True

    cdef int skip(self, const frame_t* at, uint64_t id) except -1:
        """The head and the chunks that are whole are done with."""
        cdef stream_t* stream = &self.stream
        step(stream, HEAD)
        stream.passed, stream.old_id, stream.new_id = self.progress.at, at.id, id
        stream.id_end = at.id_at + self.codec.id_width
        stream.timeout_end = 0
        next_frame(self)
        return 0

    cdef int carry_timeout(self, const frame_t* at, int64_t milliseconds) except -1:
        """Right after `begin`: the timeout in the head is another one, too."""
        cdef queue_t* queue = &self.sink.out
        cdef uint8_t* end
        if at.timeout_at < 0 or milliseconds == at.timeout:
            return 0
        end = queue.last.buf.data + queue.last.buf.head + queue.last.buf.size if queue.last != NULL else (
            queue.first.data + queue.first.head + queue.first.size)
        self.stream.old_timeout = at.timeout
        self.stream.new_timeout = self.codec.set_timeout(end - self.stream.passed, at, milliseconds)
        self.stream.timeout_end = at.timeout_at + self.codec.timeout_width
        return 0

    cdef int go_on(self, const uint8_t* data, size_t size, size_t* used) except -1:
        """More of the frame that is under way. 1: that was its end; 0: it needs more, or was malformed."""
        cdef frame_t at
        cdef int outcome = self.codec.scan_rest(data, size, self.stream.passed, &at, &self.progress)
        cdef size_t ready
        if outcome == SCAN_OK and 0 < at.size <= <int64_t>size:
            used[0] = at.size
            self.pass_rest(data, &at)
            return 1
        if outcome != SCAN_NEED:
            self.misread(self.codec.explain_fault(0, at.size, at.op))
            return 0
        ready = self.progress.at
        self.need = max(<size_t>at.size, size + 1) - ready
        used[0] = ready
        if not ready:
            return 0
        next_frame(self)
        step(&self.stream, DATA)
        self.stream.passed += ready
        if self.sink is not None and self.sink.piece(data, ready) != NULL and self.sink.out.size > self.sink.window:
            self.pause()
        return 0

    cdef int pass_rest(self, const uint8_t* data, const frame_t* at) except -1:
        """What follows the chunks. Its checksum is moved along with what was rewritten: a wrong one stays wrong."""
        cdef stream_t* stream = &self.stream
        cdef Relay sink = self.sink
        cdef uint8_t* into
        cdef int64_t crc_end
        next_frame(self)
        step(stream, TRAILERS)
        if sink is not None:
            into = sink.piece(data, at.size)
            if into != NULL and at.crc_at >= 0:
                crc_end = stream.passed + at.crc_at
                self.codec.fix_crc(into + at.crc_at, stream.old_id, stream.new_id, crc_end - stream.id_end)
                if stream.timeout_end:
                    self.codec.fix_timeout_crc(into + at.crc_at, stream.old_timeout, stream.new_timeout,
                                               crc_end - stream.timeout_end)
        step(stream, END)
        if self.sink is not None:
            self.sink = sink.feeder = None
            if not self.core.buffers.join(&sink.out, &sink.behind):
                sink.starved()
        return self.finished()

    cdef uint8_t* piece(self, const uint8_t* data, size_t size) except? NULL:
        """Queue a part of a frame and return where it lies now. NULL: no memory, and this connection is closed."""
        cdef uint8_t* into = self.core.buffers.room(&self.out, size)
        if into == NULL:
            self.starved()
            return NULL
        memcpy(into, data, size)
        filled(&self.out, size)
        self.owned_up()
        self.touch()
        return into

    cdef uint8_t* put_as(self, Codec codec, Direction direction, const uint8_t* frame, const frame_t* at,
                         const identity_t* who) noexcept:
        """Queue a whole frame under other ids and return where it lies now. NULL: no memory, and nothing is queued."""
        cdef queue_t* queue = self.queue()
        cdef uint8_t* into
        cdef size_t size
        if codec.moves:
            size = codec.size_as(at, who)
            into = self.core.buffers.room(queue, size)
            if into != NULL:
                codec.write_as(into, frame, at, who)
                filled(queue, size)
            return into
        into = self.put_in(queue, frame, at.size)
        if into != NULL:
            codec.set_id(direction, into, at, who.id)
            if codec.twice:
                codec.set_again(into, at, who.again)
        return into

    cdef uint8_t* put(self, const uint8_t* frame, size_t size) noexcept:
        return self.put_in(self.queue(), frame, size)

    cdef queue_t* queue(self) noexcept:
        """Where a whole frame goes: behind all that is there, and behind the frame that comes in pieces now."""
        return &self.out if self.feeder is None else &self.behind

    cdef size_t owns_now(self) noexcept:
        return owned(self) + self.behind.size

    cdef int flush(self) except -1:
        Conn.flush(self)
        if self.feeder is not None and self.out.size <= self.window // 2:
            self.feeder.soon()
        return 0

    cdef int soon(self) except -1:
        """If it is paused, it goes on in this turn, or finds out that it cannot yet."""
        if self.paused and not self.waking:
            self.waking = True
            self.core.paused.append(self)
            self.core.schedule()
        return 0

    cdef int resume(self) except -1:
        self.waking = False
        return Conn.resume(self)

    # -- the end ------------------------------------------------------------------------------------------------

    cdef int abort(self) except -1:
        """No more will come of the frame that is under way."""
        cdef Relay sink = self.sink
        if self.stream.half == BODY:
            step(&self.stream, ABORT)
        if sink is not None:
            self.sink = sink.feeder = None
            sink.broken_off()
        return 0

    cdef int part(self) except -1:
        """This connection is closed: both frames that it has to do with end here."""
        cdef Relay feeder = self.feeder
        if feeder is not None:
            self.feeder = feeder.sink = None
            feeder.soon()
        self.core.buffers.drop_queue(&self.behind)
        return self.abort()

    cdef int closed(self) except -1:
        Conn.closed(self)
        return self.part()

    cdef int finished(self) except -1:
        return 0

    cdef int broken_off(self) except -1:
        return self.shut()

    cdef int misread(self, str why) except -1:
        return self.shut()

    def __dealloc__(self):
        if self.core is not None:
            self.core.buffers.drop_queue(&self.behind)
