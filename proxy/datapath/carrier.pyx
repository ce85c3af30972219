"""The calls on one upstream connection: taken over with a fresh id, found again by it, moved or failed at the end.

Frames are copied once, into the out queue, and get their id there. While the connection is not made yet that is where
they wait: if connecting fails, the whole frames in it are walked again and each call moves to another host,
which is safe because nothing was sent.

What always holds: a call is in `ids` from `carry` until its answer or the end of the connection; `live` counts those in
it that somebody waits for; when the connection ends, each of these is answered, or moved if it was never sent. A oneway
is in `ids` only while CONNECTING.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from proxy.datapath.buffers cimport buf_t, queue_t, segment_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport (
    RETRIED, Retrier, call_t, drop_call, find_call, free_ids, fresh_id, give_share, greedy, ids_t, only_call, put_call, shares_t,
    take_share, time_left,
)
from proxy.datapath.conn cimport CONNECTING, DRAINING, OPEN, TAKES, may
from proxy.datapath.counters cimport CLOSED_EARLY, add, observe, take
from proxy.datapath.flow cimport Flow
from proxy.datapath.notes cimport ANSWERED
from proxy.datapath.relay cimport Relay
from proxy.datapath.stream cimport BODY
from xproto.kernel.frame cimport FROM_DOWNSTREAM, FROM_UPSTREAM, SCAN_OK, frame_t, identity_t
from xproto.kernel.http1_forward cimport renew_timeout


cdef class Carrier(Flow):
    cdef bint usable(self, uint8_t cell) noexcept:
        """Room for one more call of this caller? From half full on there is none for who has more than his share."""
        if not may(self, TAKES) or self.ids.count >= self.most or self.out.size > self.limits.out_limit:
            return False
        return self.ids.count * 2 < self.most or not greedy(&self.shares, cell, self.most)

    cdef bint clogged(self) noexcept:
        """Full of calls that nobody waits for any more: only a new connection helps."""
        return self.live == 0 and self.ids.count >= self.most

    cdef bint carry(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Take the call over, and its frame. False: no memory, and the call is still the dispatcher's."""
        cdef uint8_t* into
        cdef identity_t who
        cdef bint recorded = not call.oneway or self.state == CONNECTING
        if recorded and not put_call(&self.ids, call):
            return False
        who = self.codec.fresh(call.id if recorded else fresh_id(&self.ids))
        into = self.put_as(self.codec, FROM_DOWNSTREAM, frame, at, &who)
        if into == NULL:
            if recorded:
                drop_call(&self.ids, call)
            return False
        if recorded:
            take_share(&self.shares, call.cell)
        if call.until and at.timeout_at >= 0:
            self.carry_deadline(call, into, at)
        if call.total:
            renew_timeout(into, at.size, time_left(call, call.total, self.core.now))
        self.taken(call, recorded)
        if self.state == CONNECTING:
            self.owned_up()
        else:
            self.touch()
        return True

    cdef int taken(self, call_t* call, bint recorded) except -1:
        add(self.count.calls, 1)
        if call.note != NULL:
            call.note.host = self.count
        if call.edits != NULL:
            call.reached = self.count
        self.used = self.core.now
        if not recorded:
            self.core.calls.give(call)
            return 0
        call.upstream = <void*>self
        add(self.count.in_flight, 1)
        self.live += not call.oneway
        if call.attempt != NULL:
            (<Retrier>call.attempt.retrier).sent(call, self.count)
        return 0

    cdef bint idle(self) noexcept:
        """Of a connection for one call at a time: is it free for the next?"""
        return self.state == OPEN and self.ids.count == 0 and self.feeder is None and self.stream.half != BODY

    cdef bint carry_head(self, Relay source, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Take the call over, and what there is of its frame.

        False: no memory. Then the call is still the dispatcher's, and what is to come of its frame is thrown away.
        """
        cdef bint room = self.core.buffers.room(&self.out, source.progress.at) != NULL       # so `begin` finds some
        if not room or not call.oneway and not put_call(&self.ids, call):
            source.skip(at, 0)
            return False
        source.begin(self, FROM_DOWNSTREAM, frame, at, fresh_id(&self.ids) if call.oneway else call.id)
        if call.until:
            source.carry_timeout(at, (call.until - self.core.now + 999) // 1000)
        if not call.oneway:
            take_share(&self.shares, call.cell)
        self.taken(call, not call.oneway)
        return True

    cdef int carry_deadline(self, const call_t* call, uint8_t* frame, const frame_t* at) except -1:
        """Upstream should not go on longer than somebody waits: what remains, in milliseconds, is written forward."""
        cdef int64_t left = time_left(call, call.until, self.core.now)
        if left != at.timeout:
            self.codec.set_timeout(frame, at, left)
        return 0

    cdef bint answer_on(self, const uint8_t* frame, const frame_t* at) except -1:
        """Begin to pass on an answer of which this is the beginning. False: wait until it is whole."""
        cdef call_t* call = self.call_of(at)
        cdef Caller caller
        if self.lane != OWN or call == NULL or call.caller == NULL or call.edits != NULL or call.attendant != NULL:
            return False
        caller = <Caller>call.caller
        if caller.feeder is not None:
            return False
        if call.attempt != NULL:
            (<Retrier>call.attempt.retrier).answers(call)
        self.begin(caller, FROM_UPSTREAM, frame, at, call.origin.id)
        return True

    cdef int finished(self) except -1:
        """The answer is passed on, or thrown away because nobody waits for it any more."""
        cdef call_t* call = find_call(&self.ids, self.stream.old_id)
        cdef Caller caller
        if call == NULL:
            return 0
        caller = self.settle(call)
        if caller is not None:
            caller.release(call)
            caller.touch()
        self.core.calls.give(call)
        return 0

    cdef call_t* call_of(self, const frame_t* at) noexcept:
        """Whose frame this is; NULL: nobody's."""
        return find_call(&self.ids, at.id) if self.codec.numbered else only_call(&self.ids)

    cdef int answer(self, const uint8_t* frame, const frame_t* at) except -1:
        cdef call_t* call = self.call_of(at)
        cdef Caller caller
        if call == NULL:
            if at.id != self.beat_id or not self.codec.numbered:        # some protocols' heartbeats are calls, answered as such
                add(self.count.unknown, 1)
                if self.lane == ALONE:
                    self.misread("an answer that nobody asked for")
            return 0
        if call.attempt != NULL:
            (<Retrier>call.attempt.retrier).unwanted(call, frame, at.size, 0, NULL, -1)
        caller = self.settle(call)
        if caller is not None:
            caller.answer(call, frame, at)
        self.core.calls.give(call)
        if self.lane == ALONE:
            self.touch()                     # it is free when all that has come in this turn was that answer
        return 0

    cdef Caller settle(self, call_t* call):
        """Its answer is here, in one event or in pieces: whoever still waits for it."""
        self.forget(call)
        if call.caller == NULL:
            add(self.count.retried if call.outcome == RETRIED else self.count.late, 1)
            return None
        if call.attempt != NULL:
            (<Retrier>call.attempt.retrier).answers(call)
        call.outcome = ANSWERED
        add(self.count.replies, 1)
        observe(call.duration, self.core.now - call.start)
        return <Caller>call.caller

    cdef int forget(self, call_t* call) except -1:
        """The call's id may be given out again."""
        drop_call(&self.ids, call)
        give_share(&self.shares, call.cell)
        take(self.count.in_flight, 1)
        return 0

    cdef int move_calls(self, const queue_t* queue) except -1:
        """The queue holds whole frames with our ids: walk it, and dispatch each call again."""
        cdef const segment_t* segment = queue.rest
        self.move_some(&queue.first)
        while segment != NULL:
            self.move_some(&segment.buf)
            segment = segment.next
        return 0

    cdef int move_some(self, const buf_t* buf) except -1:
        cdef const uint8_t* data = buf.data + buf.head
        cdef frame_t at
        cdef call_t* call
        cdef size_t used = 0
        while used < buf.size:
            if self.codec.whole(data + used, buf.size - used, &at) != SCAN_OK or at.size <= 0:
                break
            call = self.call_of(&at)
            if call != NULL:
                self.forget(call)
                call.upstream = NULL
                if call.caller == NULL and not call.oneway:
                    self.core.calls.give(call)
                else:
                    self.again(call, data + used, &at)
            used += at.size
        return 0

    cdef int again(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Send the call by another connection; whoever chooses connections knows which."""
        return 0

    cdef int unwaited(self) except -1:
        self.live -= 1
        if self.lane == ALONE and self.ids.count and self.state == OPEN:
            if self.core.reset_code and self.io.streams:
                return self.shut()           # now, while the reason of its caller's reset is known: the server hears it
            return self.leave()              # an answer that comes late must find nobody else here
        if self.live == 0 and self.state == DRAINING:
            self.touch()
        return 0

    cdef int fail_calls(self, int fault) except -1:
        """Answer everybody who still waits, and forget all ids. The table is taken away first: nothing can change it."""
        cdef ids_t ids = self.ids
        cdef call_t* call
        cdef Caller caller
        cdef uint64_t index
        self.ids.slots = NULL
        self.ids.room = self.ids.count = 0
        memset(&self.shares, 0, sizeof(shares_t))
        self.live = 0
        for index in range(ids.room):
            call = ids.slots[index]
            if call == NULL:
                continue
            call.upstream = NULL
            take(self.count.in_flight, 1)
            if call.oneway:
                call.outcome = fault
                add(call.count.dropped, 1)
            elif call.caller != NULL:
                caller = <Caller>call.caller
                try:
                    if call.attempt == NULL or not (<Retrier>call.attempt.retrier).failed(call, fault):
                        caller.refuse(call, fault)
                except Exception as error:  # noqa: BLE001 - the others must hear too
                    caller.crash(error)
            self.core.calls.give(call)
        free_ids(&ids)
        return 0

    cdef int forget_unsent(self) except -1:
        """The one call of this connection has nobody who waits for it, and was not sent: then it need not be."""
        cdef uint64_t index
        cdef call_t* call
        for index in range(self.ids.room):
            call = self.ids.slots[index]
            if call != NULL and call.caller == NULL and not call.oneway:
                self.forget(call)
                self.core.calls.give(call)
                self.core.buffers.drop_queue(&self.out)
        return 0

    cdef int abort(self) except -1:
        """An answer that is under way will not be whole: its caller hears of it before `fail_calls` does."""
        cdef call_t* call = only_call(&self.ids) if self.stream.half == BODY else NULL
        if call != NULL:
            call.outcome = CLOSED_EARLY
        return Flow.abort(self)

    cdef int leave(self) except -1:
        return 0

    cdef int forget_oneways(self) except -1:
        """They are on their way now, and nobody waits for them."""
        cdef uint64_t index
        cdef call_t* call
        for index in range(self.ids.room):
            call = self.ids.slots[index]
            if call != NULL and call.oneway:
                self.forget(call)
                self.core.calls.give(call)
        return 0

    def __dealloc__(self):
        free_ids(&self.ids)
