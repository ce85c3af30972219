"""A route's retry policy at work: whether a call that failed is sent again, when, and what is kept for that.

A record (`call_t`) is one try. What outlives a try is in its `attempt_t`: the request as it is to be sent, the number of
tries, the alarm. When a try has failed, another record takes the place of the old one with its caller, attempt and all,
and the old one has nobody who waits for it, like a call that timed out: so its id stays reserved as long as its answer
may come, and a late answer finds nobody. Between two tries a call waits in this `Line`.

Calls whose connection could not be made, and those that a server said it has not looked at, go on to other hosts by
themselves (`Carrier.move_calls`, `Answers.take_back`): that is no retry, and needs no policy. Only when no host takes them
they come here.

What always holds: an attempt belongs to the one record that its caller waits for, and both end together; a call is sent
again only if nothing was sent, the server said that it did not process it, or it may be processed twice; never when its
answer has begun to go to its caller.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.attempts cimport Attempts, microseconds
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport RETRIED, attempt_t, call_t
from proxy.datapath.carrier cimport Carrier
from proxy.datapath.conn cimport DRAINING
from proxy.datapath.counters cimport CLOSED_EARLY, CONNECT, NO_HOST, OVERLOAD, add, host_count_t, retry_count_t
from proxy.datapath.retry_budget cimport Budget
from proxy.datapath.retry_rules cimport WANTED, UNPROCESSED, Judgement, Rule
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.http2_wire cimport REFUSED_STREAM

cdef enum:
    HELD = 100_000            # microseconds that a head is held back: who fails right behind it takes less, and nobody notices

EVENTS = {"connect_failure": ON_CONNECT, "refused": ON_REFUSED, "reset": ON_RESET, "timeout": ON_TIMEOUT}


cdef int fire_pause(alarm_t* alarm) except -1:
    cdef attempt_t* attempt = <attempt_t*>alarm.owner
    cdef Retry retry = <Retry>attempt.retrier
    retry.core.now = retry.core.clock.now()
    return retry.go_on(attempt)


cdef int fire_try(alarm_t* alarm) except -1:
    cdef attempt_t* attempt = <attempt_t*>alarm.owner
    cdef Retry retry = <Retry>attempt.retrier
    retry.core.now = retry.core.clock.now()
    return retry.try_ends(attempt)


cdef int fire_held(alarm_t* alarm) except -1:
    cdef attempt_t* attempt = <attempt_t*>alarm.owner
    cdef Retry retry = <Retry>attempt.retrier
    retry.core.now = retry.core.clock.now()
    return retry.let_go(attempt)


cdef class Retry(Attempts):
    def __cinit__(self, spec, Budget budget not None):
        self.on = ON_ANSWER
        for each in spec.on:
            self.on |= EVENTS[each]
        self.most, self.same_host = spec.attempts, spec.same_host
        self.base, self.longest = microseconds(spec.back_off_base), microseconds(spec.back_off_max)

    cdef bint failed(self, call_t* call, int fault) except -1:
        cdef attempt_t* attempt = call.attempt
        cdef bint refused
        self.core.wheel.cancel(&attempt.alarm)
        if attempt.answered:
            return False
        if attempt.avoids and (fault == CONNECT or fault == NO_HOST or fault == OVERLOAD):
            return self.try_elsewhere(call)
        if fault == CONNECT:
            return self.again(call, ON_REFUSED if attempt.refused else ON_CONNECT, True, False)
        if fault != CLOSED_EARLY or call.oneway:
            return False
        refused = self.core.reset_code == REFUSED_STREAM and not attempt.held    # who answers has looked at it
        return self.again(call, ON_REFUSED if refused else ON_RESET, refused or attempt.safe, False)

    cdef bint unwanted(self, call_t* call, const uint8_t* frame, int64_t size, int64_t facts, void* head, int told) except -1:
        cdef attempt_t* attempt = call.attempt
        cdef Rule rule = self.rule_of(<Codec>attempt.codec)
        cdef Judgement judgement = WANTED
        if rule.judges:
            judgement = rule.judge(frame, size, facts, <const head_t*>head, told)
        if judgement == WANTED:
            return False
        attempt.spoilt = not self.again(call, ON_ANSWER, judgement == UNPROCESSED or attempt.safe, True)
        if attempt.spoilt:
            return False
        call.outcome = RETRIED
        return True

    cdef bint undecided(self, call_t* call, const uint8_t* frame, int64_t size, int64_t facts, void* head) except -1:
        """Its status is to come, and it may be sent again for that. This try has begun to be answered: it has no timeout more."""
        cdef attempt_t* attempt = call.attempt
        cdef Rule rule = self.rule_of(<Codec>attempt.codec)
        if not rule.at_end or not attempt.safe or not attempt.request.size:
            return False
        if rule.judge(frame, size, facts, <const head_t*>head, -1) != WANTED or rule.says_status(frame, <const head_t*>head):
            return False
        attempt.held = True
        attempt.alarm.owner, attempt.alarm.fire = attempt, fire_held
        self.core.wheel.set(&attempt.alarm, self.core.now + HELD)
        return True

    cdef int let_go(self, attempt_t* attempt) except -1:
        """The head was held back for long enough: now it is the answer's beginning, and a status behind it comes too late."""
        cdef Carrier upstream = <Carrier>attempt.call.upstream if attempt.call.upstream != NULL else None
        if upstream is None:
            return 0
        self.answers(attempt.call)
        try:
            upstream.need = 0
            upstream.feed(NULL, 0)
        except Exception as error:  # noqa: BLE001
            upstream.crash(error)
        return 0

    cdef int try_ends(self, attempt_t* attempt) except -1:
        """It took longer than one try may. Its request is waited for, as by the call's own deadline."""
        cdef call_t* call = attempt.call
        cdef Caller caller
        if call.upstream == NULL or attempt.answered:
            return 0
        caller = <Caller>call.caller         # held: it may be closed by what it is told
        if call.bodied:
            return self.core.wheel.set(&attempt.alarm, self.core.now + attempt.patience)
        if self.again(call, ON_TIMEOUT, attempt.safe, False):
            return 0
        return caller.expired(call)

    cdef bint again(self, call_t* call, int why, bint safe, bint heard) except -1:
        """Send it again after a pause? False: it ends as it would without a policy. `heard`: its answer is here."""
        cdef attempt_t* attempt = call.attempt
        cdef retry_count_t* count = self.budget.count
        cdef int64_t wait = self.pause(attempt.retries)
        cdef int64_t until = self.core.now + wait
        cdef uint64_t tried
        self.land(attempt)
        if not self.on & why or self.budget.closed or not attempt.request.size:
            return False                     # a request that is not kept was counted when that was decided
        if attempt.retries >= self.most:
            add(count.exhausted, 1)
        elif not safe:
            add(count.unsafe, 1)
        elif call.until and until >= call.until or call.total and until >= call.total:
            add(count.too_late, 1)
        elif not self.budget.allows():
            add(count.over_budget, 1)
        else:
            tried = 0 if self.same_host else self.budget.other_hosts(attempt)
            if not self.put_off(call, wait, tried, heard):
                return False
            attempt.avoids, attempt.refused, attempt.held = tried != 0, False, False
            attempt.retries += 1
            attempt.counted = True
            self.budget.flying += 1
            add(count.retried, 1)
            return True
        return False

    cdef bint try_elsewhere(self, call_t* call) except -1:
        """No other host can be had than the one that was left out: this try goes there after all."""
        cdef attempt_t* attempt = call.attempt
        if self.budget.closed or not attempt.request.size or not self.put_off(call, 0, 0, False):
            return False
        attempt.avoids = False
        return True

    # -- between two tries ----------------------------------------------------------------------------------------

    cdef int64_t pause(self, int64_t round) noexcept:
        """Anything up to the base, twice that, and so on: full jitter, so that calls that failed together part."""
        cdef int64_t most = self.base
        while round > 0 and most < self.longest:
            most *= 2
            round -= 1
        return <int64_t>(self.core.dice() % <uint64_t>(min(most, self.longest) + 1))

    cdef bint put_off(self, call_t* old, int64_t wait, uint64_t tried, bint heard) except -1:
        """Another record is the call from now on, and waits here. False: no memory, and nothing has changed."""
        cdef attempt_t* attempt = old.attempt
        cdef call_t* made = self.core.calls.succeed(old)
        if made == NULL:
            return False
        made.outcome, made.tried, made.line = 0, tried, <void*>self
        if old.caller != NULL:
            (<Caller>old.caller).replace(old, made)
        attempt.alarm.owner, attempt.alarm.fire = attempt, fire_pause
        self.budget.enter(attempt)
        self.core.wheel.set(&attempt.alarm, self.core.now + wait)
        self.leave_behind(old, heard)
        return True

    cdef int leave_behind(self, call_t* old, bint heard) except -1:
        """Its connection has one call less that somebody waits for; it may end by that, and the old record with it."""
        cdef Carrier upstream
        if old.upstream == NULL:
            return 0
        upstream = <Carrier>old.upstream
        if not heard:
            return upstream.unwaited()
        upstream.live -= 1                   # what is left to do for it is the answer's
        if upstream.live == 0 and upstream.state == DRAINING:
            upstream.touch()
        return 0

    cdef int leave(self, call_t* call) noexcept:
        self.core.wheel.cancel(&call.attempt.alarm)
        self.budget.leave(call.attempt)
        call.line = NULL
        return 0

    cdef int go_on(self, attempt_t* attempt) except -1:
        """The pause is over."""
        cdef Retry held = self
        cdef call_t* call = attempt.call
        cdef Codec codec = <Codec>attempt.codec
        cdef const uint8_t* request = attempt.request.data + attempt.request.head
        cdef frame_t at
        self.leave(call)
        codec.whole(request, attempt.request.size, &at)
        attempt.busy = True
        try:
            self.budget.cluster.dispatch(codec, call, request, &at)
        finally:
            attempt.busy = False
            if attempt.ended:
                held.free(attempt)
        return 0

    cdef int sent(self, call_t* call, const host_count_t* host) except -1:
        cdef attempt_t* attempt = call.attempt
        attempt.host = host
        if attempt.patience:
            attempt.alarm.owner, attempt.alarm.fire = attempt, fire_try
            self.core.wheel.set(&attempt.alarm, self.core.now + attempt.patience)
        return 0
