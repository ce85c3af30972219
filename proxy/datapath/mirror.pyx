"""Copies of calls that go to another cluster besides: who waits for their answers, throws them away, and counts.

A copy is a call of its own, with a caller of its own that has no client. So connections, lines, deadlines and failures treat
it as they treat any call, and what becomes of it reaches nobody. It leaves before the call that it is a copy of, since the
bytes of a request are its own only until it is sent on; of a message with a body it leaves when all of that is here.

What always holds: the call that is copied goes on as if there were no copy, whatever happens here; at most
MIRRORED_IN_FLIGHT copies wait for a cluster's answers, with a deadline each, and what they own is charged to the worker's
buffers, of which they never take the half that is for calls; no drain waits for them.
"""

import traceback

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport AGREED, CELLS, call_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport OPEN, Conn
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport CONNECT, FAULTS, NO_HOST, OVERLOAD, TIMEOUT, Counters, add, take
from proxy.datapath.flow cimport Flow
from proxy.datapath.host cimport Host
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport SCAN_OK, frame_t
from xproto.kernel.http1_facts cimport may_switch

from proxy.observe.mirrors import DROPPED
from proxy.snapshot.clusters import CALL_TIMEOUT

cdef enum:
    ALL = 1 << 6              # clusters that one route's calls may be copied to: bits of a choice
    WAIT = 60000000           # microseconds for an answer, where the cluster has no timeout: an id is not held for ever
    AWAY = 100000             # microseconds for which a cluster without a host to connect to is not asked again

if len(DROPPED) != REASONS or WAIT != CALL_TIMEOUT * 1e6:
    raise ImportError("the mirror's reasons and those of its counters differ: build again")


cdef int overdue(alarm_t* alarm) except -1:
    cdef call_t* call = <call_t*>alarm.owner
    cdef Mirror mirror = <Mirror>call.caller
    mirror.core.now = mirror.core.clock.now()
    return mirror.refuse(call, TIMEOUT)


cdef int64_t soonest(Cluster cluster, int64_t latest) except? -1:
    """When a host of the cluster may be connected to again, or `latest`."""
    cdef Host host
    for host in cluster.hosts:
        latest = min(latest, host.retry_at)
    return latest


