"""What holds for calls that filters keep waiting.

What always holds: nothing is changed; a call that waits for a filter is in its Exchange's line, and nowhere else.
"""

from proxy.datapath.audit_retries cimport RetryLook
from proxy.datapath.calls cimport Attendant
from proxy.datapath.exchange cimport Exchange


cdef class FilterLook(RetryLook):
    cdef int exchanges(self, dict parked) except -1:
        cdef Exchange exchange
        for exchange in parked:
            self.calls += 1
            self.bytes += exchange.kept.room
            self.lend(<void*>exchange.caller, exchange.lent)
            self.alarms += exchange.alarm.next != NULL
            if exchange.alarm.next == NULL or exchange.task is None:
                self.wrong("a call waits for a filter for ever")
            if exchange.kept.size != exchange.size or exchange.lent != exchange.kept.size:
                self.wrong(f"a call waits for a filter with {exchange.kept.size} bytes, of {exchange.size}")
            if exchange.call == NULL or exchange.call.line != <void*><Attendant>exchange or exchange.call.upstream != NULL:
                self.wrong("a call that waits for a filter is elsewhere too")
            elif exchange.call.attempt != NULL or exchange.call.attendant != NULL:
                self.wrong("a call that waits for a filter has been sent")
        return 0
