"""A call that waits for one of its filters.

What it needs when it goes on is copied, charged to the worker's buffers as its client's: its frame, later its request as it is
to go, or its answer. It counts as one of its client's calls in flight. Until it has been sent, and when a whole answer waits, it
is in no line but its own (`calls.Line`), so its client's end, and its deadline, find it like any call that waits. A message whose
answer waits is in its server's table still, and hears of its end as filters do (`Attendant.ended`).

What always holds: while it waits its alarm is set; what it waits for is given up at once when the call ends, and what that comes
to later changes nothing.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.counters cimport OVERLOAD, TIMEOUT
from proxy.datapath.filters cimport ON_HOST, ON_RESPONSE, ON_ROUTE, Step
from proxy.datapath.guard cimport Guarded, enter, leave
from proxy.datapath.notes cimport UNANSWERED
from proxy.datapath.view cimport View
from proxy.datapath.wheel cimport alarm_t

from proxy.filters.interface import Reply


cdef int fire(alarm_t* alarm) except -1:
    cdef Waiting waiting = <Waiting>alarm.owner
    waiting.core.now = waiting.core.clock.now()
    waiting.timed_out()
    return 0


def watched(Step step, function, argument):
    """What the function says of something that a filter has made, whose code is watched as all of the filter's; None: it fails."""
    enter(step.bounds)
    try:
        found = function(argument)
    except BaseException:
        found = None
    leave()
    return found


def close(awaitable):
    if hasattr(awaitable, "close"):
        awaitable.close()


def awaits(result):
    return hasattr(result, "__await__")


