"""A call on its way through the filters of its listener, from its request to its end.

A call that has to wait for one has a copy of its frame, charged to the worker's buffers as its client's, and counts as one of
its client's calls in flight. It waits in no line but its own (`calls.Line`), so its client's end, and its deadline, find it
like any call that waits.

What always holds: a filter's code runs between `enter` and `leave` (guard.pyx), and whatever it raises ends here; `finish` is
called once, whatever becomes of the call.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.counters cimport OVERLOAD, TIMEOUT, add
from proxy.datapath.filters cimport ON_HOST, ON_LOG, ON_RESPONSE, ON_ROUTE, Filters, Step, Steps
from proxy.datapath.guard cimport Guarded, enter, leave
from proxy.datapath.notes cimport UNANSWERED
from proxy.datapath.view cimport Answer, View
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport frame_t
from xproto.kernel.http1_facts cimport ASKED

import traceback

from proxy.datapath.guard import BlockedError
from proxy.filters.interface import PHASES as NAMES
from proxy.filters.interface import Next, Reply

cdef extern from "Python.h":
    object PyObject_CallOneArg(object function, object argument)

cdef enum:
    QUIET = 1_000_000         # microseconds between two lines of the log about one filter: it may fail with every call

CHOOSE, MATCH = Next.CHOOSE_AGAIN, Next.MATCH_AGAIN
CONTINUE = Next.CONTINUE
MAX_TRACE = 4000
"""Characters of a filter's traceback that the log gets."""


cdef Exchange new_exchange(Caller caller, Filters filters, Steps steps, uint32_t due, const uint8_t* frame, const frame_t* at,
                           bint oneway):
    cdef Exchange made = Exchange.__new__(Exchange)
    made.core, made.caller, made.codec = caller.core, caller, caller.codec
    made.filters, made.steps, made.due = filters, steps, due
    made.frame, made.size, made.scanned, made.oneway = frame, at.size, at[0], oneway
    made.head = caller.core.head if caller.codec.headed else NULL
    made.start, made.route_index = caller.core.now, -1
    return made


cdef int fire(alarm_t* alarm) except -1:
    cdef Exchange exchange = <Exchange>alarm.owner
    exchange.core.now = exchange.core.clock.now()
    exchange.timed_out()
    return 0


