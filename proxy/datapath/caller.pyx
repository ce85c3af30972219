"""The side of a downstream connection that waits for answers.

A call leaves its caller's list by exactly one of `answer`, `refuse` and the end of the connection, and each of these
unlinks it first of all: so a two-way call is answered once. The call itself lives on in its upstream's table until its
answer comes or that connection ends, because its id must not be given to another call before.

What always holds: a linked call's `caller` is this connection and its deadline may be set; an unlinked call's `caller`
is NULL and its deadline is not set. Trouble with this connection never spreads to the upstream that answers: it is cut.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from proxy.datapath.calls cimport OTHERWISE, Line, Retrier, call_t, end_attendant, end_note, kept_text
from proxy.datapath.conn cimport CLOSED, SENDS, WINDS_UP, Conn, may
from proxy.datapath.counters cimport CLOSED_EARLY, CONNECT, TIMEOUT, add, observe, protocol_count_t
from proxy.datapath.flow cimport Flow
from proxy.datapath.notes cimport ANSWERED, UNANSWERED
from proxy.datapath.relay cimport Relay
from proxy.datapath.wheel cimport TICK, alarm_t
from xproto.kernel.frame cimport FROM_UPSTREAM, frame_t, identity_t

from proxy.datapath.conn import NO_ROOM


cdef int64_t FOREVER = 1 << 61

cdef enum:
    AHEAD = 2000              # microseconds that a server's deadline may be before ours


cdef int expire(alarm_t* alarm) except -1:
    """A call's deadline: its caller is told; its id stays reserved upstream.

    Of messages it counts from the last byte, but for one that their caller set (`total`).
    """
    cdef call_t* call = <call_t*>alarm.owner
    cdef Caller caller = <Caller>call.caller
    cdef int64_t until
    caller.core.now = caller.core.clock.now()
    if caller.codec.headed:
        until = caller.moved(call) + caller.patience(call)
        if call.total:
            until = min(until, call.total)
        if until > caller.core.now:
            return caller.core.wheel.set(&call.deadline, until)
    return caller.expired(call)


cdef class Caller(Flow):
    cdef int adopt(self, call_t* call) except -1:
        """From now on this connection waits for the call."""
        call.caller = <void*>self
        call.prev = NULL
        call.next = self.calls
        if self.calls != NULL:
            self.calls.prev = call
        self.calls = call
        self.in_flight += 1
        self.core.waiting += 1
        return 0

    cdef int release(self, call_t* call) except -1:
        """Nobody waits for the call any more."""
        cdef Conn upstream
        cdef void* line = call.line
        if line != NULL:
            (<Line>line).leave(call)
        if call.prev != NULL:
            call.prev.next = call.next
        else:
            self.calls = call.next
        if call.next != NULL:
            call.next.prev = call.prev
        if call.attempt != NULL:
            (<Retrier>call.attempt.retrier).over(call)
        call.caller = NULL
        if call.note != NULL:
            end_note(call)
        if call.attendant != NULL:
            end_attendant(call)
        self.core.wheel.cancel(&call.deadline)
        self.in_flight -= 1
        self.core.waiting -= 1
        if call.upstream != NULL:
            upstream = <Conn>call.upstream
            upstream.unwaited()
        self.wake()
        if may(self, WINDS_UP):
            self.touch()
        if line != NULL:
            self.core.calls.give(call)
        return 0

    cdef int replace(self, call_t* old, call_t* made) except -1:
        """Another try of the call, a copy of its record, has its place: nobody waits for the old one any more."""
        if made.prev != NULL:
            made.prev.next = made
        else:
            self.calls = made
        if made.next != NULL:
            made.next.prev = made
        if old.deadline.next != NULL:
            made.deadline.owner, made.deadline.fire = made, expire
            self.core.wheel.set(&made.deadline, (old.deadline.tick - 1) * TICK)
            self.core.wheel.cancel(&old.deadline)
        old.caller = NULL
        return 0

    cdef int wake(self) except -1:
        """Go on reading, in this turn, if there is room for another call."""
        return 0 if self.full() else self.soon()

    cdef bint full(self) noexcept:
        """Has it as many calls as it may? One that is answered before its turn still counts."""
        return self.in_flight >= self.max_in_flight or (
            self.order is not None and self.order.next - self.order.first >= <uint64_t>self.max_in_flight)

    cdef int release_all(self) except -1:
        while self.calls != NULL:
            if self.calls.outcome == ANSWERED:       # it did not get it
                self.calls.outcome = UNANSWERED
            self.release(self.calls)
        if self.order is not None:
            self.order.drop()
        return 0

    cdef int answer(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """The upstream's answer: one copy, with the caller's own id."""
        cdef uint8_t* into
        if self.unsent() > self.out_limit and not self.has_room():
            return 0
        if self.order is not None and call.place != self.order.first:
            if not self.early(call.place, frame, at, &call.origin):
                return 0
            return self.release(call)
        into = self.put_as(self.codec, FROM_UPSTREAM, frame, at, &call.origin)
        if into == NULL:
            return self.cut("no memory for its answers")
        if not self.moved_up():
            return 0
        self.release(call)
        return self.touch()

    cdef int early(self, uint64_t place, const uint8_t* frame, const frame_t* at, const identity_t* who) except -1:
        """An answer whose turn has not come. False: no memory, and this connection is closed."""
        cdef size_t size = self.codec.size_as(at, who)
        cdef uint8_t* into = self.order.park(place, size)
        if into == NULL:
            self.cut("no memory for its answers")
            return False
        self.codec.write_as(into, frame, at, who)
        self.owned_up()
        return True

    cdef int moved_up(self) except -1:
        """The oldest request is answered. False: no memory for what follows it, and this connection is closed."""
        if self.order is not None and not self.order.passed(self.queue()):
            self.cut("no memory for its answers")
            return False
        if self.order is not None:
            self.wake()
        return True

    cdef int say_in_turn(self, uint64_t place, bytes frame) except -1:
        """An answer of our own, at the place of its request."""
        cdef uint8_t* into
        if self.order is None:
            return self.say(frame)
        if place == self.order.first:
            self.say(frame)
            if may(self, SENDS) and self.moved_up():
                self.touch()
            return 0
        into = self.order.park(place, PyBytes_GET_SIZE(frame))
        if into == NULL:
            return self.cut("no memory for its answers")
        memcpy(into, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame))
        return self.owned_up()

    cdef int refuse(self, call_t* call, int fault) except -1:
        """The proxy's own answer, in the caller's protocol."""
        cdef uint64_t place = call.place
        if fault == CLOSED_EARLY and call.total and self.core.now + AHEAD >= call.total:
            fault = TIMEOUT                  # the server knows when it is over, too, and was the first to say so
        call.outcome = UNANSWERED if self.state == CLOSED else fault
        add(call.count.faults[fault], 1)
        if call.duration != NULL:
            observe(call.duration, self.core.now - call.start)
        if (fault == CLOSED_EARLY or fault == CONNECT) and self.core.reset_code and self.io is not None and self.io.streams:
            self.release(call)               # the server's own reset, with its reason, is the answer
            return self.shut()
        if self.feeder is not None and call.upstream == <void*>self.feeder:
            return 0 if self.conclude(call, fault) else self.cut_off("an answer that was sent in part is not there in time")
        try:
            frame = self.codec.answer(fault, call.variant, call.echo, kept_text(call), &call.origin)
        except Exception as error:  # noqa: BLE001
            return self.crash(error)
        self.release(call)
        return self.say_in_turn(place, frame)

    cdef bint conclude(self, call_t* call, int fault) except -1:
        """An answer that was sent in part ends with what we say of it, if its protocol can. False: it cannot."""
        cdef Relay feeder = self.feeder
        if not self.codec.spelled or self.io is None or not self.io.conclude(
                self.codec.answer(fault, call.variant, call.echo, b"", &call.origin)):
            return False
        if feeder is not None:
            self.feeder = feeder.sink = None
            feeder.soon()
        self.core.buffers.drop_queue(&self.out)
        self.owned_up()
        call.outcome = fault
        self.release(call)
        return True

    cdef int say(self, bytes frame) except -1:
        """Send a frame of our own making, within the same limit as answers."""
        if self.unsent() > self.out_limit and not self.has_room():
            return 0
        return self.send(frame)

    cdef bint has_room(self) except -1:
        """Over its limit: does the peer read? What the socket takes now counts; if that is nothing, it is cut."""
        cdef size_t before
        while self.out.size > self.out_limit:
            before = self.out.size
            self.stuck = False
            self.flush()
            if not may(self, SENDS):
                return False
            if self.out.size == before:
                self.cut(f"{before} bytes of answers that it does not read")
                return False
        if self.behind.size > self.out_limit:
            self.cut(f"{self.behind.size} bytes of answers that wait behind one that it does not read")
            return False
        if self.order is not None and self.order.parked > self.out_limit:
            self.cut(f"{self.order.parked} bytes of answers that wait for an earlier one")
            return False
        return True

    cdef size_t unsent(self) noexcept:
        """Bytes of answers that it has not been given yet."""
        return self.out.size + self.behind.size + (self.order.parked if self.order is not None else 0)

    cdef size_t owns_now(self) noexcept:
        return Relay.owns_now(self) + self.lent + (self.order.parked if self.order is not None else 0)

    cdef int broken_off(self) except -1:
        cdef call_t* call = self.calls
        cdef protocol_count_t* count = call.count if call != NULL else NULL
        if call != NULL and not self.core.reset_code and self.conclude(call, CLOSED_EARLY):
            add(count.faults[<int>CLOSED_EARLY], 1)
            return 0
        return self.cut_off("an answer broke off that was sent in part")

    cdef int cut_off(self, str why) except -1:
        """A reset: an end could be taken for the answer's."""
        if self.io is not None:
            self.io.abort()
        return self.cut(why)

    cdef int64_t moved(self, const call_t* call) noexcept:
        """When bytes of the call were last sent or received."""
        cdef Conn upstream
        cdef int64_t last = call.start
        if call.upstream != NULL:
            upstream = <Conn>call.upstream
            last = max(last, upstream.heard, upstream.told)
            if self.feeder is upstream:
                last = max(last, self.told)
        return last

    cdef int64_t patience(self, const call_t* call) noexcept:
        """How long nothing of it may move, in microseconds."""
        return call.until - call.start if call.until else FOREVER

    cdef int expired(self, call_t* call) except -1:
        return self.refuse(call, TIMEOUT)

    cdef int answer_head(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        return OTHERWISE

    cdef int hear(self, Flow upstream) except -1:
        """The body of its answer comes by this connection."""
        return upstream.join(self)

    cdef int interim(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        return 0

    cdef int answered(self, call_t* call) except -1:
        return 0

    cdef int go_on_with(self, Attendant attendant) except -1:
        return 0

    cdef int answer_instead(self, call_t* call, object reply) except -1:
        return 0

    cdef str peer_name(self):
        return ""

    cdef int switch(self, call_t* call, Flow upstream, const uint8_t* data, size_t size) except -1:
        return 0

    cdef int starved(self) except -1:
        return self.cut(NO_ROOM)

    cdef int cut(self, str why) except -1:
        if self.state == CLOSED:
            return 0
        add(self.cuts, 1)
        self.core.tell(f"{self.label()}: cut: {why}")
        return self.shut()
