"""A client's connection as a source of calls: each request is routed, becomes a call, and goes to a cluster.

What always holds: a request is counted once and becomes one call, or one answer of our own; nothing here waits.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from proxy.datapath.caller cimport expire
from proxy.datapath.calls cimport call_t, find_call
from proxy.datapath.carrier cimport Carrier
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.counters cimport MALFORMED, MISDIRECTED, NO_ROUTE, OVERLOAD, add
from proxy.datapath.decisions cimport NOBODY, UNREADABLE, Decisions
from proxy.datapath.edits cimport RouteEdits, hold_edits
from proxy.datapath.local cimport Local
from proxy.datapath.mirror cimport TOO_BIG, Mirrors
from proxy.datapath.port cimport Binding
from proxy.datapath.retries cimport Retry
from proxy.datapath.route cimport route_t
from proxy.datapath.stream cimport BODY
from proxy.datapath.subset cimport Subset, choice_t
from proxy.datapath.table cimport Table
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.frame cimport (
    FROM_DOWNSTREAM, KIND_HANDSHAKE, KIND_HEARTBEAT, KIND_HEARTBEAT_ACK, KIND_ONEWAY, KIND_REQUEST, KIND_WRAPPED, frame_t,
    identity_t,
)

from xproto.kernel.http1_facts cimport CLOSES_AT, MINOR_AT

from proxy.routing.networks import plain_address
from xproto.errors import MalformedError

cdef enum:
    NOTHING_FOLLOWS = 1 << CLOSES_AT | 1 << MINOR_AT


cdef bytes source_of(str peer):
    """The address in a peer's name, for routes. None: it is gone already."""
    cdef str address = plain_address(peer)
    return None if address is None else address.encode()


