"""A client's connection whose calls may be answered by filters, or by what a route says after filters, in the client's own protocol.

What always holds: a call that has its record is answered at its place among its client's; one that has none, behind all that were
read before.
"""

from libc.stdint cimport uint64_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.counters cimport FILTER, MALFORMED, MISDIRECTED, NO_ROUTE, add, observe
from proxy.datapath.exchange cimport Exchange
from proxy.datapath.notes cimport ANSWERED, UNANSWERED
from proxy.datapath.requester cimport Requester
from proxy.datapath.route cimport route_t
from proxy.datapath.waiting cimport FAILED
from xproto.kernel.frame cimport frame_t, identity_t

from proxy.filters.replies import written


cdef class Replying(Requester):
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
        """A filter has put another answer in the place of the server's, or failed, when the call was on its way."""
        cdef frame_t at
        if reply is None or self.feeder is not None and call.upstream == <void*>self.feeder:
            return self.refuse(call, FILTER if reply is None else reply.fault)       # of an answer that has begun it is the end
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
