"""A client's connection that speaks in messages: requests with their heads rewritten, answers passed on as they come.

A request's head becomes a call like any frame; its body follows when the call has a connection, and until then the
client is not read. A body that nobody wants, since its request was answered, is thrown away. Behind a request nothing is
looked at until it is answered: requests in a pipeline could overtake each other on the way to their servers, and would
take connections from others for answers whose turn has not come.

What always holds: there is one call at a time; `begun` is that call while its request is not whole, else NULL.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memset

from proxy.datapath.answers cimport Answers
from proxy.datapath.border cimport Border
from proxy.datapath.buffers cimport buf_t, filled
from proxy.datapath.caller cimport Caller, expire
from proxy.datapath.calls cimport AGREED, OTHERWISE, Attendant, Retrier, call_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport OPEN, next_frame
from proxy.datapath.core cimport BORDER_SIZE
from proxy.datapath.counters cimport CLOSED_EARLY, MALFORMED, MISDIRECTED, NO_ROUTE, OVERLOAD
from proxy.datapath.decisions cimport spelled_timeout
from proxy.datapath.edits cimport RouteEdits
from proxy.datapath.mirror cimport INCOMPLETE, Copy
from proxy.datapath.relay cimport Relay
from proxy.datapath.stream cimport BODY, ENDED
from xproto.kernel.frame cimport FROM_DOWNSTREAM, KIND_INTERIM, SCAN_NEED, SCAN_OK, frame_t
from xproto.kernel.http1 cimport BODY_CHUNKED, BODY_UNTIL_CLOSE, METHOD_CONNECT, head_t
from xproto.kernel.http1_facts cimport (
    AWAITS_AT, CLOSES_AT, FORM_BITS, UPGRADES_AT, awaits_in, closes_in, form_of, has_body, is_old, may_switch, method_in,
    status_in, upgrades_in, web_in,
)
from xproto.kernel.http1_keys cimport host_of
from xproto.kernel.http1_text cimport is_text
from xproto.kernel.lookup cimport slice_t
from xproto.kernel.run cimport span_t
from xproto.kernel.http1_forward cimport forward_response, forward_room, hop_t

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

cdef enum:
    ID_SIZE = 32              # hexadecimal digits of a request's id


cdef void write_id(uint8_t* into, uint64_t one, uint64_t two) noexcept:
    cdef int i
    for i in range(ID_SIZE):
        into[i] = b"0123456789abcdef"[(one if i < 16 else two) >> 4 * (i & 15) & 15]


cdef inline void waits_no_more(call_t* call) noexcept:
    """Its client was told to send the body, or did without that."""
    call.echo &= ~(<int64_t>1 << AWAITS_AT)


cdef class Messages(Guest):
    cdef Py_ssize_t messages(self, const uint8_t* data, size_t size) except -1:
        """Requests out of these bytes; the bytes used."""
        cdef frame_t at
        cdef size_t used = 0
        cdef Py_ssize_t some
        cdef int outcome
        cdef Attendant reader
        while used < size and self.state == OPEN and not self.paused:
            if self.stream.half == BODY:
                if self.begun != NULL and self.sink is None and (self.reader is None or not self.reader.gathers):
                    self.pause()             # until its call has a connection
                    break
                self.came = self.core.now
                reader = self.reader         # which the end of its call would let go of
                if reader is not None:
                    reader.body_comes(self.begun, &self.body, data + used, size - used)
                    if self.stream.half != BODY:
                        break                # a filter has ended the call, and that the connection
                some = self.flow(data + used, size - used)
                if self.copy is not None:
                    self.copy_more(data + used, some)
                used += some
                continue
            if self.full():
                self.pause()
                break
            outcome = self.codec.scan_head(
                FROM_DOWNSTREAM, data + used, size - used, &at, &self.progress, self.core.head, 0)
            if outcome == SCAN_NEED:
                self.need = max(<size_t>at.size, size - used + 1)
                if not self.head_since:
                    self.head_since = self.core.now
                    self.waits_for_head()
                break
            self.head_since = 0
            if outcome != SCAN_OK:
                self.unreadable(NULL, self.codec.explain_fault(FROM_DOWNSTREAM, at.size, at.op))
                break
            next_frame(self)
            used += at.size
            self.message(data + used - at.size, &at)
        return used

    cdef int copy_more(self, const uint8_t* data, size_t size) except -1:
        """So much more of the body has come by: its copy has it too, and leaves when that is all."""
        cdef Copy copy = self.copy
        if not copy.more(data, size):
            self.copy = None
        elif self.stream.half != BODY:
            self.copy = None
            return copy.send() if self.stream.half == ENDED else copy.drop(INCOMPLETE)
        return 0

    cdef int message(self, const uint8_t* frame, const frame_t* at) except -1:
        cdef bint more = has_body(at.echo, at.length)
        self.facts = at.echo
        if more:
            self.follow(at.echo, at.length)
        self.handle(frame, at)
        if not more:
            return self.message_ends()
        if self.begun == NULL and awaits_in(self.facts):
            return self.wind_up()            # its body may come, or not
        return 0

    cdef int message_ends(self) except -1:
        return self.wind_up() if closes_in(self.facts) and not self.switches() else 0

    cdef bint switches(self) noexcept:
        """Is there a request after which it may be another protocol's? What follows that must be kept."""
        return self.codec is not None and self.codec.headed and self.calls != NULL and may_switch(self.calls.echo)

    cdef bint last_one(self) noexcept:
        """Is there a request that must not be broken off, half read or about to switch? Then it is made the last one."""
        cdef call_t* call = self.calls if self.switches() else self.begun
        if call == NULL or self.state != OPEN:
            return False
        self.facts |= <int64_t>1 << CLOSES_AT
        call.echo |= <int64_t>1 << CLOSES_AT
        return True

    cdef int finished(self) except -1:
        cdef Attendant reader = self.reader
        if not self.codec.headed:
            return Guest.finished(self)
        self.reader = None
        if self.begun != NULL:
            if self.begun.upstream != NULL:      # else its end was kept for the next try
                (<Answers>self.begun.upstream).whole = True
            self.begun.bodied = False
            waits_no_more(self.begun)
            self.begun = NULL
        self.message_ends()
        return 0 if reader is None else reader.body_ends()

    cdef int give_request_up(self) except -1:
        """The body that is under way will never be whole."""
        if self.begun == NULL:
            return 0
        self.begun.echo |= <int64_t>1 << CLOSES_AT
        return self.refuse(self.begun, MALFORMED)

    cdef bint full(self) noexcept:
        """An answer is not begun while too much of the one before it is unsent."""
        return self.in_flight > 0 or self.out.size > self.window if self.codec.headed else Guest.full(self)

    cdef bint head_is_late(self) noexcept:
        """Has it begun a head, and does not come to its end?"""
        cdef int64_t most = self.port.opening.border.head_timeout
        return self.state == OPEN and self.head_since and most > 0 and self.core.now >= self.head_since + most

    # -- requests -----------------------------------------------------------------------------------------------

    cdef int introduce(self, Border border) except -1:
        """Who the client is, asked once: it takes a system call."""
        cdef str peer = self.peer_name()
        self.known = True
        self.believed = border.trust.holds(peer)
        self.address = None if peer.startswith("unix:") else peer.rpartition(":")[0].strip("[]").encode() or None
        if self.io.identity is not None:
            self.certificate = self.io.identity.forwarded.encode() or None
        return 0

    cdef bint astray(self, const uint8_t* frame) except -1:
        """Has its listener filter chains for names, and is this request one of another's?"""
        return self.codec.headed and self.port.choice is not None and self.port.choice.guards and self.strays(frame)

    cdef bint strays(self, const uint8_t* frame) except -1:
        """Is this request's host one that this connection was not judged for? Asked once for each host in a row."""
        cdef span_t host
        host_of(frame, self.core.head, &host)
        if host.data == NULL:
            return False
        if self.visited is not None and len(self.visited) == host.size and memcmp(
                <const uint8_t*>self.visited, host.data, host.size) == 0:
            return False
        asked = host.data[:host.size]
        if self.port.choice.misdirected(asked.decode("latin-1"), self.chain.name):
            return True
        self.visited = asked
        return False

    cdef int send_on(self, Cluster cluster, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """The call of a head that was just read goes to its cluster."""
        cdef Border border = self.port.opening.border
        cdef uint8_t[32] id_text
        cdef frame_t sent = at[0]
        cdef const uint8_t* text = self.core.border
        cdef hop_t hop
        memset(&hop, 0, sizeof(hop_t))
        if self.stream.half == BODY:
            call.bodied = True
            self.begun = call
        else:
            call.echo &= ~((<int64_t>1 << FORM_BITS) - 1)    # BODY_NONE, also of one that was counted, and is empty
        if self.astray(frame):
            return cluster.give_up(call, MISDIRECTED)
        if method_in(at.echo) == METHOD_CONNECT and (not border.connects or self.io.streams or cluster.limits.http2):
            return cluster.give_up(call, NO_ROUTE)       # no tunnel goes by a stream
        if method_in(at.echo) == METHOD_CONNECT and (call.bodied or self.bearer is not None):
            call.echo |= <int64_t>1 << CLOSES_AT     # some take it for the tunnel's first bytes, or for another request
            self.facts |= <int64_t>1 << CLOSES_AT
            return cluster.give_up(call, MALFORMED)
        if web_in(at.echo) and not self.hurry(call, frame):
            return cluster.give_up(call, MALFORMED)
        if not self.known:
            self.introduce(border)
        hop.believes = self.believed
        if border.forwarded:
            hop.proto.data, hop.proto.size = <const uint8_t*>b"https", 5 if self.io.identity is not None else 4
            if self.address is not None:
                hop.client.data, hop.client.size = <const uint8_t*>self.address, len(self.address)
        if border.certifies and self.certificate is not None:
            hop.certificate.data, hop.certificate.size = <const uint8_t*>self.certificate, len(self.certificate)
        if border.numbers:
            write_id(id_text, self.core.dice(), self.core.dice())
            hop.request_id.data, hop.request_id.size = id_text, ID_SIZE
        if may_switch(at.echo):
            hop.upgrades = not cluster.limits.http2 and border.switches(frame, self.core.head)
            if not hop.upgrades:
                call.echo &= ~(<int64_t>1 << UPGRADES_AT)
        if call.total:
            hop.timeout = max(<int64_t>1, (call.total - self.core.now + 999) // 1000)
        sent.size = border.request(self.core.border, frame, self.core.head, &hop)
        sent.timeout_at = -1
        if call.edits != NULL:
            text = (<RouteEdits>call.edits).head(
                self.core, self.codec, call, self, cluster.name, frame, at.size, text, sent.size, &sent.size)
            if text == NULL:
                return cluster.give_up(call, MALFORMED)
        return self.launch(cluster, call, text, &sent) if self.bearer is None else self.launch_whole(cluster, call, text, &sent)

    cdef int launch(self, Cluster cluster, call_t* call, const uint8_t* text, const frame_t* at) except -1:
        if call.attempt != NULL:
            (<Retrier>call.attempt.retrier).more(call, text, at.size)
        if self.mirrors is not None:
            self.copy = self.mirrors.begin(self.core, self.codec, call, text, at.size)
        return cluster.dispatch(self.codec, call, text, at)

    cdef int launch_whole(self, Cluster cluster, call_t* call, const uint8_t* head, frame_t* at) except -1:
        """The body is here: it goes on with its head, as a frame would."""
        cdef buf_t* gift = self.core.gift
        cdef buf_t whole
        memset(&whole, 0, sizeof(buf_t))
        if not self.bearer.with_body(&whole, head, at.size):
            return cluster.give_up(call, OVERLOAD)
        at.size = whole.size
        self.core.gift = &whole              # which its connection may take over as it is
        try:
            return self.launch(cluster, call, whole.data, at)
        finally:
            self.core.gift = gift
            self.core.buffers.drop(&whole)

    cdef int say_continue(self, call_t* call) except -1:
        """Its client waits to be told to send the body, and the server, which would tell it, has not even the head."""
        waits_no_more(call)
        return self.send(CONTINUE)

    cdef int give(self, const uint8_t* data, size_t size, bint last) except -1:
        if self.begun != NULL and self.begun.attempt != NULL:
            (<Retrier>self.begun.attempt.retrier).more(self.begun, data, size)
        return Guest.give(self, data, size, last)

    cdef int replace(self, call_t* old, call_t* made) except -1:
        cdef Relay sink = self.sink
        if old == self.begun:
            self.begun = made
            if sink is not None:             # what is to come of the body waits for the next try
                self.sink = sink.feeder = None
        return Guest.replace(self, old, made)

    cdef bint hurry(self, call_t* call, const uint8_t* frame) except -1:
        """A call of gRPC-Web may take so long in all as its head says, as one of gRPC. False: that cannot be read."""
        cdef head_t* head = self.core.head
        cdef int64_t own
        cdef slice_t text
        cdef int i
        for i in range(head.count):
            if not is_text(frame + head.fields[i].name_at, head.fields[i].name_size, b"grpc-timeout", 12):
                continue
            text.data, text.size = frame + head.fields[i].value_at, head.fields[i].value_size
            own = spelled_timeout(&text)
            if own < 0:
                return False
            if own > 0:
                call.total = self.core.now + own * 1000
                call.deadline.owner, call.deadline.fire = call, expire
                self.core.wheel.set(&call.deadline, min(call.total, call.until or call.total))
            return True
        return True

    # -- answers ------------------------------------------------------------------------------------------------

    cdef int answer_head(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        cdef Border border = self.port.opening.border
        cdef uint8_t* into
        cdef hop_t hop
        cdef frame_t now
        cdef int said
        if call.attendant != NULL and at.kind != KIND_INTERIM:
            now = at[0]
            said = (<Attendant>call.attendant).answered(call, &frame, &now)
            if said != AGREED:
                return said
        if self.unsent() > self.out_limit and not self.has_room():
            return OTHERWISE
        memset(&hop, 0, sizeof(hop_t))
        border.sign(&hop)
        hop.upgrades, hop.old = upgrades_in(at.echo), is_old(call.echo)
        hop.plain = hop.old                  # it knows no transfer encodings, not even where HEAD is answered
        self.concludes = hop.old and form_of(at.echo) == BODY_CHUNKED or form_of(at.echo) == BODY_UNTIL_CLOSE
        hop.closes = self.concludes or closes_in(call.echo) or (
            call == self.begun and awaits_in(call.echo))
        if call.edits != NULL and at.kind != KIND_INTERIM:
            return self.answer_edited(call, frame, &hop)
        into = self.core.buffers.room(&self.out, forward_room(self.core.head, &hop))
        if into == NULL:
            self.starved()
            return OTHERWISE
        filled(&self.out, forward_response(into, frame, self.core.head, &hop))
        self.touch()
        return AGREED

    cdef bint answer_edited(self, call_t* call, const uint8_t* frame, const hop_t* hop) except -1:
        """The head of an answer as its route has it; where it cannot be edited, the answer is one of ours."""
        cdef int64_t size
        cdef const uint8_t* text = self.core.border
        if forward_room(self.core.head, hop) > BORDER_SIZE:
            raise AssertionError("a head that is longer than heads can be")
        size = forward_response(self.core.border, frame, self.core.head, hop)
        text = (<RouteEdits>call.edits).answer_head(self.core, self.codec, call, self, text, size, &size)
        if text == NULL:
            self.concludes = False
            self.refuse(call, CLOSED_EARLY)
            return False
        if self.put(text, size) == NULL:
            self.starved()
            return False
        self.touch()
        return True

    cdef int answer(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        cdef frame_t now
        if call.attendant == NULL:
            return self.pass_answer(call, frame, at)
        now = at[0]
        return self.pass_answer(call, frame, &now) if (
            (<Attendant>call.attendant).answered(call, &frame, &now) == AGREED) else 0

    cdef int pass_answer(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Filters have nothing against it."""
        cdef frame_t edited
        if call.edits == NULL:
            return Guest.answer(self, call, frame, at)
        frame = (<RouteEdits>call.edits).answer(self.core, self.codec, call, self, frame, at, &edited)
        return self.refuse(call, CLOSED_EARLY) if frame == NULL else Guest.answer(self, call, frame, &edited)

    cdef int interim(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """An answer before the answer; who speaks HTTP/1.0 knows none."""
        cdef bint concludes = self.concludes
        if is_old(call.echo) or self.answer_head(call, frame, at) != AGREED:
            return 0
        self.concludes = concludes
        if call == self.begun and status_in(at.echo) == 100:
            waits_no_more(call)
        return 0

    cdef int answered(self, call_t* call) except -1:
        cdef bint concludes = self.concludes
        self.concludes = False
        self.release(call)
        self.touch()
        return self.wind_up() if concludes else 0

    cdef int release(self, call_t* call) except -1:
        cdef Relay sink = self.sink
        cdef bint leaves = False
        if call == self.begun:
            self.begun = NULL                # the rest of its body is nobody's
            self.reader = None
            leaves = awaits_in(call.echo)
            if sink is not None:
                self.sink = sink.feeder = None
        leaves = leaves or self.switches() and closes_in(self.facts)
        Guest.release(self, call)
        return self.wind_up() if leaves else 0

    cdef int flush(self) except -1:
        Guest.flush(self)
        if self.paused and self.codec is not None and self.codec.headed and self.out.size <= self.window // 2:
            self.soon()
        return 0

    cdef int abort(self) except -1:
        """No more will come of a request that is under way: then its copy will not be whole."""
        if self.copy is not None and self.stream.half == BODY:
            self.copy.drop(INCOMPLETE)
            self.copy = None
        return Guest.abort(self)

    cdef int64_t moved(self, const call_t* call) noexcept:
        return max(self.came, Guest.moved(self, call)) if self.codec.headed else Guest.moved(self, call)

    cdef int closed(self) except -1:
        """Where bytes of an answer are missing the end is a reset: an orderly one could be taken for the answer's."""
        if self.io is not None and self.codec is not None and self.codec.headed and (self.out.size or self.feeder is not None):
            self.io.abort()
        if self.copy is not None:
            self.copy.drop(INCOMPLETE)
            self.copy = None
        return Guest.closed(self)

    cdef size_t owns_now(self) noexcept:
        return Guest.owns_now(self) + (self.copy.text.size if self.copy is not None else 0)

    cdef int handle(self, const uint8_t* frame, const frame_t* at) except -1:
        return 0

    cdef int unreadable(self, const frame_t* at, str why) except -1:
        return 0

    cdef int wind_up(self) except -1:
        return 0

    cdef int waits_for_head(self) except -1:
        return 0
