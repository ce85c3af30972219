"""A connection of HTTP/2, of a client or to a server: its bytes and its session; what it carries are `H2Stream`s.

What always holds: `end.session.end is end` until it is closed; a stream that is open has a transport, or is being given one;
when the connection ends, the owner of each hears of it once. What its streams send waits in `out`, and they wait when
that has more than CROWDED bytes.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.buffers cimport filled as fill
from proxy.datapath.conn cimport CLOSED, ENDING, LINGERING, OPEN, SENDS, Conn, may
from proxy.datapath.h2_exchange cimport CROWDED
from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.http2_streams cimport ENDED_WELL, RESET_BY_PEER, SENT_END, find_stream, h2stream_t, unstall

from xproto.kernel.http2_wire import NAMES

cdef enum:
    UNREAD = 1024 * 1024      # bytes: who does not read what it made us send, beside what its streams may, is cut


cdef int fire(alarm_t* alarm) except -1:
    cdef H2End end = <H2End>alarm.owner
    try:
        end.core.now = end.core.clock.now()
        return end.on_alarm()
    except Exception as error:  # noqa: BLE001
        return end.crash(error)


cdef class Frames(Session):
    cdef uint8_t* room(self, size_t size) except NULL:
        cdef uint8_t* into = NULL
        if self.sends():
            if self.end.out.size < UNREAD:
                into = self.end.core.buffers.room(&self.end.out, size)
            if into == NULL:
                self.over = self.starved = True      # nothing that is sent now would be whole
                self.end.touch()                     # it is not closed here: whoever writes holds a stream of it
        return into if into != NULL else self.scratch.waste

    cdef bint sends(self) noexcept:
        return self.end is not None and not self.starved and may(self.end, SENDS)

    cdef int filled(self, size_t size) except -1:
        if self.sends():
            fill(&self.end.out, size)
            self.end.touch()
        return 0

    cdef int on_head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1:
        return self.end.head(stream, headers, ends)

    cdef int on_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1:
        cdef H2Stream found
        if stream.owner == NULL:
            return self.leave(stream, ends)
        found = <H2Stream>stream.owner       # held: its owner, who holds it, may close in between
        return found.data_in(data, size, ends)

    cdef int leave(self, h2stream_t* stream, bint ends) except -1:
        """Nobody is there for the rest of a stream whose messages are whole but for its end."""
        if not ends or not stream.progress & SENT_END:
            return 0
        self.close(stream, ENDED_WELL)
        return self.end.touch()              # somebody may wait for its place, or the connection for its end

    cdef int on_reset(self, h2stream_t* stream, int code, bint unprocessed) except -1:
        cdef H2Stream found
        if stream.owner == NULL:
            return self.end.touch()
        found = <H2Stream>stream.owner
        stream.owner = NULL
        return found.broken(code, unprocessed)

    cdef int on_writable(self, h2stream_t* stream) except -1:
        cdef uint32_t left = self.streams.count
        cdef H2Stream found
        if stream != NULL:
            unstall(&self.streams, stream)
            if stream.owner == NULL:
                return 0
            found = <H2Stream>stream.owner
            return found.go_on()
        while left and self.streams.stalled != NULL and self.send_window > 0:
            left -= 1
            stream = self.streams.stalled
            if stream.send_window <= 0:
                self.streams.stalled = stream.next       # its own is closed: to the end of the line
                continue
            unstall(&self.streams, stream)
            if stream.owner != NULL:
                found = <H2Stream>stream.owner
                found.go_on()
        return 0

    cdef int on_settings(self) except -1:
        return self.end.settled()

    cdef int on_goaway(self, int code) except -1:
        return self.end.goes(code)

    cdef int on_error(self, int code, str why) except -1:
        return self.end.wrong(code, why)

    cdef int on_pong(self) except -1:
        return self.end.ponged()

    cdef int on_bound(self, int which) except -1:
        return self.end.met(which)


cdef class H2End(H2Connection):
    cdef int begin_session(self, bint server) except -1:
        cdef Frames frames = Frames.__new__(Frames)
        self.core.speak_http2()
        self.blocked, self.doomed = [], []
        frames.end, frames.server, frames.scratch, frames.now = self, server, self.core.blocks, self.core.now
        self.session = frames
        self.alarm.owner, self.alarm.fire = <void*>self, fire
        return 0

    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef Py_ssize_t used
        self.session.now = self.core.now
        used = self.session.take(data, size)
        self.need = self.session.need
        return used

    cdef int flush(self) except -1:
        cdef H2Stream each
        cdef list some
        if (<Frames>self.session).starved and self.state != CLOSED:
            return self.starved()
        if self.doomed:
            some, self.doomed = self.doomed, []
            for each in some:
                if not each.near:
                    each.give_up()           # a call may have come to it since it was doomed
                each.drop_owner(0)
        Conn.flush(self)
        return self.unblock() if self.out.size <= CROWDED // 2 else 0

    cdef int unblock(self) except -1:
        """Each of those that wait has its turn while there is room; who has none left is first the next time."""
        cdef H2Stream each
        cdef Py_ssize_t left = len(self.blocked)
        while left and self.blocked and self.out.size <= CROWDED and may(self, SENDS):
            left -= 1
            each = self.blocked.pop(0)
            each.blocked = False
            each.go_on()
        return 0

    cdef int quit(self) except -1:
        """No more streams: it ends when those that there are have."""
        self.quits = True
        return self.touch()

    cdef int drained(self) except -1:
        if self.state == OPEN and (self.session.over or self.quits and self.session.last_said and self.session.streaming == 0):
            self.state = ENDING
        if self.state != ENDING:
            return 0
        self.state = LINGERING
        self.core.buffers.drop(&self.tail)
        self.io.end()
        self.io.watch_read(True)
        return self.core.wheel.set(&self.alarm, self.core.now + LINGER)

    cdef int wrong(self, int code, str why) except -1:
        """A connection error of the peer's: it is told, and that is all."""
        self.core.tell(f"{self.label()}: closed: {NAMES[code]}: {why}")
        return self.break_streams()

    cdef int break_streams(self) except -1:
        """Whoever has a stream here hears that it has ended."""
        cdef h2stream_t* stream
        cdef uint32_t i
        cdef list ids = []
        for i in range(self.session.streams.room):
            if self.session.streams.slots[i] != NULL:
                ids.append(self.session.streams.slots[i].id)
        for each in ids:
            stream = find_stream(&self.session.streams, each)
            if stream != NULL:
                self.session.break_off(stream, 0, False, RESET_BY_PEER)
        return 0

    cdef int gone(self) except -1:
        cdef Frames frames = <Frames>self.session
        self.core.wheel.cancel(&self.alarm)
        frames.over = True
        try:
            self.break_streams()
        finally:
            frames.end = None
            self.blocked, self.doomed = [], []
        return 0

    cdef int head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1:
        return 0

    cdef int settled(self) except -1:
        return 0

    cdef int ponged(self) except -1:
        return 0

    cdef int goes(self, int code) except -1:
        return 0

    cdef int on_alarm(self) except -1:
        return 0

    cdef int met(self, int which) except -1:
        return 0
