"""A connection of HTTP/2 to a host: many calls share it, each on a stream that looks like a connection of its own to them.

    CONNECTING --made--> OPEN --goaway, either way--> DRAINING --no stream is left--> CLOSED

What always holds: no more streams are lent than the server takes at a time; who waits for the connection to be made hears
of it, or why it was not; a connection that says goodbye lends none any more, and its owner stops offering it.
"""

import os

from libc.errno cimport ECONNREFUSED
from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.conn cimport CLOSED, CONNECTING, DRAINING, FEEDS, OPEN, Conn, may
from proxy.datapath.core cimport READ_SIZE
from proxy.datapath.counters cimport add, take
from proxy.datapath.h2_connection cimport Frames, H2End
from proxy.datapath.h2_exchange cimport H2Exchange
from proxy.datapath.h2_stream cimport H2Stream, new_stream
from xproto.kernel.hpack cimport headers_t
from xproto.kernel.http2_wire cimport NO_ERROR
from xproto.kernel.http2_streams cimport h2stream_t

cdef enum:
    MODEST_STREAMS = 100      # at a time, until the server says how many
    MOST_STREAMS = 1024       # whatever it says
    LATE_ID = 0x7FFFF000      # of streams: from here on another connection is made

ALPN = "h2"
OLDER = (None, "http/1.1", "http/1.0")


cdef class Sharer:
    cdef int stirred(self) except -1:
        return 0

    cdef int ended(self, H2Upstream connection) except -1:
        return 0

    cdef int unfit(self, str reason) except -1:
        return 0

    cdef int turn(self, bint older) except -1:
        return 0

    cdef str name(self):
        return "host"


cdef H2Upstream new_h2_upstream(Core core, object sharer, Transport io, limits_t* limits, host_count_t* count):
    """One that begins to connect."""
    cdef H2Upstream made = H2Upstream.__new__(H2Upstream)
    made.core, made.sharer, made.limits, made.count = core, sharer, limits, count
    made.rx, made.tx = count.rx, count.tx
    made.streams, made.used = {}, core.now
    made.begin_session(False)
    made.session.next_id = <uint32_t>core.first_id | 1
    made.attach(io, CONNECTING)
    if limits.user_timeout > 0:
        io.give_up_after(limits.user_timeout)
    if limits.connect_timeout > 0:
        core.wheel.set(&made.alarm, core.now + limits.connect_timeout)
    return made


