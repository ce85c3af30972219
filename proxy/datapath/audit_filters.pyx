"""What holds for calls that filters keep waiting.

What always holds: nothing is changed; a call that waits for a filter is in its Exchange's line, and nowhere else, but for one
whose answer's head is here: that is in its server's table.
"""

from proxy.datapath.audit_retries cimport RetryLook
from proxy.datapath.calls cimport Attendant
from proxy.datapath.exchange cimport Exchange
from proxy.datapath.filters cimport ON_RESPONSE, ON_ROUTE
from proxy.datapath.upstream cimport Upstream


cdef class FilterLook(RetryLook):
    cdef int exchanges(self, dict parked) except -1:
        cdef Exchange exchange
        for exchange in parked:
            self.bytes += exchange.kept.room + exchange.held.room + exchange.content.room + exchange.trailers.room
            self.lend(<void*>exchange.caller, exchange.lent)
            self.alarms += exchange.alarm.next != NULL
            if exchange.alarm.next == NULL or (exchange.task is None) != exchange.gathers:
                self.wrong("a call waits for a filter for ever")
            if exchange.lent != exchange.kept.size + exchange.held.size + exchange.content.size + exchange.trailers.size:
                self.wrong(f"a call waits for a filter with more than the {exchange.lent} bytes that it says")
            if exchange.call == NULL:
                self.wrong("a call that waits for a filter is nowhere")
            elif exchange.phase == ON_RESPONSE and exchange.codec.headed:
                if exchange.call.line != NULL or exchange.call.upstream == NULL:
                    self.wrong("a call whose answer waits for a filter is not with its server's connection")
            else:
                self.calls += 1
                self.waits(exchange)
        return 0

    cdef int waits(self, Exchange exchange) except -1:
        if exchange.call.line != <void*><Attendant>exchange or exchange.call.upstream != NULL:
            self.wrong("a call that waits for a filter is elsewhere too")
        if exchange.phase <= ON_ROUTE:
            if exchange.kept.size != <size_t>exchange.size:
                self.wrong(f"a call waits for a filter with {exchange.kept.size} bytes, of {exchange.size}")
            if exchange.call.attempt != NULL or exchange.call.attendant != NULL:
                self.wrong("a call that waits for a filter has been sent")
        elif exchange.call.attendant != <void*><Attendant>exchange:
            self.wrong("a call that waits for a filter behind its route is another's")
        elif exchange.call.oneway:
            self.attempt(exchange.call)
        return 0

    cdef bint thinks(self, Upstream conn) noexcept:
        """Is it not read because filters have to wait that look at the answer which it has?"""
        return conn.judged and conn.tail.size > 0
