"""A client's connection whose calls go through filters.

    a request -- on_request of each -- its route -- on_route of each -- its host, by way of its cluster
                       |                  ^               |
                       |                  `- match again -+
                       `-> its answer is a filter's <-----'

Before that, without Python, it is found out which filters look at it at all (filters.pyx). A request that none looks at is
routed and sent as if there were no filters.

What always holds: as for any request (requester.pyx), it is counted once and becomes one call, or one answer of our own. A
call that a filter keeps waiting has its record, and its place in the order of answers, from then on.
"""

from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from proxy.datapath.calls cimport Attendant, call_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport CLOSED
from proxy.datapath.counters cimport FILTER, MALFORMED, MISDIRECTED, NO_ROUTE, OVERLOAD, add, observe
from proxy.datapath.decisions cimport UNREADABLE, Decisions
from proxy.datapath.exchange cimport AGAIN, FAILED, GO, PARKED, REPLY, Exchange, new_exchange
from proxy.datapath.filters cimport ON_LOG, ON_REQUEST, ON_ROUTE, Filters, Steps
from proxy.datapath.notes cimport ANSWERED, UNANSWERED
from proxy.datapath.port cimport Binding
from proxy.datapath.requester cimport Requester
from proxy.datapath.route cimport route_t
from proxy.datapath.stream cimport BODY
from xproto.kernel.frame cimport frame_t, identity_t

from proxy.filters.replies import written


