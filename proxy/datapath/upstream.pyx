"""One connection to a host, shared by the calls of many downstream connections.

Frames are copied once, into the out buffer, and get a fresh id there. While the connection is not made yet the out
buffer is the queue: if connecting fails, the whole frames in it are walked again and each call moves to another host,
which is safe because nothing was sent.

    CONNECTING --made--> OPEN --goaway--> DRAINING --nobody waits--> CLOSED
        `--refused, timeout--> CLOSED       `--reset, malformed, no heartbeat ack--> CLOSED

What always holds: a call is in `ids` from `carry` until its answer or the end of this connection; `live` counts those
in it that somebody waits for; when the connection ends, each of these is answered (CLOSED), or moved if it was never
sent. A oneway is in `ids` only while CONNECTING.
"""

import os

from libc.errno cimport EPIPE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t, drop_call, find_call, free_ids, fresh_id, ids_t, put_call
from proxy.datapath.conn cimport CLOSED, CONNECTING, DRAINING, FEEDS, OPEN, TAKES, Conn, Core, may
from proxy.datapath.counters cimport CLOSED_EARLY, CONNECT, add, host_count_t, take
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport (
    FROM_DOWNSTREAM, FROM_UPSTREAM, KIND_GOAWAY, KIND_HEARTBEAT, KIND_HEARTBEAT_ACK, KIND_RESPONSE, SCAN_NEED,
    SCAN_OK, Codec, frame_t,
)


cdef class Keeper:
    cdef int opened(self, Upstream upstream) except -1:
        return 0

    cdef int failed(self, Upstream upstream, str why) except -1:
        return 0

    cdef int drains(self, Upstream upstream) except -1:
        return 0

    cdef int lost(self, Upstream upstream) except -1:
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