cdef class Waiting(View):
    cdef int park(self, Step step, object awaitable) except -1:
        """Its result is to come; whoever runs filters sees to the call's record before anything else happens."""
        cdef Guarded steps
        if self.filters.waiting >= MAX_WAITING or not self.keep():
            watched(step, close, awaitable)
            self.fail(step, f"{self.filters.waiting} calls wait for filters, or the buffers are used up")
            self.reply = Reply(OVERLOAD)
            return REPLY
        enter(step.bounds)
        try:
            steps = Guarded(awaitable, step.name, step.block, step.stuck)
        except BaseException as error:
            leave()
            return self.raised(step, error)
        leave()
        self.step = step
        self.filters.waiting += 1
        self.task = self.core.loop.create_task(steps)
        self.task.add_done_callback(self.done)
        self.lend(self.patience(step))
        return PARKED

    cdef int lend(self, int64_t until) except -1:
        """It waits from now on, until then at most."""
        self.lent = self.kept.size + self.held.size + self.content.size + self.trailers.size
        self.caller.lent += self.lent
        self.caller.owned_up()
        self.core.parked[self] = None
        self.alarm.owner, self.alarm.fire = <void*>self, fire
        self.core.wheel.set(&self.alarm, until)
        return 0

    cdef bint keep(self) noexcept:
        """What it goes on with. False: no memory."""
        if self.phase <= ON_ROUTE:
            if not self.keep_in(&self.kept, self.frame, self.size):
                return False
            self.frame, self.head, self.edited = self.kept.data + self.kept.head, NULL, None
            return True
        if self.phase == ON_HOST:
            return self.going == NULL or self.keep_in(&self.held, self.going, self.going_size)       # NULL: it has waited before
        if not self.keep_in(&self.held, self.answer.frame, self.answer.size):
            return False
        self.answer.frame, self.answer.edited = self.held.data + self.held.head, None
        return True

    cdef bint keep_in(self, buf_t* into, const uint8_t* data, size_t size) noexcept:
        cdef buf_t made
        if into.data != NULL and data == into.data + into.head:
            return True                      # it has waited before, and nobody changed it
        memset(&made, 0, sizeof(buf_t))
        if not self.core.buffers.append(&made, data, size, size):
            return False
        self.core.buffers.drop(into)
        into[0] = made
        return True

    cdef int64_t patience(self, Step step) noexcept:
        """When its awaitable has had its time, or the call its own, which it does not watch itself before it is sent.

        Its route's begins anew when a body is whole that was waited for, as with every byte of one that passes.
        """
        cdef int64_t limit = self.core.now + step.timeout, until = 0
        self.late = False
        if self.table is None or self.phase > ON_ROUTE:
            return limit
        if self.route.timeout > 0:
            until = (max(self.start, self.caller.heard) if self.whole else self.start) + self.route.timeout
        if self.own > 0 and (not until or self.start + self.own * 1000 < until):
            until = self.start + self.own * 1000
        self.late = 0 < until < limit
        return until if self.late else limit

    cdef int unpark(self) except -1:
        """It waits no more. What was copied stays until it is used, or the call ends."""
        self.core.parked.pop(self, None)
        self.core.wheel.cancel(&self.alarm)
        self.caller.lent -= self.lent
        self.lent = 0
        if self.call != NULL:
            self.call.line = NULL
        return 0

    def done(self, task):
        """The awaitable has ended, or was cancelled."""
        self.filters.waiting -= 1
        error = None if task.cancelled() else task.exception()
        if self.task is not task:
            return                       # given up
        self.task = None
        self.core.now = self.core.clock.now()
        self.unpark()
        if task.cancelled():
            verdict = self.fail(self.step, "what it waited for was cancelled")
        elif error is not None:
            verdict = self.raised(self.step, error)
        else:
            verdict = self.verdict_of(task.result())
        self.come_to(verdict)

    def verdict_of(self, result):
        if watched(self.step, awaits, result):
            return self.fail(self.step, "what it waited for is something to wait for again")
        return self.judge(self.step, result)

    def timed_out(self):
        """Its awaitable had its time. It is cancelled; whether it heeds that is not waited for."""
        self.stop_waiting()
        if self.late:
            self.reply = Reply(TIMEOUT)
            return self.come_to(REPLY)
        self.come_to(self.fail(self.step, f"what it waited for was not there after {self.step.timeout / 1e6:g} s"))

    def come_to(self, int verdict):
        cdef Caller caller = self.caller
        self.outcome_of = verdict
        try:
            caller.go_on_with(self)
        except Exception as error:  # noqa: BLE001
            caller.crash(error)

    cdef bint stop_waiting(self) except -1:
        """Its awaitable is cancelled. False: there was none."""
        task, self.task = self.task, None
        if task is None:
            return False
        self.unpark()
        task.cancel()
        return True

    def abandon(self):
        """All ends while it waits: only a oneway's filter can be in that state, nobody waits for one."""
        cdef call_t* call = self.call
        if not self.stop_waiting():
            return
        self.lose_frame()
        self.call = NULL
        if self.phase <= ON_ROUTE:
            self.finish(UNANSWERED)          # else its record says so
        if call != NULL:
            self.core.calls.give(call)

    cdef int leave(self, call_t* call) noexcept:
        """Its client has gone, or its deadline has come."""
        cdef Waiting me = self               # the last reference may be in what is let go of
        try:
            me.stop_waiting()
            me.lose_frame()
            me.call = NULL
            if me.phase <= ON_ROUTE:
                me.finish(call.outcome)
        except Exception as error:  # noqa: BLE001
            me.core.tell(f"internal error in a filter's call: {error!r}")
        return 0

    cdef int lose_request(self) except -1:
        """It is on its way, as somebody else has it."""
        cdef size_t size = self.kept.size + self.content.size + self.trailers.size
        if self.lent:                        # a filter that was asked for a host has it wait
            self.lent -= size
            self.caller.lent -= size
        self.frame, self.head, self.edited = NULL, NULL, None
        self.core.buffers.drop(&self.kept)
        self.core.buffers.drop(&self.content)
        self.core.buffers.drop(&self.trailers)
        return 0

    cdef buf_t take_held(self) noexcept:
        """What it goes on with is the caller's of this from now on."""
        cdef buf_t held = self.held
        memset(&self.held, 0, sizeof(buf_t))
        if self.answer is not None:
            self.answer.frame = NULL
        return held

    cdef int lose_frame(self) except -1:
        cdef buf_t held = self.take_held()
        self.core.buffers.drop(&held)
        return self.lose_request()

    cdef int judge(self, Step step, object result) except -1:
        return FAILED

    cdef int fail(self, Step step, str why) except -1:
        return FAILED

    def raised(self, Step step, error):
        return FAILED

    cdef int finish(self, int outcome) except -1:
        return 0
