"""A server's connection that speaks in messages: the answer to the one request that is on its way, its head and its body.

A server may close a connection that it has answered on, at the very moment at which it gets the next request. Such a
request is sent once more by another connection, if that can do no harm: not one byte of an answer came, its method says
that a second time is like the first, and it has no body.

A call of gRPC may have failed and its answer begin like that of any other, the status in its trailers. Where a policy sends it
again for its status, the head waits in the tail for a moment, until a message follows it, or its end: so far nothing has gone to
the caller. Never more than the head waits, and never while more of the request is to come, for which its caller may wait.

An answer whose caller's filters have to wait stays here unread: its head is looked at again when they have made up their minds.

What always holds: a connection is free for another call only when both messages came to their ends, the server said
nothing against it, and nothing is behind the answer.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp, memset

from proxy.datapath.buffers cimport buf_t, segment_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport AGREED, WAITS, Retrier, call_t, only_call
from proxy.datapath.carrier cimport Carrier
from proxy.datapath.conn cimport FEEDS, OPEN, may, next_frame
from proxy.datapath.counters cimport CLOSED_EARLY, STATUSES, add
from proxy.datapath.stream cimport BODY
from xproto.kernel.frame cimport FROM_UPSTREAM, KIND_INTERIM, SCAN_NEED, SCAN_OK, frame_t
from xproto.kernel.http1 cimport BODY_CHUNKED, BODY_COUNTED, BODY_NONE, BODY_UNTIL_CLOSE
from xproto.kernel.http2_wire cimport REFUSED_STREAM
from xproto.kernel.http1_facts cimport ASKED, closes_in, form_of, has_body, is_idempotent, is_old, upgrades_in

cdef enum:
    SHORT = 64 * 1024         # bytes of a body that nobody wants, which cost less than another connection
    LAST_SIZE = 3             # of the line of the last chunk, which has no bytes; that of any other is as long, or longer

cdef const char* LAST = b"0\r\n"


cdef class Answers(Carrier):
    cdef bint carry(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        cdef bint bodied = call.bodied
        if self.codec.headed:
            self.ids.next = 1                # no frame carries it: so the call is found at once
        if not Carrier.carry(self, call, frame, at):
            return False
        self.whole, self.leaves, self.judged = not bodied, False, False
        if self.codec.headed and self.served and form_of(call.echo) == BODY_NONE and is_idempotent(call.echo):
            self.core.buffers.append(&self.kept, frame, at.size, at.size)       # without memory it is not sent again
        if bodied and self.state == OPEN:
            self.take_body()
        return True

    cdef int take_body(self) except -1:
        """Of a request whose head is here: more of it may be waiting."""
        cdef call_t* call = only_call(&self.ids) if self.codec.headed else NULL
        cdef Caller caller
        if call != NULL and call.bodied and call.caller != NULL:
            caller = <Caller>call.caller
            caller.join(self)
            caller.soon()
        return 0

    cdef Py_ssize_t answers_in(self, const uint8_t* data, size_t size) except -1:
        """Bytes used. What follows an answer nobody asked for."""
        cdef frame_t at
        cdef call_t* call
        cdef size_t used = 0
        cdef int outcome
        if self.kept.size:
            self.core.buffers.drop(&self.kept)
        while used < size and may(self, FEEDS) and not self.paused:
            if self.stream.half == BODY:
                used += self.flow(data + used, size - used)
                continue
            call = only_call(&self.ids)
            if call == NULL:
                self.misread("an answer that nobody asked for")
                break
            if call.caller == NULL:          # nobody waits for it any more: that is not the server's fault
                add(self.count.late, 1)
                self.shut()
                break
            outcome = self.codec.scan_head(
                FROM_UPSTREAM, data + used, size - used, &at, &self.progress, self.core.head, call.echo | ASKED)
            if outcome == SCAN_NEED:
                self.need = max(<size_t>at.size, size - used + 1)
                break
            if outcome != SCAN_OK:
                self.misread(self.codec.explain_fault(FROM_UPSTREAM, at.size, at.op))
                break
            next_frame(self)
            if call.attempt != NULL and self.io.streams and not self.judged and (
                    self.holds_back(call, data + used, &at, size - used - at.size)):
                self.need = at.size + LAST_SIZE
                break
            used += at.size
            if self.answer_begins(call, <Caller>call.caller, data + used - at.size, &at, size - used) == WAITS:
                used -= at.size
                self.pause()
                break
        return used

    cdef int answer_begins(self, call_t* call, Caller caller, const uint8_t* frame, const frame_t* at, size_t rest) except -1:
        """`rest`: bytes that are there behind its head."""
        cdef bint more = has_body(at.echo, at.length)
        cdef bint ends
        cdef int said
        if at.kind == KIND_INTERIM:
            return caller.interim(call, frame, at)
        if call.attempt != NULL and not self.judged:
            ends = self.io.streams and rest >= LAST_SIZE and form_of(at.echo) == BODY_CHUNKED and (
                memcmp(frame + at.size, LAST, LAST_SIZE) == 0)
            if (<Retrier>call.attempt.retrier).unwanted(
                    call, frame, at.size, at.echo, self.core.head, self.io.grpc_status if ends else -1):
                return self.pass_over(at, ends)
            (<Retrier>call.attempt.retrier).answers(call)
        self.leaves = closes_in(at.echo) or form_of(at.echo) == BODY_UNTIL_CLOSE
        said = caller.answer_head(call, frame, at)
        self.judged = said == WAITS
        if said != AGREED:
            return said
        if upgrades_in(at.echo):
            return caller.switch(call, self, frame + at.size, rest)
        if not more:
            return self.finished()
        self.follow(at.echo, at.length)
        self.plain = form_of(at.echo) == BODY_CHUNKED and is_old(call.echo)
        return caller.hear(self)

    cdef bint holds_back(self, call_t* call, const uint8_t* frame, const frame_t* at, size_t rest) except -1:
        """Does it depend on what follows this head whether it goes to the caller? `rest`: bytes that are there behind it."""
        if rest >= LAST_SIZE or not self.whole or at.kind == KIND_INTERIM or form_of(at.echo) != BODY_CHUNKED:
            return False
        return (<Retrier>call.attempt.retrier).undecided(call, frame, at.size, at.echo, self.core.head)

    cdef int pass_over(self, const frame_t* at, bint ends) except -1:
        """Another try follows: this answer is nobody's. A short one is read to its end, so that its connection stays.

        `ends`: its end is here.
        """
        self.leaves = closes_in(at.echo)
        if not has_body(at.echo, at.length):
            return self.finished()
        if not self.whole or not ends and (form_of(at.echo) != BODY_COUNTED or at.length > SHORT):
            add(self.count.retried, 1)
            return self.shut()
        return self.follow(at.echo, at.length)

    cdef int finished(self) except -1:
        cdef call_t* call = only_call(&self.ids)
        cdef Caller caller
        if not self.codec.headed:
            return Carrier.finished(self)
        if call == NULL:
            return self.shut()
        caller = self.settle(call)
        if self.io.streams and (self.codec.spelled or self.io.web):
            self.note_status(call, self.io.grpc_status)
        if caller is not None:
            caller.answered(call)
        self.core.calls.give(call)
        self.served = True
        return self.touch() if self.whole and not self.leaves else self.shut()

    cdef int note_status(self, call_t* call, int status) except -1:
        """How a call of gRPC ended, by what stands behind its answer."""
        add(self.count.statuses[status if 0 <= status < STATUSES else STATUSES - 1], 1)
        if call.note != NULL and status >= 0:
            call.note.status = <uint8_t>(status + 1)
        return 0

    cdef int fail_calls(self, int fault) except -1:
        cdef buf_t request = self.kept
        cdef call_t* call = only_call(&self.ids) if request.size else NULL
        cdef frame_t at
        memset(&self.kept, 0, sizeof(buf_t))
        try:
            if call != NULL and call.caller != NULL and fault == CLOSED_EARLY and self.core.reset_code in (0, REFUSED_STREAM):
                self.forget(call)
                call.upstream = NULL
                self.codec.whole(request.data + request.head, request.size, &at)
                self.again(call, request.data + request.head, &at)
        finally:
            self.core.buffers.drop(&request)
            Carrier.fail_calls(self, fault)
        return 0

    cdef int take_back(self, buf_t* sent, bint elsewhere) except -1:
        """All of it may be sent once more, with what waits behind it; `elsewhere`: to another host."""
        cdef segment_t* segment = self.out.rest
        cdef buf_t none
        memset(&none, 0, sizeof(buf_t))
        self.core.buffers.drop(&self.kept)
        self.kept, sent[0] = sent[0], none
        self.refuses = elsewhere
        if self.out.first.size and not (
                self.core.buffers.append(&self.kept, self.out.first.data + self.out.first.head, self.out.first.size, 0)):
            self.core.buffers.drop(&self.kept)
            return 0
        while segment != NULL:
            if not self.core.buffers.append(&self.kept, segment.buf.data + segment.buf.head, segment.buf.size, 0):
                self.core.buffers.drop(&self.kept)
                return 0
            segment = segment.next
        return 0

    cdef int ended(self) except -1:
        """The server's end may be the answer's, if nothing else says where that is."""
        if self.codec.headed and self.stream.half == BODY and self.body.form == BODY_UNTIL_CLOSE:
            return self.end_of_body()
        return Carrier.ended(self)