cdef class Exchange(View):
    # -- one filter after the other -----------------------------------------------------------------------------

    cdef int run(self) except -1:
        """The filters of this phase that are still to come, until one says something."""
        cdef uint32_t mask = self.due & self.steps.masks[self.phase]
        cdef Step step
        cdef int at, verdict
        cdef object result
        while self.at < self.steps.count and mask >> self.at:
            at = self.at
            self.at += 1
            if not mask >> at & 1:
                continue
            step = self.steps.steps[at]
            enter(step.bounds)
            try:
                result = PyObject_CallOneArg(<object>step.functions[self.phase], self)
            except BlockedError:
                leave()
                return self.fail(step, f"it did not come back for {step.block:g} s, and was broken off")
            except BaseException as error:
                leave()
                return self.raised(step, error)
            leave()
            if result is None:
                continue
            verdict = self.judge(step, result)
            if verdict != GO:
                return verdict
        return GO

    cdef int judge(self, Step step, object result) except -1:
        """What a filter's result means in this phase."""
        if result is None or result is CONTINUE:
            return GO
        if isinstance(result, Reply) and self.phase not in (ON_HOST, ON_LOG):
            self.reply = result
            add(step.replies, 1)
            return REPLY
        if result is MATCH and self.phase == ON_ROUTE or result is CHOOSE and self.phase == ON_HOST:
            self.again += 1
            return AGAIN if self.again <= MAX_AGAIN else self.fail(step, f"it said so more than {MAX_AGAIN} times: {result}")
        if hasattr(result, "__await__"):
            if self.phase <= ON_ROUTE:
                return self.park(step, result)
            if hasattr(result, "close"):
                result.close()
            return self.fail(step, f"{NAMES[self.phase]} must not wait")
        return self.fail(step, f"{NAMES[self.phase]} must not return {result!r:.100}")

    def raised(self, Step step, error):
        trace = "".join(traceback.format_exception(error)).rstrip()
        return self.fail(step, f"it raised {trace[-MAX_TRACE:]}")

    cdef int fail(self, Step step, str why) except -1:
        add(step.failures, 1)
        self.reply = None
        if step.told and self.core.now - step.told < QUIET:
            step.untold += 1
            return FAILED
        more = f" (and {step.untold} failures before that were not told)" if step.untold else ""
        self.core.tell(f"listener {self.filters.listener}: filter {step.name}: {NAMES[self.phase]}: {why}{more}")
        step.told, step.untold = self.core.now, 0
        return FAILED

    # -- waiting ------------------------------------------------------------------------------------------------

    cdef int park(self, Step step, object awaitable) except -1:
        """Its result is to come; the caller gives the call its record before anything else happens."""
        if self.filters.waiting >= MAX_WAITING or not self.keep():
            if hasattr(awaitable, "close"):
                awaitable.close()
            self.fail(step, f"{self.filters.waiting} calls wait for filters, or the buffers are used up")
            self.reply = Reply(OVERLOAD)
            return REPLY
        self.frame, self.head, self.edited = self.kept.data + self.kept.head, NULL, None
        self.lent, self.step = self.kept.size, step
        self.core.parked[self] = None
        self.alarm.owner, self.alarm.fire = <void*>self, fire
        self.core.wheel.set(&self.alarm, self.patience(step))
        self.filters.waiting += 1
        self.task = self.core.loop.create_task(Guarded(awaitable, step.name, step.block, step.stuck))
        self.task.add_done_callback(self.done)
        self.caller.lent += self.lent
        self.caller.owned_up()
        return PARKED

    cdef bint keep(self) except -1:
        """Its frame as it is now; another filter may have kept it as it was. False: no memory."""
        cdef buf_t before = self.kept
        if before.data != NULL and self.frame == before.data + before.head:
            return True
        memset(&self.kept, 0, sizeof(buf_t))
        if not self.core.buffers.append(&self.kept, self.frame, self.size, self.size):
            self.kept = before
            return False
        self.core.buffers.drop(&before)
        return True

    cdef int64_t patience(self, Step step) noexcept:
        """When its awaitable has had its time, or the call its own, which is known when it has a route."""
        cdef int64_t limit = self.core.now + step.timeout, most
        self.late = False
        if self.table is None:
            return limit
        most = self.route.timeout
        if self.own > 0 and (most <= 0 or self.own * 1000 < most):
            most = self.own * 1000
        self.late = most > 0 and self.start + most < limit
        return self.start + most if self.late else limit

    cdef int unpark(self) except -1:
        """It waits no more. The copy of the frame stays until `lose_frame`."""
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
        if hasattr(result, "__await__"):
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
        if self.stop_waiting():
            self.lose_frame()
            self.call = NULL
            self.finish(UNANSWERED)
            if call != NULL:
                self.core.calls.give(call)

    cdef int leave(self, call_t* call) noexcept:
        """Its client has gone, or its deadline has come."""
        cdef Exchange me = self              # the last reference may be in what is let go of
        try:
            me.stop_waiting()
            me.lose_frame()
            me.call = NULL
            me.finish(call.outcome)
        except Exception as error:  # noqa: BLE001
            me.core.tell(f"internal error in a filter's call: {error!r}")
        return 0

    cdef int lose_frame(self) except -1:
        self.frame, self.head, self.edited = NULL, NULL, None
        if self.kept.data != NULL:
            self.core.buffers.drop(&self.kept)
        return 0

    # -- what follows the request -------------------------------------------------------------------------------

    cdef int chosen(self, call_t* call, str cluster, str host) except -2:
        cdef int verdict
        self.host_name = host
        if not self.due & self.steps.masks[ON_HOST]:
            return 1
        self.phase, self.at = ON_HOST, 0
        verdict = self.run()
        return 1 if verdict == GO else 0 if verdict == AGAIN else -1

    cdef bint answered(self, call_t* call, const uint8_t** frame, frame_t* at) except -1:
        cdef int verdict
        cdef Answer answer
        cdef Exchange me = self
        if not self.due & self.steps.masks[ON_RESPONSE]:
            return True
        answer = self.answer = Answer.__new__(Answer)
        answer.call, answer.frame, answer.size, answer.scanned, answer.asked = self, frame[0], at.size, at[0], call.echo | ASKED
        self.phase, self.at = ON_RESPONSE, 0
        verdict = self.run()
        answer.frame = NULL
        if verdict in (REPLY, FAILED):
            self.caller.answer_instead(call, self.reply)
            return False
        if answer.edited is not None:
            frame[0] = <const uint8_t*>answer.edited
            answer.rescan(frame[0], len(answer.edited), at)
        return True

    cdef void ended(self, call_t* call) noexcept:
        cdef Exchange me = self
        try:
            me.call = NULL
            me.took = me.core.now - call.start
            me.finish(call.outcome)
        except Exception as error:  # noqa: BLE001
            me.core.tell(f"internal error in a filter's call: {error!r}")

    cdef int finish(self, int outcome) except -1:
        """The call is over: filters that log hear of it."""
        if self.due & self.steps.masks[ON_LOG]:
            self.outcome, self.phase, self.at = outcome, ON_LOG, 0
            while self.run() != GO:
                pass                     # one that failed is in the log; the others hear, too
        self.answer = None
        self.caller = None
        return 0