cdef Upstream new_upstream(Core core, Keeper keeper, Codec codec, int64_t variant, limits_t* limits, host_count_t* count):
    """An upstream without a transport yet."""
    cdef Upstream made = Upstream.__new__(Upstream)
    made.core, made.keeper, made.codec, made.variant = core, keeper, codec, variant
    made.limits, made.count = limits, count
    made.rx, made.tx = count.rx, count.tx
    made.since = made.used = core.now
    made.watch.owner = made.rest.owner = <void*>made
    made.watch.fire, made.rest.fire = fire_watch, fire_rest
    made.ids.mask = <uint64_t>-1 if codec.id_bits >= 64 else (<uint64_t>1 << codec.id_bits) - 1
    made.ids.next = core.first_id
    made.most = min(limits.max_in_flight, made.ids.mask // 2)
    return made


cdef class Upstream(Conn):
    cdef bint usable(self) noexcept:
        return may(self, TAKES) and self.ids.count < self.most and self.out.size <= self.limits.out_limit

    cdef bint clogged(self) noexcept:
        """Full of calls that nobody waits for any more: only a new connection helps."""
        return self.live == 0 and self.ids.count >= self.most

    cdef bint carry(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Take the call over, and its frame. False: no memory, and the call is still the dispatcher's."""
        cdef uint8_t* into = self.room(at.size)
        cdef uint64_t id
        cdef bint recorded = not call.oneway or self.state == CONNECTING
        if into == NULL or (recorded and not put_call(&self.ids, call)):
            return False
        id = call.id if recorded else fresh_id(&self.ids)
        memcpy(into, frame, at.size)
        self.codec.set_id(FROM_DOWNSTREAM, into, at, id)
        self.out.size += at.size
        add(self.count.calls, 1)
        self.used = self.core.now
        if recorded:
            call.upstream = <void*>self
            add(self.count.in_flight, 1)
            self.live += not call.oneway
        else:
            self.core.calls.give(call)
        if self.state != CONNECTING:
            self.touch()
        return True

    # -- frames from the host -----------------------------------------------------------------------------------

    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef frame_t at
        cdef size_t used = 0
        cdef int outcome
        while used < size:
            outcome = self.codec.scan(FROM_UPSTREAM, data + used, size - used, &at)
            if outcome == SCAN_OK and 0 < at.size <= <int64_t>(size - used):
                if at.kind == KIND_RESPONSE:
                    self.answer(data + used, &at)
                else:
                    self.control(&at)
                used += at.size
                if not may(self, FEEDS):
                    break
            elif outcome == SCAN_NEED:
                self.need = max(<size_t>at.size, size - used + 1)
                break
            else:
                self.malformed(self.codec.explain_fault(FROM_UPSTREAM, at.size, at.op))
                break
        return used

    cdef int answer(self, const uint8_t* frame, const frame_t* at) except -1:
        cdef call_t* call = find_call(&self.ids, at.id)
        cdef Caller caller
        if call == NULL:
            add(self.count.unknown, 1)
            return 0
        drop_call(&self.ids, call)
        take(self.count.in_flight, 1)
        if call.caller == NULL:
            add(self.count.late, 1)
        else:
            add(self.count.replies, 1)
            caller = <Caller>call.caller
            caller.answer(call, frame, at)
        self.core.calls.give(call)
        return 0

    cdef int control(self, const frame_t* at) except -1:
        """Every kind of frame but answers. An ack needs nothing: any byte that comes clears the heartbeat."""
        if at.kind == KIND_HEARTBEAT:
            if self.out.size > self.limits.out_limit:
                return self.broke(EPIPE)
            add(self.count.heartbeats_answered, 1)
            self.send(self.codec.heartbeat_ack(at.variant, at.echo, at.id))
        elif at.kind == KIND_GOAWAY:
            add(self.count.goaways, 1)
            if self.state == OPEN:
                self.state = DRAINING
                self.keeper.drains(self)
                self.touch()
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
        self.state = OPEN
        self.made = True
        self.heard = self.told = self.core.now
        self.keeper.opened(self)
        add(self.count.connections, 1)
        add(self.count.active, 1)
        self.forget_oneways()
        self.io.watch_read(True)
        self.core.wheel.cancel(&self.watch)
        if self.limits.interval > 0:
            self.core.wheel.set(&self.watch, self.core.now + self.limits.interval)
        if self.limits.idle_timeout > 0:
            self.core.wheel.set(&self.rest, self.core.now + self.limits.idle_timeout)
        return self.flush()

    cdef int refused(self, str why) except -1:
        """Connecting failed: what waited for it goes to other hosts."""
        cdef buf_t queued = self.out
        memset(&self.out, 0, sizeof(buf_t))
        try:
            self.state = CLOSED
            self.core.wheel.cancel(&self.watch)
            self.io.close()
            self.keeper.failed(self, why)
            self.keeper.lost(self)
            self.move_calls(queued.data + queued.head, queued.size)
        finally:
            self.fail_calls(CONNECT)
            self.core.buffers.drop(&queued)
        return 0

    cdef int move_calls(self, const uint8_t* data, size_t size) except -1:
        """The queue holds whole frames with our ids: walk it, and dispatch each call again."""
        cdef frame_t at
        cdef call_t* call
        cdef size_t used = 0
        while used < size:
            if self.codec.scan(FROM_DOWNSTREAM, data + used, size - used, &at) != SCAN_OK or at.size <= 0:
                break
            call = find_call(&self.ids, at.id)
            if call != NULL:
                drop_call(&self.ids, call)
                take(self.count.in_flight, 1)
                call.upstream = NULL
                if call.caller == NULL and not call.oneway:
                    self.core.calls.give(call)
                else:
                    self.keeper.again(self, call, data + used, &at)
            used += at.size
        return 0

    cdef int drained(self) except -1:
        if self.state == DRAINING and self.live == 0:
            return self.shut()
        return 0

    cdef int unwaited(self) except -1:
        self.live -= 1
        if self.live == 0 and self.state == DRAINING:
            self.touch()
        return 0

    cdef int ended(self) except -1:
        return self.broke(0)

    cdef int broke(self, int code) except -1:
        if self.state == CONNECTING:
            return self.refused(os.strerror(code))
        return self.shut()

    cdef int gone(self) except -1:
        self.core.wheel.cancel(&self.watch)
        self.core.wheel.cancel(&self.rest)
        if self.made:
            take(self.count.active, 1)
        try:
            self.keeper.lost(self)
        finally:
            self.fail_calls(CLOSED_EARLY)
        return 0

    cdef int fail_calls(self, int fault) except -1:
        """Answer everybody who still waits, and forget all ids. The table is taken away first: nothing can change it."""
        cdef ids_t ids = self.ids
        cdef call_t* call
        cdef Caller caller
        cdef uint64_t index
        self.ids.slots = NULL
        self.ids.room = self.ids.count = 0
        self.live = 0
        for index in range(ids.room):
            call = ids.slots[index]
            if call == NULL:
                continue
            call.upstream = NULL
            take(self.count.in_flight, 1)
            if call.oneway:
                add(call.count.dropped, 1)
            elif call.caller != NULL:
                caller = <Caller>call.caller
                try:
                    caller.refuse(call, fault)
                except Exception as error:  # noqa: BLE001 - the others must hear too
                    caller.crash(error)
            self.core.calls.give(call)
        free_ids(&ids)
        return 0

    cdef int forget_oneways(self) except -1:
        """They are on their way now, and nobody waits for them."""
        cdef uint64_t index
        cdef call_t* call
        for index in range(self.ids.room):
            call = self.ids.slots[index]
            if call != NULL and call.oneway:
                drop_call(&self.ids, call)
                take(self.count.in_flight, 1)
                self.core.calls.give(call)
        return 0

    # -- time ---------------------------------------------------------------------------------------------------

    cdef int on_watch(self) except -1:
        if self.state == CONNECTING:
            return self.refused("no answer in time")
        return self.keepalive()

    cdef int keepalive(self) except -1:
        """Idle means that nothing was received; whatever comes, ends it."""
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
        cdef bytes frame = self.codec.heartbeat(self.variant, fresh_id(&self.ids))
        if not frame:
            return 0                 # the protocol has none; the alarm is not set again
        self.beat = self.core.now
        self.beats += 1
        add(self.count.heartbeats_sent, 1)
        self.core.wheel.set(&self.watch, self.core.now + self.limits.patience)
        return self.send(frame)

    cdef int on_rest(self) except -1:
        cdef int64_t quiet = self.core.now - self.used
        if self.live == 0 and quiet >= self.limits.idle_timeout:
            return self.shut()
        if self.live:
            quiet = 0
        return self.core.wheel.set(&self.rest, self.core.now + self.limits.idle_timeout - quiet)

    cdef str label(self):
        return f"{self.keeper.label()}: {self.codec.name} upstream"

    def __dealloc__(self):
        free_ids(&self.ids)