cdef class Mirror(Caller):
    cdef int drop(self, Dropped reason) except -1:
        add(self.dropped[<int>reason], 1)
        return 0

    cdef int launch(self, Cluster cluster, Codec codec, const call_t* like, const uint8_t* frame, const frame_t* at,
                    int64_t own) except -1:
        """A call like this one, if there is room for it. `own`: its own timeout in microseconds; 0: none."""
        cdef buf_t* gift = self.core.gift
        if at.size > MIRRORED_MAX:
            return self.drop(TOO_BIG)
        if self.core.now < self.away:
            return self.drop(UNREACHABLE)
        if self.in_flight >= MIRRORED_IN_FLIGHT or self.lent > MIRRORED_WAITING:
            return self.drop(TOO_MANY)
        if not self.core.buffers.ample():
            return self.drop(NO_MEMORY)
        self.core.gift = NULL                # what the frame came in is not for copies to take along
        try:
            return self.deliver(cluster, codec, like, frame, at, own)
        except Exception as error:  # noqa: BLE001 - nobody but the copy is to feel it
            self.drop(FAILED)
            return self.crash(error)
        finally:
            self.core.gift = gift

    cdef int deliver(self, Cluster cluster, Codec codec, const call_t* like, const uint8_t* frame, const frame_t* at,
                     int64_t own) except -1:
        cdef call_t* call = self.core.calls.take()
        cdef int64_t timeout = cluster.limits.call_timeout or WAIT
        cdef uint64_t before = self.dropped[<int>UNREACHABLE][0]
        cdef bint oneway = like.oneway
        if call == NULL:
            return self.drop(NO_MEMORY)
        call.count, call.duration = &self.count, cluster.duration
        call.variant, call.echo, call.cell, call.oneway = like.variant, like.echo, self.cell, oneway
        call.start = self.core.now
        if not oneway:
            call.until = call.start + (min(timeout, own) if own > 0 else timeout)
            call.total = call.until if codec.spelled and own > 0 else 0
            call.deadline.owner, call.deadline.fire = call, overdue
            self.adopt(call)
            self.core.wheel.set(&call.deadline, call.until)
        cluster.dispatch(codec, call, frame, at)
        if self.dropped[<int>UNREACHABLE][0] != before:
            self.away = soonest(cluster, self.core.now + AWAY)
        elif oneway:
            add(self.sent, 1)
        return 0

    # -- as any caller ------------------------------------------------------------------------------------------

    cdef int adopt(self, call_t* call) except -1:
        add(self.gauge, 1)
        Caller.adopt(self, call)
        self.core.waiting -= 1               # what ends does not wait for copies
        return 0

    cdef int release(self, call_t* call) except -1:
        take(self.gauge, 1)
        self.core.waiting += 1
        return Caller.release(self, call)

    cdef int answer(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        return self.answered(call)

    cdef int refuse(self, call_t* call, int fault) except -1:
        if fault == TIMEOUT:
            add(self.timed_out, 1)
        elif fault == OVERLOAD:
            self.drop(OVERFLOW)
        elif fault == NO_HOST or fault == CONNECT:
            self.drop(UNREACHABLE)
        else:
            add(self.broken, 1)
        return self.release(call)

    cdef int answer_head(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        return AGREED

    cdef int hear(self, Flow upstream) except -1:
        return 0                             # without a sink a body is thrown away

    cdef int answered(self, call_t* call) except -1:
        add(self.replied, 1)
        return self.release(call)

    cdef int switch(self, call_t* call, Flow upstream, const uint8_t* data, size_t size) except -1:
        return upstream.shut()               # no copy asks for another protocol

    cdef int touch(self) except -1:
        return 0

    cdef int soon(self) except -1:
        return 0

    cdef int owned_up(self) except -1:
        return 0                             # what waits is bounded, and `ample` when it began

    cdef int crash(self, object error) except -1:
        trace = "".join(traceback.format_exception(error)).rstrip()
        return self.core.tell(f"{self.label()}: internal error: {trace}")

    cdef str label(self):
        return f"cluster {self.name}: mirror"


cdef Mirror new_mirror(Core core, str name, Counters counters):
    cdef Mirror made = Mirror.__new__(Mirror)
    cdef int index
    labels = {"cluster": name}
    made.core, made.name, made.state = core, name, OPEN
    made.cell = core.dice() & (CELLS - 1)
    made.replied = counters.slot("mirror_calls_total", {**labels, "outcome": "answered"})
    made.timed_out = counters.slot("mirror_calls_total", {**labels, "outcome": "timeout"})
    made.broken = counters.slot("mirror_calls_total", {**labels, "outcome": "closed"})
    made.sent = counters.slot("mirror_calls_total", {**labels, "outcome": "oneway"})
    made.gauge = counters.slot("mirror_in_flight", labels)
    for index in range(REASONS):
        made.dropped[index] = counters.slot("mirror_dropped_total", {**labels, "reason": DROPPED[index]})
    made.count.dropped = made.dropped[<int>UNREACHABLE]
    made.count.calls = made.count.oneways = made.count.malformed = made.count.detected = &made.spare
    for index in range(FAULTS):
        made.count.faults[index] = &made.spare
    return made


cdef Mirrors new_mirrors(route, Core core, dict clusters, Counters counters):
    """Of a route of the snapshot."""
    cdef Mirrors made = Mirrors.__new__(Mirrors)
    cdef Cluster cluster
    if len(route.mirrors) > ALL:
        raise ValueError(f"route {route.name}: over {ALL} mirrors")
    made.shares = <share_t*>calloc(len(route.mirrors), sizeof(share_t))
    if made.shares == NULL:
        raise MemoryError
    made.clusters = []
    for index, each in enumerate(route.mirrors):
        cluster = clusters[each.cluster]
        if cluster.mirror is None:
            cluster.mirror = new_mirror(core, cluster.name, counters)
        made.clusters.append(cluster)
        made.shares[<int>index].cluster = <void*>cluster
        made.shares[<int>index].part = round(each.percent / 100 * 2**32)
        made.size += 1
    return made


cdef class Mirrors:
    cdef uint64_t chosen(self, Core core) noexcept:
        """Bits of the clusters that a call is copied to. One that is away is not asked, and nothing is collected for it."""
        cdef uint64_t found = 0
        cdef Mirror mirror
        cdef int index
        for index in range(self.size):
            if core.dice() >> 32 >= self.shares[index].part:
                continue
            mirror = <Mirror>(<Cluster>self.shares[index].cluster).mirror
            if core.now < mirror.away:
                add(mirror.dropped[<int>UNREACHABLE], 1)
            else:
                found |= <uint64_t>1 << index
        return found

    cdef int copy(self, Core core, Codec codec, const call_t* call, const uint8_t* frame, const frame_t* at,
                    int64_t own) except -1:
        """Send copies of a call whose frame is whole."""
        cdef uint64_t chosen = self.chosen(core)
        return self.copy_to(chosen, codec, call, frame, at, own) if chosen else 0

    cdef int copy_to(self, uint64_t chosen, Codec codec, const call_t* call, const uint8_t* frame, const frame_t* at,
                     int64_t own) except -1:
        cdef Cluster cluster
        cdef int index
        for index in range(self.size):
            if chosen >> index & 1:
                cluster = <Cluster>self.shares[index].cluster
                (<Mirror>cluster.mirror).launch(cluster, codec, call, frame, at, own)
        return 0

    cdef int drop(self, uint64_t chosen, Dropped reason) except -1:
        cdef Cluster cluster
        cdef int index
        for index in range(self.size):
            if chosen >> index & 1:
                cluster = <Cluster>self.shares[index].cluster
                (<Mirror>cluster.mirror).drop(reason)
        return 0

    cdef Copy begin(self, Core core, Codec codec, const call_t* call, const uint8_t* text, size_t size):
        """Send copies of a message without a body; of one with a body, what its copies begin with, or None."""
        cdef uint64_t chosen = self.chosen(core)
        cdef int64_t own = call.total - core.now if call.total else 0
        cdef frame_t at
        cdef Copy made
        if not chosen:
            return None
        if may_switch(call.echo):
            self.drop(chosen, SWITCHES)
            return None
        if not call.bodied:
            codec.whole(text, size, &at)
            self.copy_to(chosen, codec, call, text, &at, own)
            return None
        made = Copy.__new__(Copy)
        made.core, made.mirrors, made.chosen, made.codec, made.own = core, self, chosen, codec, own
        made.like.variant, made.like.echo = call.variant, call.echo
        return made if made.more(text, size) else None

    def __dealloc__(self):
        free(self.shares)


cdef class Copy:
    cdef bint more(self, const uint8_t* data, size_t size) except -1:
        """So much more of it is here. False: it is too much, and there will be no copy."""
        if self.text.size + size > MIRRORED_MAX:
            self.drop(TOO_BIG)
            return False
        if not self.core.buffers.ample() or not self.core.buffers.append(&self.text, data, size, 0):
            self.drop(NO_MEMORY)
            return False
        return True

    cdef int send(self) except -1:
        """All of it is here."""
        cdef frame_t at
        try:
            self.codec.whole(self.text.data + self.text.head, self.text.size, &at)
            self.mirrors.copy_to(self.chosen, self.codec, &self.like, self.text.data + self.text.head, &at, self.own)
        finally:
            self.core.buffers.drop(&self.text)
        return 0

    cdef int drop(self, Dropped reason) except -1:
        self.core.buffers.drop(&self.text)
        return self.mirrors.drop(self.chosen, reason)

    def __dealloc__(self):
        if self.core is not None:
            self.core.buffers.drop(&self.text)
