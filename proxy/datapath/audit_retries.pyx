"""What holds for calls that may be sent again, and for the budgets of that.

What always holds: nothing is changed; each attempt is met once, at the record that is the call now.
"""

from libc.stdint cimport int64_t

from proxy.datapath.audit_conns cimport Look
from proxy.datapath.calls cimport attempt_t, call_t
from proxy.datapath.retries cimport Retry
from proxy.datapath.retry_budget cimport Budget


cdef class RetryLook(Look):
    cdef int attempt(self, call_t* call) except -1:
        cdef attempt_t* attempt = call.attempt
        cdef Retry retry
        if attempt == NULL:
            return 0
        retry = <Retry>attempt.retrier
        self.bytes += attempt.request.room
        self.alarms += attempt.alarm.next != NULL
        self.flying[retry.budget] = self.flying.get(retry.budget, 0) + attempt.counted
        if attempt.call != call:
            self.wrong("an attempt takes another record for its call")
        if attempt.busy or attempt.ended:
            self.wrong("an attempt's request is being read between events")
        if attempt.retries > retry.most:
            self.wrong(f"a call was sent again {attempt.retries} times, and may be {retry.most} times")
        if attempt.held and (attempt.answered or attempt.alarm.next == NULL):
            self.wrong("the head of an answer is held back for ever")
        if attempt.answered and attempt.request.size:
            self.wrong("a call that is answered keeps its request")
        return 0

    cdef int budget(self, Budget budget) except -1:
        """When all connections were looked at."""
        cdef attempt_t* attempt = budget.first
        cdef int64_t count = 0
        name = budget.cluster.name
        while attempt != NULL and count <= budget.pausing:
            count += 1
            if attempt.call.line != attempt.retrier or attempt.call.upstream != NULL:
                self.wrong(f"cluster {name}: a call that pauses is elsewhere too")
            if attempt.alarm.next == NULL:
                self.wrong(f"cluster {name}: a call pauses for ever")
            if attempt.call.oneway:
                self.attempt(attempt.call)
            elif attempt.call.caller == NULL:
                self.wrong(f"cluster {name}: nobody waits for a call that pauses")
            attempt = attempt.next
        if count != budget.pausing:
            self.wrong(f"cluster {name}: {budget.pausing} calls pause, and {count} are in the list")
        if self.flying.get(budget, 0) != budget.flying:
            self.wrong(f"cluster {name}: {budget.flying} retries are under way, and {self.flying.get(budget, 0)} were met")
        self.calls += count
        return 0
