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
from libc.stdint cimport int64_t, uint8_t, uint32_t

from proxy.datapath.agreed cimport dispatch_past, dispatch_to
from proxy.datapath.buffers cimport buf_t
from proxy.datapath.calls cimport Attendant, call_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.counters cimport FILTER, NO_ROUTE, OVERLOAD, add
from proxy.datapath.decisions cimport UNREADABLE, Decisions
from proxy.datapath.exchange cimport Exchange, new_exchange
from proxy.datapath.filters cimport ON_BODY, ON_HOST, ON_REQUEST, ON_ROUTE, Filters, Steps
from proxy.datapath.port cimport Binding
from proxy.datapath.relay cimport Relay
from proxy.datapath.replying cimport Replying
from proxy.datapath.route cimport route_t
from proxy.datapath.stream cimport BODY
from proxy.datapath.view cimport Answer
from proxy.datapath.waiting cimport AGAIN, GO, PARKED, REPLY
from xproto.kernel.frame cimport frame_t


cdef class Filtered(Replying):
    cdef int filtered(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        cdef Filters filters = self.binding.filters
        cdef Decisions decisions = self.binding.decisions
        cdef Steps steps = filters.steps
        cdef uint32_t due
        cdef bint looked = decisions.wide is not None and decisions.look(frame, at.size)
        cdef Exchange exchange
        if looked:
            due = steps.due_of(
                decisions.values, decisions.shared, self.sni, self.san,
                self.address_of_client() if steps.source_at >= 0 else None)
        else:
            due = self.due(steps, frame, at.size, self.core.head if self.codec.headed else NULL)
        if not filters.routes and not due & (steps.later | steps.masks[ON_REQUEST]):
            if looked:
                decisions.found = frame
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
        if not self.shows_body(exchange):
            return 0
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
        if exchange.gathered:
            self.bearer = exchange
        try:
            return self.forward(call, frame, &at, route, exchange.own)
        finally:
            self.bearer = None
            exchange.lose_request()
            if not attached:
                exchange.caller = None       # a filter may keep it, and should not keep the connection

    cdef bint shows_body(self, Exchange exchange) except -1:
        """Filters that want each piece of the body get what there is, or will. False: one of them has ended the call."""
        cdef int verdict
        if not exchange.due & exchange.steps.masks[ON_BODY]:
            return True
        if self.stream.half == BODY:
            self.reader = exchange           # it is to come
            return True
        verdict = exchange.stream(exchange.body if exchange.gathered else b"", True)
        if verdict != GO:
            self.give_it_up(exchange, verdict)
        return verdict == GO

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
        return self.gather_for(exchange) if exchange.gathers else 0

    cdef int gather_for(self, Exchange exchange) except -1:
        """It waits for its body, which is read from now on."""
        self.reader = exchange
        if exchange.awaited:
            exchange.awaited = False
            self.say_continue(exchange.call)
        return self.soon()

    cdef int go_on_with(self, Attendant attendant) except -1:
        cdef Exchange exchange = <Exchange>attendant
        cdef int verdict = exchange.outcome_of
        if verdict == GO:
            verdict = exchange.run()
        if exchange.phase == ON_REQUEST:
            return self.requested(exchange, verdict)
        if exchange.phase == ON_ROUTE:
            return self.routed(exchange, verdict)
        if exchange.phase == ON_HOST:
            return self.hosted(exchange, verdict)
        return self.heard_out(exchange, verdict)

    cdef int hosted(self, Exchange exchange, int verdict) except -1:
        """The filters have said what they think of its host."""
        cdef call_t* call = exchange.call
        cdef Cluster cluster = exchange.cluster
        cdef str host = exchange.host_name
        cdef buf_t request
        cdef const uint8_t* text
        cdef frame_t at
        if verdict == PARKED:
            call.line = <void*><Attendant>exchange
            return 0
        exchange.call = NULL
        request = exchange.take_held()
        text = request.data + request.head
        try:
            self.codec.whole(text, request.size, &at)
            if verdict == GO:
                exchange.agreed = host
                return dispatch_to(cluster, host, self.codec, call, text, &at)
            if verdict == AGAIN:
                return dispatch_past(cluster, host, self.codec, call, text, &at)
            return cluster.give_up(call, OVERLOAD if verdict == REPLY else FILTER)
        finally:
            self.core.buffers.drop(&request)

    cdef int heard_out(self, Exchange exchange, int verdict) except -1:
        """The filters have said what they think of its answer. A message's is still with its server's connection."""
        cdef call_t* call = exchange.call
        cdef Answer answer = exchange.answer
        cdef frame_t at = answer.scanned
        cdef const uint8_t* frame = answer.frame
        cdef buf_t held
        if self.codec.headed:
            exchange.decided, exchange.outcome_of = verdict != PARKED, verdict
            return (<Relay>call.upstream).soon() if exchange.decided else 0
        if verdict == PARKED:
            call.line = <void*><Attendant>exchange
            return 0
        exchange.call = NULL
        edited = answer.edited               # held: the frame may lie in it
        held = exchange.take_held()
        try:
            if verdict == GO:
                self.pass_answer(call, frame, &at)
            else:
                self.answer_instead(call, exchange.reply if verdict == REPLY else None)
        finally:
            self.core.buffers.drop(&held)
            self.core.calls.give(call)
        return 0
