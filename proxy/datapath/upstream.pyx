"""One connection to a host, shared by the calls of many downstream connections: its life, and what keeps it alive.

    CONNECTING --made, greeted--> OPEN --goaway--> DRAINING --nobody waits--> CLOSED
        `--refused, timeout--> CLOSED                `--reset, malformed, no heartbeat ack--> CLOSED

What always holds: the keeper hears of each step, and of the end exactly once, when the calls are still there; after
that every call has been moved or answered.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EILSEQ, EPIPE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from proxy.datapath.buffers cimport queue_t
from proxy.datapath.calls cimport call_t, fresh_id
from proxy.datapath.answers cimport Answers
from proxy.datapath.carrier cimport ALONE, limits_t
from proxy.datapath.conn cimport CLOSED, CONNECTING, DRAINING, FEEDS, OPEN, may, next_frame
from proxy.datapath.core cimport Core
from proxy.datapath.h2_upstream cimport Sharer
from proxy.datapath.counters cimport CLOSED_EARLY, CONNECT, MALFORMED, add, host_count_t, take
from proxy.datapath.relay cimport WINDOW
from proxy.datapath.stream cimport BODY
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport (
    FROM_UPSTREAM, KIND_GOAWAY, KIND_HANDSHAKE_ACK, KIND_HEARTBEAT, KIND_HEARTBEAT_ACK, KIND_RESPONSE, KIND_WRAPPED, SCAN_NEED,
    SCAN_OK, frame_t,
)

from proxy.datapath.h2_upstream import ALPN
from xproto.errors import MalformedError


cdef enum:
    # Where an id has 64 bits, each connection's begin elsewhere: some servers (Dubbo's Thrift) remember ids beyond their
    # connection. Within 53 bits, so that no client takes them for other numbers.
    SCATTERED = 0xFFFFFFFFFFFFFFFF
    APART = 0x000FFFFFFFFF0000


cdef class Keeper(Sharer):
    cdef int opened(self, Upstream upstream) except -1:
        return 0

    cdef int failed(self, Upstream upstream, str why) except -1:
        return 0

    cdef int insecure(self, str reason) except -1:
        return 0

    cdef int drains(self, Upstream upstream) except -1:
        return 0

    cdef int lost(self, Upstream upstream) except -1:
        return 0

    cdef int freed(self, Upstream upstream) except -1:
        return 0

    cdef int again(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        return 0

    cdef str label(self):
        return "host"


cdef int fire_watch(alarm_t* alarm) except -1:
    cdef Upstream upstream = <Upstream>alarm.owner
    try:
        upstream.core.now = upstream.core.clock.now()
        return upstream.on_watch()
    except Exception as error:  # noqa: BLE001
        return upstream.crash(error)


cdef int fire_rest(alarm_t* alarm) except -1:
    cdef Upstream upstream = <Upstream>alarm.owner
    try:
        upstream.core.now = upstream.core.clock.now()
        return upstream.on_rest()
    except Exception as error:  # noqa: BLE001
        return upstream.crash(error)


cdef Upstream new_upstream(Core core, Keeper keeper, Codec codec, int64_t variant, int lane, limits_t* limits,
                           host_count_t* count):
    """An upstream without a transport yet."""
    cdef Upstream made = Upstream.__new__(Upstream)
    made.core, made.keeper, made.codec, made.variant, made.lane = core, keeper, codec, variant, lane
    made.limits, made.count = limits, count
    made.rx, made.tx = count.rx, count.tx
    made.since = made.used = core.now
    made.watch.owner = made.rest.owner = <void*>made
    made.watch.fire, made.rest.fire = fire_watch, fire_rest
    made.ids.mask = <uint64_t>-1 if codec.id_bits >= 64 else (<uint64_t>1 << codec.id_bits) - 1
    made.ids.base = codec.id_base
    made.ids.next = core.first_id
    if core.scatters and made.ids.mask == SCATTERED:
        made.ids.next += core.dice() & APART
    made.limit()
    return made


cdef class Upstream(Answers):
    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef frame_t at
        cdef size_t used = 0
        cdef size_t more
        cdef int outcome
        if self.state == CONNECTING:
            return self.greeted(data, size)
        if self.codec.headed:
            return self.answers_in(data, size)
        if self.stream.half == BODY and (not self.go_on(data, size, &used) or self.paused or not may(self, FEEDS)):
            return used
        while used < size:
            outcome = self.codec.scan_on(FROM_UPSTREAM, data + used, size - used, &at, &self.progress)
            if outcome == SCAN_OK and 0 < at.size <= <int64_t>(size - used):
                next_frame(self)
                if self.answers(&at):
                    self.answer(data + used, &at)
                elif at.kind == KIND_WRAPPED:
                    self.unwrapped(data + used, &at)
                elif at.kind == KIND_RESPONSE:
                    self.malformed(f"{self.codec.name}: an answer in another version than this connection's")
                else:
                    self.control(&at)
                used += at.size
                if not may(self, FEEDS):
                    break
            elif outcome == SCAN_NEED:
                self.need = max(<size_t>at.size, size - used + 1)
                if self.can_stream(&at, size - used) and self.answers(&at) and self.answer_on(data + used, &at):
                    used += self.stream.passed
                    more = 0
                    self.go_on(data + used, size - used, &more)
                    used += more
                break
            else:
                self.malformed(self.codec.explain_fault(FROM_UPSTREAM, at.size, at.op))
                break
        return used

    cdef int unwrapped(self, const uint8_t* frame, const frame_t* at) except -1:
        """An answer that is compressed goes on in its plain form."""
        cdef frame_t inner
        cdef bytes plain
        try:
            plain = self.codec.plain(FROM_UPSTREAM, frame, at, &inner)
        except MalformedError as error:
            return self.malformed(str(error))
        if not self.answers(&inner):
            return self.malformed(f"{self.codec.name}: a wrapped frame of kind {inner.kind} from upstream")
        return self.answer(<const uint8_t*>plain, &inner)

    cdef bint answers(self, const frame_t* at) noexcept:
        return at.kind == KIND_RESPONSE and at.variant == self.variant

    cdef int misread(self, str why) except -1:
        return self.malformed(why)

    cdef int control(self, const frame_t* at) except -1:
        """Every kind of frame but answers. An ack needs nothing: any byte that comes clears the heartbeat."""
        if at.kind == KIND_HEARTBEAT:
            if self.out.size + self.behind.size > self.limits.out_limit:
                return self.broke(EPIPE)
            add(self.count.heartbeats_answered, 1)
            self.send(self.codec.heartbeat_ack(at.variant, at.echo, at.id))
        elif at.kind == KIND_GOAWAY:
            add(self.count.goaways, 1)
            self.leave()
        elif at.kind != KIND_HEARTBEAT_ACK:
            self.malformed(f"{self.codec.name}: a frame of kind {at.kind} from upstream")
        return 0

    cdef int malformed(self, str why) except -1:
        add(self.count.malformed, 1)
        self.core.tell(f"{self.label()}: malformed, closed: {why}")
        return self.shut()

    # -- its life -----------------------------------------------------------------------------------------------

    cdef int connected(self) except -1:
        cdef int code = self.io.connected()
        if code:
            return self.refused(os.strerror(code))
        return self.secure()

    cdef int secured(self) except -1:
        if self.io.identity is not None:
            add(self.count.handshakes, 1)
            if self.limits.by_alpn and self.codec.headed and self.io.identity.alpn == ALPN:
                self.keeper.turn(False)
                return self.refused(f"TLS: it agreed on {ALPN}, and spoke HTTP/1.1 before")
        return self.greet() if self.codec.session else self.opened()

    cdef int insecure(self) except -1:
        self.keeper.insecure(self.io.reason)
        return self.refused(f"TLS: {self.io.why}")

    cdef int greet(self) except -1:
        """The handshake goes first. It is connecting still, with what time is left for that, until it is answered."""
        cdef bytes frame = self.codec.handshake(self.variant, fresh_id(&self.ids))
        self.io.watch_write(False)
        self.io.watch_read(True)
        if self.io.send(<const uint8_t*>PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame)) != PyBytes_GET_SIZE(frame):
            return self.refused("the handshake could not be sent")
        add(self.tx, PyBytes_GET_SIZE(frame))
        return 0

    cdef Py_ssize_t greeted(self, const uint8_t* data, size_t size) except -1:
        """Bytes used: those of the answer to the handshake, and of what follows it."""
        cdef frame_t at
        cdef int outcome = self.codec.scan_on(FROM_UPSTREAM, data, size, &at, &self.progress)
        if outcome == SCAN_NEED:
            self.need = max(<size_t>at.size, size + 1)
            return 0
        next_frame(self)
        if outcome != SCAN_OK or at.kind != KIND_HANDSHAKE_ACK:
            self.refused(f"it does not accept the handshake of {self.codec.name}")
            return 0
        self.opened()
        if not may(self, FEEDS) or at.size >= <int64_t>size:
            return at.size
        return at.size + self.frames(data + at.size, size - at.size)

    cdef int opened(self) except -1:
        self.state = OPEN
        self.made = True
        self.heard = self.told = self.began = self.core.now
        self.keeper.opened(self)
        self.streams_by = self.io.streams
        if not self.streams_by:
            add(self.count.connections, 1)
            add(self.count.active, 1)
        self.forget_oneways()
        if self.lane == ALONE and self.live == 0:
            self.forget_unsent()
        self.io.watch_read(True)
        self.take_body()
        self.set_alarms()
        return self.flush()

    cdef int leave(self) except -1:
        """No new calls: it goes when nobody waits for it any more. One that still connects hears of it when it has."""
        if self.state == OPEN:
            self.state = DRAINING
            self.keeper.drains(self)
            return self.touch()
        if self.state == CONNECTING and self.ids.count == 0:
            return self.shut()
        return 0

    cdef int refused(self, str why) except -1:
        """Connecting failed: what waited for it goes to other hosts."""
        cdef queue_t queued = self.out
        memset(&self.out, 0, sizeof(queue_t))
        try:
            self.closed()
            self.core.wheel.cancel(&self.watch)
            self.io.close()
            self.keeper.failed(self, why)
            self.keeper.lost(self)
            self.move_calls(&queued)
        finally:
            if not self.feeding:
                self.core.buffers.drop(&self.tail)
            self.fail_calls(CONNECT)
            self.core.buffers.drop_queue(&queued)
        return 0

    cdef int again(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        return self.keeper.again(self, call, frame, at)

    cdef int drained(self) except -1:
        if self.state == DRAINING and self.live == 0 and self.feeder is None:
            return self.shut()
        if self.lane == ALONE and self.state == OPEN and self.ids.count == 0 and not self.shelved:
            if self.tail.size:
                return self.malformed("bytes behind its answer")
            return self.keeper.freed(self)
        return 0

    cdef int ended(self) except -1:
        self.suspect()
        return self.refused("closed before it answered the handshake") if self.state == CONNECTING else Answers.ended(self)

    cdef bint busy(self) noexcept:
        return self.live > 0 or self.feeder is not None

    cdef int suspect(self) except -1:
        """With TLS 1.3 a server judges our certificate when the handshake is over for us, and some just go then."""
        if self.made and self.io.identity is not None and self.io.reason != "alert" and self.heard == self.began and self.live:
            self.core.tell(f"{self.label()}: ended right behind the handshake: it may not accept our certificate, or want one")
        return 0

    cdef int broke(self, int code) except -1:
        if self.state == CONNECTING:
            return self.refused(self.io.why if self.io.streams and self.io.why else os.strerror(code))
        self.suspect()
        self.misfed = code == EILSEQ
        return self.shut()

    cdef int gone(self) except -1:
        self.core.wheel.cancel(&self.watch)
        self.core.wheel.cancel(&self.rest)
        if self.made and not self.streams_by:
            take(self.count.active, 1)
        try:
            self.keeper.lost(self)
        finally:
            self.fail_calls(MALFORMED if self.misfed else CLOSED_EARLY)
        return 0

    # -- time ---------------------------------------------------------------------------------------------------

    cdef int set_alarms(self) except -1:
        self.core.wheel.cancel(&self.watch)
        self.core.wheel.cancel(&self.rest)
        if self.limits.interval > 0:
            self.core.wheel.set(&self.watch, max(self.core.now, self.heard + self.limits.interval))
        if self.limits.idle_timeout > 0:
            self.core.wheel.set(&self.rest, max(self.core.now, self.used + self.limits.idle_timeout))
        return 0

    cdef int limit(self) except -1:
        self.most = 1 if self.lane == ALONE else min(self.limits.max_in_flight, self.ids.mask // 2)
        self.window = min(<size_t>WINDOW, self.limits.out_limit)
        return 0

    cdef int adjust(self) except -1:
        """The limits are new; one that still connects keeps the time it was given for that."""
        self.limit()
        self.beat = self.misses = 0
        return self.set_alarms() if self.made else 0

    cdef int on_watch(self) except -1:
        if self.securing:
            self.keeper.insecure("timeout")
        if self.state == CONNECTING:
            return self.refused("TLS: the handshake was not over in time" if self.securing else "no answer in time")
        return self.keepalive()

    cdef int keepalive(self) except -1:
        """Idle means that nothing was received; whatever comes, ends it."""
        if self.paused:              # whoever waits for its answer does not read: that is not its fault
            self.beat = self.misses = 0
            return self.core.wheel.set(&self.watch, self.core.now + self.limits.interval)
        if self.beat and self.heard >= self.beat:
            self.beat = self.misses = 0
        if self.beat:
            self.misses += 1
            add(self.count.heartbeats_missed, 1)
            if self.misses >= self.limits.misses:
                self.core.tell(f"{self.label()}: closed: {self.misses} heartbeats without an answer")
                return self.shut()
            return self.heartbeat()
        if self.core.now < self.heard + self.limits.interval:
            return self.core.wheel.set(&self.watch, self.heard + self.limits.interval)
        return self.heartbeat()

    cdef int heartbeat(self) except -1:
        cdef uint64_t id = fresh_id(&self.ids)
        cdef bytes frame = self.codec.heartbeat(self.variant, id)
        if not frame:
            return 0                 # the protocol has none; the alarm is not set again
        self.beat, self.beat_id = self.core.now, id
        self.beats += 1
        add(self.count.heartbeats_sent, 1)
        self.core.wheel.set(&self.watch, self.core.now + self.limits.patience)
        return self.send(frame)

    cdef int on_rest(self) except -1:
        cdef int64_t quiet = self.core.now - self.used
        if self.live == 0 and self.feeder is None and not self.dirty and quiet >= self.limits.idle_timeout:
            return self.shut()
        if self.live or self.feeder is not None:
            quiet = 0
        return self.core.wheel.set(&self.rest, self.core.now + self.limits.idle_timeout - quiet)

    cdef str label(self):
        return f"{self.keeper.label()}: {self.codec.name} upstream"
