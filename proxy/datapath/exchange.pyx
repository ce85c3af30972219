"""A call on its way through the filters of its listener, from its request to its end.

What always holds: a filter's code runs between `enter` and `leave` (guard.pyx), and whatever it raises ends here; `finish` is
called once, whatever becomes of the call.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport AGREED, OTHERWISE, WAITS, Attendant, call_t
from proxy.datapath.conn cimport Conn
from proxy.datapath.counters cimport FILTER, OVERLOAD, add
from proxy.datapath.filters cimport ON_BODY, ON_HOST, ON_LOG, ON_RESPONSE, ON_ROUTE, Filters, Step, Steps
from proxy.datapath.gathering cimport Gathering
from proxy.datapath.guard cimport enter, leave
from proxy.datapath.view cimport Answer
from proxy.datapath.waiting cimport AGAIN, FAILED, GO, PARKED, REPLY
from xproto.kernel.frame cimport frame_t
from xproto.kernel.http1_body cimport PART_DATA, PART_FRAMING, Part, body_t, is_whole, pass_part
from xproto.kernel.http1_facts cimport ASKED

import traceback

from proxy.datapath.guard import BlockedError
from proxy.datapath.waiting import awaits, close, watched
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


def traced(error):
    return "".join(traceback.format_exception(error)).rstrip()


cdef Exchange new_exchange(Caller caller, Filters filters, Steps steps, uint32_t due, const uint8_t* frame, const frame_t* at,
                           bint oneway):
    cdef Exchange made = Exchange.__new__(Exchange)
    made.core, made.caller, made.codec = caller.core, caller, caller.codec
    made.filters, made.steps, made.due = filters, steps, due
    made.frame, made.size, made.scanned, made.oneway = frame, at.size, at[0], oneway
    made.head = caller.core.head if caller.codec.headed else NULL
    made.start, made.route_index = caller.core.now, -1
    return made


cdef class Exchange(Gathering):
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
            if step.body_limit >= 0 and self.phase <= ON_ROUTE:
                verdict = self.needs_body(step)
                if verdict != GO:
                    self.at = at
                    return verdict
                if step.functions[self.phase] == NULL:
                    continue                 # that was all
            enter(step.bounds)
            try:
                result = PyObject_CallOneArg(<object>step.functions[self.phase], self)
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
        if watched(step, awaits, result):
            if self.phase not in (ON_BODY, ON_LOG):
                return self.park(step, result)
            watched(step, close, result)
            return self.fail(step, f"{NAMES[self.phase]} must not wait")
        said = watched(step, repr, result) or f"a {type(result).__name__}"
        return self.fail(step, f"{NAMES[self.phase]} must not return {said:.100}")

    def raised(self, Step step, error):
        if isinstance(error, BlockedError):
            return self.fail(step, f"it did not come back for {step.block:g} s, and was broken off")
        trace = watched(step, traced, error) or f"a {type(error).__name__} that cannot be written"
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

    # -- its body -----------------------------------------------------------------------------------------------

    cdef int body_comes(self, call_t* call, const body_t* body, const uint8_t* data, int64_t size) except -1:
        """A piece for filters that see each, before it goes on; one of them may end the call."""
        cdef body_t now = body[0]
        cdef int64_t at = 0, some, taken = 0
        cdef Part what = PART_FRAMING
        cdef bytes chunk
        cdef int verdict
        if self.gathers:
            return Gathering.body_comes(self, call, body, data, size)
        chunk = PyBytes_FromStringAndSize(NULL, size)
        while at < size and not is_whole(&now):
            some = pass_part(&now, data + at, size - at, &what)
            if some < 0:
                return 0                     # as its connection finds out itself
            if what == PART_DATA:
                memcpy(PyBytes_AS_STRING(chunk) + taken, data + at, some)
                taken += some
            at += some
        if taken == 0 and not is_whole(&now):
            return 0
        verdict = self.stream(chunk if taken == size else chunk[:taken], is_whole(&now))
        return 0 if verdict == GO else self.caller.answer_instead(call, self.reply if verdict == REPLY else None)

    cdef int stream(self, bytes chunk, bint last) except -1:
        """Whatever phase the call is in: an answer may wait for its filters while the request is still coming."""
        cdef uint32_t mask = self.due & self.steps.masks[ON_BODY]
        cdef int phase = self.phase, at, verdict = GO
        cdef Step step
        self.phase = ON_BODY
        for at in range(self.steps.count):
            if not mask >> at & 1:
                continue
            step = self.steps.steps[at]
            enter(step.bounds)
            try:
                result = (<object>step.functions[ON_BODY])(self, chunk, last)
            except BaseException as error:
                leave()
                verdict = self.raised(step, error)
                break
            leave()
            verdict = self.judge(step, result)
            if verdict != GO:
                break
        self.phase = phase
        return verdict

    # -- what follows the request -------------------------------------------------------------------------------

    cdef int chosen(self, call_t* call, object cluster, str host, const uint8_t* frame, size_t size) except -100:
        cdef int verdict
        self.host_name = host
        if not self.due & self.steps.masks[ON_HOST]:
            return AGREED
        agreed, self.agreed = self.agreed, None
        if agreed == host:
            return AGREED
        self.phase, self.at = ON_HOST, 0
        self.going, self.going_size = frame, size
        verdict = self.run()
        self.going = NULL
        if verdict == PARKED:
            self.cluster, self.call, call.line = cluster, call, <void*><Attendant>self
            return WAITS
        return AGREED if verdict == GO else OTHERWISE if verdict == AGAIN else -OVERLOAD if verdict == REPLY else -FILTER

    cdef int answered(self, call_t* call, const uint8_t** frame, frame_t* at) except -1:
        cdef Answer answer
        cdef Exchange me = self
        cdef int verdict
        if not self.due & self.steps.masks[ON_RESPONSE]:
            return AGREED
        if self.decided:
            return self.conclude(call, self.outcome_of, frame, at)
        if self.task is not None:
            return WAITS                     # its connection had a look, for a reason of its own
        answer = self.answer = Answer.__new__(Answer)
        answer.call, answer.frame, answer.size, answer.scanned, answer.asked = self, frame[0], at.size, at[0], call.echo | ASKED
        self.phase, self.at = ON_RESPONSE, 0
        verdict = self.run()
        if verdict != PARKED:
            return self.conclude(call, verdict, frame, at)
        self.call = call
        return WAITS if self.codec.headed else self.take_over(call)

    cdef int take_over(self, call_t* call) except -1:
        """A whole answer waits here. Its server's connection is done with the call: another record is it from now on."""
        cdef call_t* made = self.core.calls.succeed(call)
        if made == NULL:
            self.stop_waiting()
            self.call = NULL
            self.lose_frame()
            self.caller.answer_instead(call, Reply(OVERLOAD))
            return OTHERWISE
        made.line = <void*><Attendant>self
        self.call = made
        self.caller.replace(call, made)
        (<Conn>call.upstream).unwaited()
        return WAITS

    cdef int conclude(self, call_t* call, int verdict, const uint8_t** frame, frame_t* at) except -1:
        """Filters have said all that they say of the answer, whose head is here (again, where it waited)."""
        cdef Answer answer = self.answer
        self.decided = False
        self.call = NULL
        if self.held.data != NULL:
            if answer.changed and answer.edited is None:
                answer.edited = PyBytes_FromStringAndSize(<char*>answer.frame, answer.size)
            self.lose_frame()
        answer.frame = NULL
        if verdict != GO:
            self.caller.answer_instead(call, self.reply if verdict == REPLY else None)
            return OTHERWISE
        if answer.changed:
            frame[0] = <const uint8_t*>answer.edited
            answer.rescan(frame[0], answer.size, at)
        return AGREED

    cdef void ended(self, call_t* call) noexcept:
        cdef Exchange me = self
        try:
            me.stop_waiting()                # for what it thinks of an answer that nobody wants any more
            me.call = NULL
            me.lose_frame()
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
        self.cluster = None
        return 0
