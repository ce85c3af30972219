"""A client's connection of HTTP/2: each of its streams is a connection of its own to whoever answers requests.

    OPEN --goaway, ours--> the same, without new streams --the last has ended--> ENDING --written--> LINGERING --> CLOSED

What always holds: an owner of a stream is closed with its connection; of those that have no exchange at most SPARE are kept;
a connection that is to go says so first, and takes what was on its way when it said so.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from proxy.datapath.conn cimport CLOSED, DETECTING, LINGERING, OPEN, Conn
from proxy.datapath.counters cimport add, take
from proxy.datapath.h2_connection cimport Frames, H2End
from proxy.datapath.h2_exchange cimport H2Exchange
from proxy.datapath.h2_stream cimport H2Stream, new_stream
from proxy.datapath.port cimport Binding
from xproto.kernel.hpack cimport headers_t
from xproto.kernel.http1 cimport BODY_COUNTED
from xproto.kernel.http2_fields cimport is_media
from xproto.kernel.http2_floods cimport AT_CRUMBS, AT_STALLED
from xproto.kernel.http2_memo cimport memo_t
from xproto.kernel.http2_streams cimport SENT_END, STALLED, h2stream_t
from xproto.kernel.http2_text cimport TOO_MANY_CRUMBS, message_t, request_text
from xproto.kernel.http2_wire cimport CANCEL, ENHANCE_YOUR_CALM, PROTOCOL_ERROR

from xproto.kernel.http2_floods import NAMES

cdef enum:
    SPARE = 16                # owners without an exchange that are kept, of each kind
    PATIENCE = 20000000       # microseconds for a client that is silent, and has streams, to answer a ping
    GOODBYE = 1000000         # microseconds for the peer to answer the ping behind a goaway


cdef int new_h2_downstream(Guest origin, str client, Transport io, const uint8_t* data, size_t size) except -1:
    """Serve the connection that `origin` was, from these bytes on."""
    cdef H2Downstream made = H2Downstream.__new__(H2Downstream)
    made.core, made.port, made.origin, made.client = origin.core, origin.port, origin, client
    made.rx, made.tx = origin.rx, origin.tx
    made.streams, made.spare = {}, [[] for _ in origin.binding.carried]
    made.by_tls = io.identity is not None
    made.begin_session(True)
    made.port.shared[made] = None
    add(made.port.count.active, 1)
    try:
        made.attach(io, OPEN)
        made.session.greet()
        made.rest()
        if size:
            made.feed(data, size)
    except Exception as error:  # noqa: BLE001
        made.crash(error)
    return 0


cdef class H2Downstream(Shared):
    # -- its streams --------------------------------------------------------------------------------------------

    cdef int head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1:
        cdef message_t message
        cdef H2Stream taken
        cdef int64_t size
        cdef int kind = 0
        if stream.owner != NULL:
            taken = <H2Stream>stream.owner
            return taken.head_in(self.session.decoded() if headers == NULL else headers, ends)
        if stream.progress & SENT_END:           # trailers of a request that is answered
            return (<Frames>self.session).leave(stream, ends)
        size = self.request(headers, ends, &message, &kind)
        if size == TOO_MANY_CRUMBS:
            self.met(AT_CRUMBS)
        if size < 0:
            return self.session.reset(stream, ENHANCE_YOUR_CALM if size == TOO_MANY_CRUMBS else PROTOCOL_ERROR)
        if message.form == BODY_COUNTED:
            stream.left = message.length
        taken = self.take(kind)
        taken.begin(stream)
        taken.message = message
        taken.deliver(self.core.text, size)
        return taken.received() if ends else 0

    cdef int64_t request(self, const headers_t* headers, bint ends, message_t* message, int* kind) except? -1000:
        """Its text, into the core's; below 0: what is wrong with it."""
        cdef memo_t* memo = self.session.heard
        cdef int64_t size
        if headers == NULL:
            message[0], kind[0] = memo.message, memo.kind
            memcpy(self.core.text, memo.text, memo.text_size)
            return memo.text_size
        size = request_text(headers, ends, self.core.text, message)
        if size > 0:
            kind[0] = self.kind_of(message)
            message.media = NULL
            memo = self.session.keep(self.core.text, size, ends)
            if memo != NULL:
                memo.message, memo.kind = message[0], kind[0]
        return size

    cdef int kind_of(self, const message_t* message) except -1:
        """By the content type: which of the protocols that are carried."""
        cdef tuple carried = self.origin.binding.carried
        cdef bytes media
        cdef int kind
        for kind in range(1, len(carried) if message.media != NULL else 0):
            media = (<Binding>carried[kind]).codec.media
            if is_media(message.media, message.media_size, <const uint8_t*>media, len(media)):
                return kind
        return 0

    cdef H2Stream take(self, int kind):
        """With an owner that waits for a request."""
        cdef H2Stream found
        cdef list spare = self.spare[kind]
        while spare:
            found = spare.pop()
            if found.owner is not None and (<Guest>found.owner).fresh():
                return found
            found.drop_owner(0)
        found = new_stream(self, True)
        found.identity, found.kind = self.io.identity, kind
        self.streams[found] = None
        self.origin.branch(found, kind)
        return found

    cdef int freed(self, H2Exchange stream) except -1:
        if self.session.streaming == 0:
            self.heard = max(self.heard, self.core.now)
            if self.quits:
                self.touch()
        if len(<list>self.spare[stream.kind]) < SPARE and not self.session.last_said:
            (<list>self.spare[stream.kind]).append(stream)
            return 0
        return self.doom(stream)

    cdef int left(self, H2Exchange stream) except -1:
        self.streams.pop(stream, None)
        if stream in <list>self.spare[stream.kind]:
            (<list>self.spare[stream.kind]).remove(stream)
        if self.quits and self.session.streaming == 0:
            self.touch()
        return 0

    # -- its life -----------------------------------------------------------------------------------------------

    cdef int rest(self) except -1:
        """Count its idleness from now."""
        if self.state == OPEN and self.port.idle_timeout > 0:
            return self.core.wheel.set(&self.alarm, self.core.now + self.port.idle_timeout)
        return 0

    cdef int adjust(self, bint rest_of) except -1:
        cdef H2Stream each
        if not self.port.has(self.origin.chain) or (
                self.origin.chain.bindings.get(self.origin.binding.codec.name) is not self.origin.binding):
            return self.leave()
        for each in list(self.streams):
            if each.owner is not None:
                (<Guest>each.owner).adjust(rest_of)
        return self.rest() if rest_of and not self.quits else 0

    cdef int leave(self) except -1:
        if self.quits or self.state != OPEN:
            return 0
        self.quits = True
        self.session.goaway(False)
        self.session.ping()
        return self.core.wheel.set(&self.alarm, self.core.now + GOODBYE)

    cdef int ponged(self) except -1:
        return self.say_goodbye() if self.quits else 0

    cdef int say_goodbye(self) except -1:
        """Whatever was sent before our goaway came is here: the last stream that is served is known."""
        self.session.goaway(True)
        self.core.wheel.cancel(&self.alarm)
        self.rest()                              # whoever does not read it must not stay for ever
        return self.quit()

    cdef int on_alarm(self) except -1:
        cdef int64_t idle = self.port.idle_timeout
        cdef int64_t silent = self.core.now - self.heard
        cdef int64_t quiet = self.core.now - max(self.heard, self.told)
        if self.state == LINGERING:
            return self.shut()
        if self.state != OPEN:
            return 0
        if self.quits and not (self.session.last_said or self.session.over):
            return self.say_goodbye()
        if idle <= 0:
            return 0
        if self.session.pinged and self.heard < self.session.pinged:
            self.core.tell(f"{self.label()}: closed: it does not answer pings")
            return self.shut()
        if self.session.streaming == 0:
            if quiet < idle:
                return self.core.wheel.set(&self.alarm, self.core.now + idle - quiet)
            return self.shut() if self.session.last_said or self.session.over else self.say_goodbye()
        self.reap(idle)
        if self.session.streaming and silent >= idle:
            self.session.now = self.core.now
            self.session.ping()
            return self.core.wheel.set(&self.alarm, self.core.now + PATIENCE)
        return self.core.wheel.set(&self.alarm, self.core.now + (idle - silent if silent < idle else idle))

    cdef int reap(self, int64_t most) except -1:
        """Streams that had something to send for so long, and no window for it, hold what others could use."""
        cdef H2Stream each
        cdef Conn owner
        for each in list(self.streams):
            owner = <Conn>each.owner
            if owner is None or each.stream == NULL or not each.stream.progress & STALLED or self.core.now - owner.told < most:
                continue
            self.met(AT_STALLED)
            each.reset(CANCEL)
            each.drop_owner(0)
        return 0

    cdef int met(self, int which) except -1:
        add(self.port.counters.slot("http2_bounds_total", {"listener": self.port.name, "bound": NAMES[which]}), 1)
        return 0

    cdef int gone(self) except -1:
        cdef H2Stream each
        H2End.gone(self)
        for each in list(self.streams):
            each.drop_owner(0)
        take(self.port.count.active, 1)
        self.port.shared.pop(self, None)
        self.port.part()
        return 0

    cdef bint busy(self) noexcept:
        return self.session.streaming > 0

    cdef str label(self):
        cdef str peer = "gone" if self.io is None else self.io.peer()
        return f"listener {self.port.name}: downstream {f'{self.client} (by {peer})' if self.client else peer}"

    def describe(self):
        """For people, as plain data."""
        return {
            "peer": self.client or self.io.peer(),
            "via": self.io.peer() if self.client else None,
            "tls": None if self.io.identity is None else self.io.identity.describe(),
            "protocol": self.origin.binding.codec.name,
            "state": ("connecting", "detecting", "open", "draining", "ending", "lingering", "closed")[self.state],
            "in_flight": self.session.streaming,
            "paused": self.paused,
            "unsent": self.out.size,
            "buffered": self.tail.size,
        }