cdef class H2Upstream(H2End):
    # -- its streams --------------------------------------------------------------------------------------------

    cdef bint has_room(self) noexcept:
        cdef int64_t most = self.session.peer_streams if self.session.settled else MODEST_STREAMS
        return self.state <= OPEN and not self.session.drains and not self.session.over and (
            len(self.streams) < min(most, <int64_t>MOST_STREAMS)) and self.session.next_id < LATE_ID

    cdef H2Stream stream_of(self):
        """A transport for one call after another."""
        cdef H2Stream made = new_stream(self, False)
        self.streams[made] = None
        return made

    cdef bint stream_for(self, H2Exchange stream) except -1:
        cdef h2stream_t* found = self.session.open() if self.state == OPEN else NULL
        if found == NULL:
            if self.state > OPEN:
                self.doom(stream)                # it had a stream when the others went elsewhere
            return False
        stream.begin(found)
        if self.session.next_id >= LATE_ID or self.session.streaming > 2 * MOST_STREAMS:     # a server that ends none of them
            self.leave()
        return True

    cdef int head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1:
        cdef H2Stream found
        if stream.owner == NULL:
            return (<Frames>self.session).leave(stream, ends)
        found = <H2Stream>stream.owner       # held: its owner, who holds it, may close in between
        return found.head_in(headers, ends)

    cdef bint translates(self) noexcept:
        return self.limits.grpc_web

    cdef int freed(self, H2Exchange stream) except -1:
        self.used = self.core.now
        if self.state != OPEN:
            return self.doom(stream)
        return self.touch() if self.blocked else 0

    cdef int left(self, H2Exchange stream) except -1:
        self.streams.pop(stream, None)
        if stream.stage:                     # it was at work
            self.used = self.core.now
        if self.blocked:
            self.touch()
        if self.state == DRAINING and not self.streams:
            self.touch()
        elif self.sharer is not None:
            (<Sharer>self.sharer).stirred()
        return 0

    # -- its life -----------------------------------------------------------------------------------------------

    cdef int connected(self) except -1:
        cdef int code = self.io.connected()
        if code:
            return self.refused(os.strerror(code))
        return Conn.secure(self)

    cdef int secured(self) except -1:
        if self.io.identity is not None:
            add(self.count.handshakes, 1)
            if self.io.identity.alpn != ALPN:
                if self.limits.by_alpn and self.io.identity.alpn in OLDER:
                    (<Sharer>self.sharer).turn(True)
                return self.refused(f"TLS: it agreed on {self.io.identity.alpn!r}, not on {ALPN}")
            self.by_tls = True
        self.state = OPEN
        self.made = True
        self.heard = self.told = self.core.now
        add(self.count.connections, 1)
        add(self.count.active, 1)
        self.io.watch_write(False)
        self.io.watch_read(True)
        self.session.now = self.core.now
        self.session.greet()
        self.set_alarm()
        self.unblock()
        return self.leave() if self.quits else 0

    cdef int insecure(self) except -1:
        (<Sharer>self.sharer).unfit(self.io.reason)
        return self.refused(f"TLS: {self.io.why}")

    cdef int refused(self, str why) except -1:
        self.why = why
        return self.shut()

    cdef int broke(self, int code) except -1:
        if self.state == CONNECTING:
            return self.refused(os.strerror(code))
        self.read_out()
        return self.shut()

    cdef int read_out(self) except -1:
        """What it sent before it went: answers, and a goaway that says which calls it has not looked at."""
        cdef Py_ssize_t got = 1
        while got > 0 and may(self, FEEDS) and not self.feeding:
            got = self.io.recv(self.core.incoming, READ_SIZE)
            if got > 0:
                add(self.rx, got)
                self.feed(self.core.incoming, got)
        return 0

    cdef int settled(self) except -1:
        if self.blocked:
            self.touch()
        return (<Sharer>self.sharer).stirred() if self.sharer is not None else 0

    cdef int goes(self, int code) except -1:
        """The server takes no new streams; those that it has seen come to their ends."""
        add(self.count.goaways, 1)
        if code != NO_ERROR:
            self.core.tell(f"{self.label()}: goaway, error {code}")
        return self.leave()

    cdef int leave(self) except -1:
        """No new calls."""
        cdef H2Stream each
        if self.state == CONNECTING:
            self.quits = True                # it hears of it again when it is made
            return self.shut() if not self.streams else 0
        if self.state != OPEN:
            return 0
        self.state = DRAINING
        (<Sharer>self.sharer).ended(self)
        for each in list(self.streams):
            if each.stream == NULL:
                each.give_up()
                self.doom(each)
        self.touch()
        return (<Sharer>self.sharer).stirred()           # another may be made in its place

    cdef int drained(self) except -1:
        return self.shut() if self.session.over or self.state == DRAINING and not self.streams else 0

    cdef int wrong(self, int code, str why) except -1:
        add(self.count.malformed, 1)
        return H2End.wrong(self, code, why)

    cdef int gone(self) except -1:
        cdef H2Stream each
        cdef object sharer = self.sharer
        H2End.gone(self)
        if self.made:
            take(self.count.active, 1)
        self.sharer = None
        if sharer is not None:
            (<Sharer>sharer).ended(self)
        for each in list(self.streams):
            each.why = self.why
            if self.made:
                each.give_up()
            each.drop_owner(ECONNREFUSED)
        if sharer is not None:
            (<Sharer>sharer).stirred()
        return 0

    # -- time ---------------------------------------------------------------------------------------------------

    cdef int set_alarm(self) except -1:
        cdef int64_t next_look = 0
        if self.limits.interval > 0:
            next_look = self.core.now + self.limits.interval
        if self.limits.idle_timeout > 0 and (next_look == 0 or self.core.now + self.limits.idle_timeout < next_look):
            next_look = self.core.now + self.limits.idle_timeout
        self.core.wheel.cancel(&self.alarm)
        return self.core.wheel.set(&self.alarm, next_look) if next_look else 0

    cdef int on_alarm(self) except -1:
        """Idle means that nothing was received; whatever comes, ends it."""
        if self.state == CONNECTING:
            if self.securing:
                (<Sharer>self.sharer).unfit("timeout")
            return self.refused("TLS: the handshake was not over in time" if self.securing else "no answer in time")
        if self.session.streaming == 0 and self.limits.idle_timeout > 0 and self.core.now - self.used >= self.limits.idle_timeout:
            self.leave()
            return self.touch()
        if self.limits.interval <= 0:
            return self.set_alarm()
        if self.session.pinged and self.heard < self.session.pinged:
            self.misses += 1
            add(self.count.heartbeats_missed, 1)
            if self.misses >= self.limits.misses:
                self.core.tell(f"{self.label()}: closed: {self.misses} pings without an answer")
                return self.shut()
        elif self.core.now - self.heard < self.limits.interval:
            self.misses = 0
            return self.set_alarm()
        else:
            self.misses = 0
        self.session.now = self.core.now
        self.session.ping()
        add(self.count.heartbeats_sent, 1)
        return self.core.wheel.set(&self.alarm, self.core.now + self.limits.patience)

    cdef bint busy(self) noexcept:
        return self.session.streaming > 0

    cdef str label(self):
        return f"{(<Sharer>self.sharer).name() if self.sharer is not None else 'host'}: http2 upstream"

    def describe(self):
        return {
            "protocol": "http2",
            "state": {CONNECTING: "connecting", OPEN: "open"}.get(self.state, "draining"),
            "in_flight": self.session.streaming,
            "streams": len(self.streams),
            "unsent": self.out.size,
            "buffered": self.tail.size,
            **({} if self.io is None or self.io.identity is None else {"tls": self.io.identity.describe()}),
        }