cdef class Requester(Local):
    cdef int handle(self, const uint8_t* frame, const frame_t* at) except -1:
        if self.codec.session and not self.greeted and at.kind != KIND_HANDSHAKE:
            return self.unreadable(NULL, f"{self.codec.name}: a frame of kind {at.kind} before the handshake")
        if at.kind == KIND_REQUEST:
            return self.call(frame, at, False)
        if at.kind == KIND_ONEWAY:
            return self.call(frame, at, True)
        if at.kind == KIND_HEARTBEAT:
            add(self.port.count.heartbeats, 1)
            return self.say_next(self.codec.heartbeat_ack(at.variant, at.echo, at.id))
        if at.kind == KIND_HEARTBEAT_ACK:
            return 0
        if at.kind == KIND_WRAPPED:
            return self.unwrapped(frame, at)
        if at.kind == KIND_HANDSHAKE and not self.greeted:
            return self.greet(frame, at)
        return self.unreadable(NULL, f"{self.codec.name}: a frame of kind {at.kind} from downstream")

    cdef int greet(self, const uint8_t* frame, const frame_t* at) except -1:
        """A handshake is answered here. A protocol without a session has none, and says so as of any unknown call."""
        if not self.codec.session:
            add(self.binding.count.calls, 1)
            return self.drop(False, frame, at, NO_ROUTE)
        self.greeted = True
        return self.say_next(self.codec.handshake_ack(at.variant, at.echo, at.id))

    cdef int unwrapped(self, const uint8_t* frame, const frame_t* at) except -1:
        """A compressed frame is handled as if it had come in its plain form, and goes on so."""
        cdef frame_t inner
        cdef bytes plain
        try:
            plain = self.codec.plain(FROM_DOWNSTREAM, frame, at, &inner)
        except MalformedError as error:
            return self.unreadable(NULL, str(error))
        return self.handle(<const uint8_t*>plain, &inner)

    cdef int decide(self, const uint8_t* frame, int64_t size, int64_t* own) except -3:
        """Which route a request takes, as `Decisions.decide` says it."""
        cdef Decisions decisions = self.binding.decisions
        return decisions.decide(
            frame, size, own, self.sni, self.san, self.address_of_client() if decisions.source_at >= 0 else None)

    cdef bytes address_of_client(self):
        """Asked for once: that takes a system call."""
        if self.source is None:
            self.source = source_of(self.peer_name())
        return self.source

    cdef int call(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        return self.unfiltered(frame, at, oneway) if self.binding.filters is None else self.filtered(frame, at, oneway)

    cdef int unfiltered(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        cdef Binding binding = self.binding
        cdef Table table = binding.decisions.table
        cdef int64_t own = at.timeout
        cdef int index = self.decide(frame, at.size, &own)
        cdef route_t* route
        cdef route_t* chosen
        cdef call_t* call
        cdef choice_t choice
        if index >= 0:
            oneway = oneway or table.routes[index].oneway and not self.codec.headed
        add(binding.count.oneways if oneway else binding.count.calls, 1)
        if index < 0:
            if index == UNREADABLE:
                return self.unreadable(at, f"{self.codec.name}: its headers cannot be read")
            add(table.nobody, 1)
            return self.drop(oneway, frame, at, NO_ROUTE)
        route = &table.routes[index]
        if route.action != NULL:
            chosen = binding.decisions.chosen(route)
            if chosen == NULL:
                return self.act(route, frame, at, oneway)
            route = chosen
        call = self.record(frame, at.size, at, table, route, oneway, own)
        if call == NULL:
            return self.drop(oneway, frame, at, OVERLOAD)
        if route.subset != NULL or route.hash_count:
            choice = self.choice(route)
            self.choose(call, &choice)
        return self.forward(call, frame, at, route, own)

    cdef choice_t choice(self, const route_t* route) noexcept:
        """Which hosts the request may go to that was just decided."""
        cdef choice_t made
        made.hash, made.subset = self.binding.decisions.hash(route), route.subset
        return made

    cdef int choose(self, call_t* call, const choice_t* choice) except -1:
        self.core.calls.choose(call, choice)
        if choice.subset != NULL and (<Subset>choice.subset).fallbacks != NULL:
            add((<Subset>choice.subset).fallbacks, 1)
        return 0

    cdef int forward(self, call_t* call, const uint8_t* frame, const frame_t* at, route_t* route, int64_t own) except -1:
        """The call, which has its record and its route, goes to that one's cluster: edited, kept and copied as it says."""
        cdef Cluster cluster = <Cluster>route.cluster
        cdef frame_t edited
        if self.codec.headed:
            if route.retry != NULL:
                (<Retry>route.retry).begin(call, self.codec, frame, at, self.core.head)
            self.mirrors = <Mirrors>route.mirrors if route.mirrors != NULL else None
            return self.send_on(cluster, call, frame, at)
        if call.edits != NULL:
            frame = (<RouteEdits>call.edits).call(self.core, self.codec, call, self, cluster.name, frame, at, &edited)
            if frame == NULL:
                return cluster.give_up(call, MALFORMED)
            at = &edited
        if route.retry != NULL:
            (<Retry>route.retry).begin(call, self.codec, frame, at, self.core.head)
        if route.mirrors != NULL:
            (<Mirrors>route.mirrors).copy(self.core, self.codec, call, frame, at, own * 1000)
        return cluster.dispatch(self.codec, call, frame, at)

    cdef int act(self, route_t* route, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        """A route's action sends this call to no cluster."""
        cdef Table table = self.binding.decisions.table
        if self.astray(frame):
            return self.drop(oneway, frame, at, MISDIRECTED)
        if self.answer_here(route, frame, at, oneway):
            return 0
        add(table.nobody, 1)
        return self.drop(oneway, frame, at, NO_ROUTE)

    cdef call_t* record(self, const uint8_t* frame, int64_t size, const frame_t* at, Table table, route_t* route, bint oneway,
                        int64_t own) except? NULL:
        """The call of a request, with its deadline set, whether its frame is whole or its head only. NULL: no memory."""
        cdef call_t* call = self.begin_call(frame, size, at, oneway)
        if call == NULL:
            add(route.count, 1)
            return NULL
        self.aim(call, frame, size, table, route, own)
        return call

    cdef call_t* begin_call(self, const uint8_t* frame, int64_t size, const frame_t* at, bint oneway) except? NULL:
        """The call of a request that has no route yet. NULL: no memory."""
        cdef call_t* call = self.core.calls.take()
        if call == NULL:
            return NULL
        call.count = self.binding.count
        call.origin, call.variant, call.echo = self.codec.identity(at), at.variant, at.echo
        call.start = self.core.now
        call.oneway, call.cell = oneway, self.cell
        if self.codec.echoes_text and not oneway and not self.core.calls.keep_text(call, self.codec.text_of(frame, size)):
            self.core.calls.give(call)
            return NULL
        if not oneway:
            if self.order is not None and not self.order.enter(&call.place):
                self.core.calls.give(call)
                return NULL
            self.adopt(call)
        return call

    cdef int aim(self, call_t* call, const uint8_t* frame, int64_t size, Table table, route_t* route, int64_t own) except -1:
        """The call has its route: its deadline is set, and what is noted of it."""
        cdef int64_t timeout, soonest
        add(route.count, 1)
        call.duration = (<Cluster>route.cluster).duration
        if route.edits != NULL:
            hold_edits(call, route.edits)
        if not call.oneway:
            timeout = route.timeout
            if self.codec.spelled:
                call.total = call.start + own * 1000 if own > 0 else 0
            elif own > 0 and (timeout <= 0 or own * 1000 < timeout):
                timeout = own * 1000
            if timeout > 0:
                call.until = call.start + timeout
            soonest = min(call.until or call.total, call.total or call.until)
            if soonest:
                call.deadline.owner, call.deadline.fire = call, expire
                self.core.wheel.set(&call.deadline, max(soonest, self.core.now))      # its body may have taken long
        if self.port.journal is not None:
            call.note = self.note(frame, size, table, route)
            if call.note != NULL:
                call.note.start = call.start     # a filter may have kept it waiting
        return 0

    cdef bint call_on(self, const uint8_t* frame, size_t size, const frame_t* at) except -1:
        """Begin to pass on a request of which the first `size` bytes are there. False: wait until it is whole.

        It needs a connection of its own; while one is being made, no more is read.
        """
        cdef Binding binding = self.binding
        cdef Cluster cluster
        cdef int64_t own = at.timeout
        cdef bint oneway = at.kind == KIND_ONEWAY, connecting = False
        cdef choice_t choice
        cdef Upstream upstream
        cdef route_t* route
        cdef call_t* call
        cdef int index
        if binding.filters is not None:
            return False                 # filters see whole frames
        index = self.decide(frame, size, &own)
        if index < 0 or not oneway and at.kind != KIND_REQUEST or self.codec.session and not self.greeted:
            return False                 # the whole frame will tell
        route = &binding.decisions.table.routes[index]
        if route.action != NULL:
            route = binding.decisions.chosen(route)
            if route == NULL:
                return False
        if route.edits != NULL:
            return False                 # what is edited may be at the frame's end
        oneway = oneway or route.oneway
        cluster = <Cluster>route.cluster
        choice = self.choice(route)
        upstream = cluster.lend(self.codec, at.variant, &choice, &connecting)
        if upstream is None:
            if connecting:
                cluster.waiting[self] = None
                self.pause()
            return False
        call = self.record(frame, size, at, binding.decisions.table, route, oneway, own)
        if call == NULL:
            return False
        self.choose(call, &choice)
        if route.retry != NULL:
            (<Retry>route.retry).cannot_keep()
        add(binding.count.oneways if oneway else binding.count.calls, 1)
        if route.mirrors != NULL:
            (<Mirrors>route.mirrors).drop((<Mirrors>route.mirrors).chosen(self.core), TOO_BIG)
        if not upstream.carry_head(self, call, frame, at):
            cluster.give_up(call, OVERLOAD)
        return True

    cdef int filtered(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        return 0

    cdef int misread(self, str why) except -1:
        """What is passed on in pieces is malformed: its caller is told, unless it was answered already."""
        cdef Carrier sink = self.sink
        cdef call_t* call = NULL if sink is None else find_call(&sink.ids, self.stream.new_id)
        if self.codec.headed:
            self.give_request_up()
        elif call != NULL and call.caller == <void*>self:
            self.refuse(call, MALFORMED)
        return self.unreadable(NULL, why)

    cdef int reject(self, const frame_t* at, int fault, bytes text=b"", const uint8_t* frame=NULL) except -1:
        """Answer a request that became no call. `frame`: NULL where it cannot be read."""
        cdef identity_t who = self.codec.identity(at)
        if self.port.journal is not None:
            self.jot(frame, at.size, fault, False)
        add(self.binding.count.faults[fault], 1)
        return self.say_next(self.codec.answer(fault, at.variant, at.echo, text, &who))

    cdef int drop(self, bint oneway, const uint8_t* frame, const frame_t* at, int fault) except -1:
        if not oneway:
            return self.reject(at, fault, self.codec.text_of(frame, at.size) if self.codec.echoes_text else b"", frame)
        if self.port.journal is not None:
            self.jot(frame, at.size, fault, True)
        add(self.binding.count.dropped, 1)
        return 0

    cdef int unreadable(self, const frame_t* at, str why) except -1:
        """Malformed: an answer if it is known to what, then the end. Calls read before still get theirs."""
        add(self.binding.count.malformed, 1)
        self.core.tell(f"{self.label()}: malformed, closed: {why}")
        if at != NULL and at.kind == KIND_REQUEST:
            self.reject(at, MALFORMED)
        elif at != NULL and at.kind == KIND_ONEWAY and self.port.journal is not None:
            self.jot(NULL, 0, MALFORMED, True)
        elif self.codec.headed and self.stream.half != BODY:
            self.reject_unread()
        return self.wind_up()

    cdef int reject_unread(self) except -1:
        """Of what cannot be read only the protocol is known: that is enough where answers are told apart by their order."""
        cdef frame_t at
        memset(&at, 0, sizeof(frame_t))
        at.echo = NOTHING_FOLLOWS
        return self.reject(&at, MALFORMED)
