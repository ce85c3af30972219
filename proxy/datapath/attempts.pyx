"""What a retry policy keeps of a call: its request, whether it may be processed twice, and what came of its tries.

What always holds: an attempt belongs to the one record that its caller waits for, and both end together; the request is
charged to the worker's buffers and its caller, and dropped when the answer begins; a request that is too long, or for
which there is no memory, is not kept, and its call goes on without.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport Retrier, attempt_t, call_t
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport add
from proxy.datapath.retry_budget cimport Budget
from proxy.datapath.retry_rules cimport Rule
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef int64_t microseconds(object seconds) except? -1:
    return <int64_t>(<double>(seconds or 0) * 1e6)


cdef class Attempts(Retrier):
    """Of one route."""

    def __cinit__(self, spec, Budget budget not None):
        self.core, self.budget, self.spec, self.rules = budget.cluster.core, budget, spec, {}
        self.room, self.patience = spec.buffer, microseconds(spec.per_try_timeout)

    cdef Rule rule_of(self, Codec codec):
        cdef Rule found = self.rule
        if found is None or found.codec is not codec:
            found = self.rules.get(codec)
            if found is None:
                found = self.rules[codec] = Rule(self.core, codec, self.spec)
            self.rule = found
        return found

    cdef int cannot_keep(self) noexcept:
        add(self.budget.count.unkept, 1)
        return 0

    cdef int begin(self, call_t* call, Codec codec, const uint8_t* frame, const frame_t* at, void* head) except -1:
        """The call may be sent again from now on. A message's request is kept when it is written as it is to be sent."""
        cdef Rule rule = self.rule_of(codec)
        cdef attempt_t* attempt = <attempt_t*>calloc(1, sizeof(attempt_t))
        if attempt == NULL:
            return self.cannot_keep()
        attempt.retrier, attempt.codec, attempt.call = <void*>self, <void*>codec, call
        Py_INCREF(self)
        call.attempt = attempt
        if not call.oneway:
            attempt.patience = self.patience
            attempt.safe = rule.safe(frame, at, head)
        return 0 if codec.headed else self.more(call, frame, at.size)

    cdef int more(self, call_t* call, const uint8_t* data, size_t size) except -1:
        """A part of its request: kept within the policy's bound, and as long as there is much memory."""
        cdef attempt_t* attempt = call.attempt
        cdef Caller caller
        if attempt.unkept or attempt.answered:
            return 0
        if attempt.request.size + size > self.room or not self.core.buffers.ample() or (
                not self.core.buffers.append(&attempt.request, data, size, self.room)):
            self.forget_request(attempt)
            attempt.unkept = True
            return self.cannot_keep()
        if call.caller != NULL:
            caller = <Caller>call.caller
            caller.lent += size
            caller.owned_up()
        return 0

    cdef void forget_request(self, attempt_t* attempt) noexcept:
        if attempt.call.caller != NULL:
            (<Caller>attempt.call.caller).lent -= attempt.request.size
        self.core.buffers.drop(&attempt.request)

    cdef int answers(self, call_t* call) except -1:
        """From here on it is never sent again."""
        cdef attempt_t* attempt = call.attempt
        if attempt.answered:
            return 0
        attempt.answered, attempt.held = True, False
        self.core.wheel.cancel(&attempt.alarm)
        self.forget_request(attempt)
        if attempt.retries and not attempt.spoilt:
            add(self.budget.count.succeeded, 1)
        return 0

    cdef int over(self, call_t* call) except -1:
        cdef Attempts held = self             # the attempt may be the last that holds it
        cdef attempt_t* attempt = call.attempt
        call.attempt = NULL
        held.core.wheel.cancel(&attempt.alarm)
        held.land(attempt)
        if attempt.busy:
            if call.caller != NULL:
                (<Caller>call.caller).lent -= attempt.request.size
            attempt.ended = True
            return 0
        held.forget_request(attempt)
        held.free(attempt)
        return 0

    cdef void free(self, attempt_t* attempt) noexcept:
        """This may be the last that holds the policy."""
        self.core.buffers.drop(&attempt.request)
        free(attempt)
        Py_DECREF(self)

    cdef void land(self, attempt_t* attempt) noexcept:
        """If this try was a retry, it is under way no more."""
        self.budget.flying -= attempt.counted
        attempt.counted = False