cdef class Filtered(Requester):
    cdef int filtered(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        cdef Filters filters = self.binding.filters
        cdef Steps steps = filters.steps
        cdef uint32_t due = self.due(steps, frame, at.size, self.core.head if self.codec.headed else NULL)
        cdef Exchange exchange
        if not filters.routes and not due & (steps.later | steps.masks[ON_REQUEST]):
            return self.unfiltered(frame, at, oneway)
        exchange = new_exchange(self, filters, steps, due, frame, at, oneway)
        return self.requested(exchange, exchange.run())

    cdef uint32_t due(self, Steps steps, const uint8_t* frame, int64_t size, void* head) except? 0xFFFFFFFF:
        """Which of them look at a request of this connection."""
        return steps.due(
            frame, size, head, self.sni, self.san, self.address_of_client() if steps.source_at >= 0 else None)

    cdef int requested(self, Exchange exchange, int verdict) except -1:
        """The filters before the route have said what they say."""
        if verdict == GO:
            return self.matched(exchange)
        if verdict == PARKED:
            return self.hold(exchange)
        return self.give_it_up(exchange, verdict)

    cdef int matched(self, Exchange exchange) except -1:
        """It gets its route; again and again, if filters say so."""
        cdef Binding binding = self.binding
        cdef Filters filters = exchange.filters if binding.filters is None else binding.filters
        cdef frame_t* at = &exchange.scanned
        cdef int64_t own
        cdef int index, verdict = AGAIN
        cdef Steps steps
        while verdict == AGAIN:
            if self.codec.headed and exchange.head == NULL:
                exchange.rescan()
            own = at.timeout
            binding.decisions.metadata = exchange.marks
            index = self.decide(exchange.frame, exchange.size, &own)
            binding.decisions.metadata = None
            if index < 0:
                self.count_it(exchange)
                if index == UNREADABLE:
                    return self.unreadable_call(exchange)
                add(binding.decisions.table.nobody, 1)
                return self.answer_it(exchange, NO_ROUTE, None)
            self.take_route(exchange, index, own)
            if not self.codec.headed and exchange.table.routes[index].oneway and exchange.call == NULL:
                exchange.oneway = True
            steps = filters.for_route(index)
            if steps is not exchange.steps or exchange.edited is not None:
                exchange.steps = steps
                exchange.due = self.due(steps, exchange.frame, exchange.size, exchange.head)
            exchange.phase, exchange.at = ON_ROUTE, 0
            verdict = exchange.run()
        return self.routed(exchange, verdict)

    cdef int take_route(self, Exchange exchange, int index, int64_t own) except -1:
        """What was decided just now. An action chooses at once: from what the request said when it was decided."""
        cdef Decisions decisions = self.binding.decisions
        cdef route_t* route = &decisions.table.routes[index]
        cdef route_t* chosen = route if route.action == NULL else decisions.chosen(route)
        exchange.table, exchange.route_index, exchange.own = decisions.table, index, own
        exchange.route = route if chosen == NULL else chosen
        exchange.cluster_name = None if chosen == NULL else (<Cluster>chosen.cluster).name
        exchange.choice = self.choice(exchange.route)
        return 0

    cdef int routed(self, Exchange exchange, int verdict) except -1:
        """The filters behind the route have said what they say."""
        if verdict == GO:
            return self.send_filtered(exchange)
        if verdict == PARKED:
            return self.hold(exchange)
        if verdict == AGAIN:
            return self.matched(exchange)
        return self.give_it_up(exchange, verdict)

    cdef int send_filtered(self, Exchange exchange) except -1:
        """No filter has anything against it: it goes on as a request does that none looked at."""
        cdef route_t* route = exchange.route
        cdef call_t* call = exchange.call
        cdef const uint8_t* frame
        cdef frame_t at
        cdef uint32_t attached
        if self.codec.headed and exchange.head == NULL:
            exchange.rescan()
        at = exchange.scanned
        frame = exchange.frame
        self.count_it(exchange)
        if exchange.cluster_name is None:
            return self.act_filtered(exchange, &at)
        if call == NULL:
            call = self.record(frame, at.size, &at, exchange.table, route, exchange.oneway, exchange.own)
            if call == NULL:
                return self.answer_it(exchange, OVERLOAD, None)
        else:
            self.aim(call, frame, at.size, exchange.table, route, exchange.own)
        self.choose(call, &exchange.choice)
        exchange.call = NULL
        attached = exchange.due & exchange.steps.behind
        if attached:
            exchange.remember()
            Py_INCREF(exchange)
            call.attendant = <void*>exchange
        try:
            return self.forward(call, frame, &at, route, exchange.own)
        finally:
            exchange.lose_frame()
            if not attached:
                exchange.caller = None       # a filter may keep it, and should not keep the connection

    cdef int act_filtered(self, Exchange exchange, const frame_t* at) except -1:
        """Its route's action sends it to no cluster."""
        cdef route_t* route = exchange.route
        cdef call_t* call = exchange.call
        if self.astray(exchange.frame):
            return self.answer_it(exchange, MISDIRECTED, None)
        if not self.has_answer(route, at):
            add(exchange.table.nobody, 1)
            return self.answer_it(exchange, NO_ROUTE, None)
        exchange.call = NULL
        if call == NULL:
            self.answer_here(route, exchange.frame, at, exchange.oneway)
        else:
            self.answer_waiting(exchange, call, at)
        exchange.lose_frame()
        return exchange.finish(UNANSWERED if exchange.oneway else ANSWERED)

    cdef int answer_waiting(self, Exchange exchange, call_t* call, const frame_t* at) except -1:
        """As `answer_here`, of a call that has its record and its place already, since a filter kept it waiting."""
        cdef uint64_t place = call.place
        cdef bytes answer
        add(exchange.route.count, 1)
        if self.port.journal is not None:
            call.note = self.note(exchange.frame, exchange.size, exchange.table, exchange.route)
        if call.oneway:
            add(call.count.dropped, 1)
        elif call.caller != NULL:
            answer = self.answer_of(exchange.route, exchange.frame, at)
            call.outcome = ANSWERED
            self.release(call)
            self.say_in_turn(place, answer)
        self.core.calls.give(call)
        return 0

    # -- waiting ------------------------------------------------------------------------------------------------

    cdef int hold(self, Exchange exchange) except -1:
        """A filter keeps the call waiting: it is one of its client's calls from now on."""
        cdef call_t* call = exchange.call
        if call == NULL:
            self.count_it(exchange)
            call = self.begin_call(exchange.frame, exchange.size, &exchange.scanned, exchange.oneway)
            if call == NULL:
                exchange.stop_waiting()
                return self.answer_it(exchange, OVERLOAD, None)
            exchange.call = call
            if self.codec.headed and self.stream.half == BODY:
                call.bodied = True
                self.begun = call        # its body waits, too
        call.line = <void*><Attendant>exchange
        return 0

    cdef int go_on_with(self, Attendant attendant) except -1:
        cdef Exchange exchange = <Exchange>attendant
        cdef int verdict = exchange.outcome_of
        if exchange.phase == ON_REQUEST:
            if verdict == GO:
                verdict = exchange.run()
            return self.requested(exchange, verdict)
        if verdict == GO:
            verdict = exchange.run()
        return self.routed(exchange, verdict)

    # -- other ends ---------------------------------------------------------------------------------------------

    cdef int count_it(self, Exchange exchange) except -1:
        if not exchange.counted:
            exchange.counted = True
            add(self.binding.count.oneways if exchange.oneway else self.binding.count.calls, 1)
        return 0

    cdef int give_it_up(self, Exchange exchange, int verdict) except -1:
        """A filter has answered it, or failed."""
        self.count_it(exchange)
        if verdict == FAILED:
            return self.answer_it(exchange, FILTER, None)
        return self.answer_it(exchange, exchange.reply.fault, self.text_for(exchange.reply, &exchange.scanned, exchange.call))

    cdef bytes text_for(self, object reply, const frame_t* at, call_t* call):
        """A filter's answer in the client's protocol; None: as that says of the fault."""
        cdef identity_t who
        if not self.codec.headed or reply.http_status is None and reply.grpc_status is None and reply.text is None:
            return None
        who = self.codec.identity(at)
        return written(self.codec.answer(reply.fault, at.variant, at.echo, b"", &who), reply)

    cdef int answer_it(self, Exchange exchange, int fault, bytes frame) except -1:
        cdef call_t* call = exchange.call
        cdef frame_t at = exchange.scanned
        exchange.call = NULL
        if call != NULL:
            call.outcome = fault
            if call.oneway:
                add(call.count.dropped, 1)
            elif call.caller != NULL:
                if self.port.journal is not None and call.note == NULL:
                    if self.codec.headed and exchange.head == NULL:
                        exchange.rescan()
                    call.note = self.note(exchange.frame, exchange.size, None, NULL)
                self.answer_call(call, fault, frame)
            self.core.calls.give(call)
        elif exchange.oneway or frame is None:
            self.drop(exchange.oneway, exchange.frame, &at, fault)
        else:
            if self.port.journal is not None:
                self.jot(exchange.frame, exchange.size, fault, False)
            add(self.binding.count.faults[fault], 1)
            self.say_next(frame)
        exchange.lose_frame()
        return exchange.finish(fault)

    cdef int answer_call(self, call_t* call, int fault, bytes frame) except -1:
        cdef uint64_t place = call.place
        if frame is None:
            return self.refuse(call, fault)
        call.outcome = fault
        add(call.count.faults[fault], 1)
        if call.duration != NULL:
            observe(call.duration, self.core.now - call.start)
        self.release(call)
        return self.say_in_turn(place, frame)

    cdef int answer_instead(self, call_t* call, object reply) except -1:
        """A filter has put another answer in the place of the server's, or failed."""
        cdef frame_t at
        if reply is None:
            return self.refuse(call, FILTER)
        at.variant, at.echo = call.variant, call.echo
        at.id = call.origin.id
        return self.answer_call(call, reply.fault, self.text_for(reply, &at, call))

    cdef int unreadable_call(self, Exchange exchange) except -1:
        """As of a request without filters."""
        cdef call_t* call = exchange.call
        cdef frame_t at = exchange.scanned
        if call != NULL:
            add(self.binding.count.malformed, 1)
            self.core.tell(f"{self.label()}: malformed, closed: {self.codec.name}: its headers cannot be read")
            self.answer_it(exchange, MALFORMED, None)
            return self.wind_up()
        exchange.lose_frame()
        exchange.finish(MALFORMED)
        return self.unreadable(&at, f"{self.codec.name}: its headers cannot be read")
