"""A client's connection whose protocol is known: cuts its bytes into frames, and ends when it should.

    DETECTING --known--> OPEN --malformed, or the peer's end--> ENDING --all answered and written--> LINGERING --> CLOSED

How it becomes known, or what else becomes of it, is `newcomer`'s. ENDING still owes the answers to calls that were read
before. LINGERING is there because closing a socket on which bytes lie unread sends a reset, and that would overtake the
last answer.

What always holds: it is in its port's list until CLOSED; whatever its state, an alarm or its peer ends it.
"""

from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.buffers cimport MODEST
from proxy.datapath.caller cimport expire
from proxy.datapath.calls cimport CELLS, call_t
from proxy.datapath.conn cimport CLOSED, DETECTING, ENDING, LINGERING, OPEN, next_frame
from proxy.datapath.counters cimport OVERLOAD, add, take
from proxy.datapath.flow cimport Flow
from proxy.datapath.newcomer cimport Newcomer
from proxy.datapath.port cimport Guest, Port
from proxy.datapath.relay cimport WINDOW
from proxy.datapath.requester cimport source_of
from proxy.datapath.stream cimport BODY
from proxy.datapath.switch cimport switch_over
from proxy.datapath.transport cimport Transport
from proxy.datapath.upstream cimport Upstream
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport FROM_DOWNSTREAM, KIND_REQUEST, SCAN_NEED, SCAN_OK, frame_t


GREEDY = "it owns the most of buffers that are nearly used up"


cdef int fire(alarm_t* alarm) except -1:
    cdef Downstream conn = <Downstream>alarm.owner
    try:
        conn.core.now = conn.core.clock.now()
        return conn.on_alarm()
    except Exception as error:  # noqa: BLE001
        return conn.crash(error)


cdef Downstream new_downstream(Port port, Transport io):
    """Serve an accepted connection."""
    cdef Downstream made = Downstream.__new__(Downstream)
    made.core, made.port = port.core, port
    made.rx, made.tx, made.cuts = port.count.rx, port.count.tx, port.count.cut
    made.limit()
    made.cell = made.core.dice() & (CELLS - 1)
    made.alarm.owner, made.alarm.fire = <void*>made, fire
    add(port.count.connections, 1)
    add(port.count.active, 1)
    port.connections[made] = None
    try:
        made.attach(io, DETECTING)
        made.arrive()
    except Exception as error:  # noqa: BLE001
        made.crash(error)
    return made


cdef class Downstream(Newcomer):
    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef frame_t at
        cdef size_t used = 0, more
        cdef int outcome
        if self.state == DETECTING:
            used = self.opened(data, size)
            if self.state != OPEN:
                return used
        if self.codec.headed:
            return used + self.messages(data + used, size - used)
        if self.stream.half == BODY and (not self.go_on(data, size, &used) or self.paused or self.state != OPEN):
            return used
        while used < size:
            if self.full():
                self.pause()
                break
            outcome = self.codec.scan_on(FROM_DOWNSTREAM, data + used, size - used, &at, &self.progress)
            if outcome == SCAN_OK and 0 < at.size <= <int64_t>(size - used):
                next_frame(self)
                self.handle(data + used, &at)
                used += at.size
                if self.state != OPEN:
                    break
            elif outcome == SCAN_NEED:
                self.need = max(<size_t>at.size, size - used + 1)
                if self.can_stream(&at, size - used) and self.call_on(data + used, size - used, &at):
                    used += self.stream.passed
                    more = 0
                    self.go_on(data + used, size - used, &more)
                    used += more
                break
            else:
                self.unreadable(NULL, self.codec.explain_fault(FROM_DOWNSTREAM, at.size, at.op))
                break
        return used

    # -- its life -----------------------------------------------------------------------------------------------

    cdef Guest branch(self, Transport io, int kind):
        """For a stream of the connection that this was until its protocol was known: what is known of it holds."""
        cdef Downstream made = Downstream.__new__(Downstream)
        made.core, made.port, made.chain = self.core, self.port, self.chain
        made.binding = self.binding.carried[kind]
        made.codec = made.binding.codec
        made.rx = made.tx = &self.core.nothing
        made.cuts, made.cell, made.branched = self.cuts, self.cell, True
        made.client, made.sni, made.san, made.client_facts = self.client, self.sni, self.san, self.client_facts
        if self.source is None and made.binding.decisions.source_at >= 0:
            self.source = source_of(self.client or io.peer())       # once for all streams
        made.source = self.source
        made.alarm.owner, made.alarm.fire = <void*>made, fire
        made.limit()
        made.attach(io, OPEN)
        made.rest()
        return made

    cdef bint fresh(self) noexcept:
        return self.state == OPEN and self.calls == NULL and not (
            self.out.size or self.tail.size or self.paused or self.stream.half == BODY or self.head_since)

    cdef int wind_up(self) except -1:
        """Read no more; go when everything owed is written."""
        self.give_request_up()
        if self.state == OPEN:
            self.state = ENDING
            self.io.watch_read(False)
            self.abort()
            if not self.feeding:
                self.core.buffers.drop(&self.tail)
            self.touch()
        return 0

    cdef int leave(self) except -1:
        if self.binding is None:
            return self.shut()
        return 0 if self.last_one() else self.wind_up()

    cdef int adjust(self, bint rest_of) except -1:
        """The port's limits are new, or what it speaks."""
        self.visited = None                  # a host may be another chain's now
        if not self.branched and self.chain is not None and (not self.port.has(self.chain) or not self.belongs() or (
                self.binding is not None and self.chain.bindings.get(self.codec.name) is not self.binding)):
            return self.leave()
        self.limit()
        self.known = False                   # others may be trusted now
        if rest_of and self.state == OPEN:
            self.rest()
        return self.wake()

    cdef int limit(self) except -1:
        self.max_in_flight, self.out_limit = self.port.max_in_flight, self.port.out_limit
        self.window = min(<size_t>WINDOW, self.out_limit)
        return 0

    cdef int rest(self) except -1:
        """Count its idleness from now."""
        if self.state == CLOSED:
            return 0
        if self.port.idle_timeout > 0:
            return self.core.wheel.set(&self.alarm, self.core.now + self.port.idle_timeout)
        self.core.wheel.cancel(&self.alarm)
        return 0

    cdef int ended(self) except -1:
        if self.state == DETECTING:
            return Newcomer.ended(self)
        self.eof = True
        if self.state != OPEN:
            return self.shut()
        self.wind_up()
        return self.doubt() if self.codec.headed else 0

    cdef int doubt(self) except -1:
        """Its end may be that of its requests, or of itself: nobody can tell. A server should not work on for nobody."""
        cdef call_t* call = self.calls
        while call != NULL:
            call.deadline.owner, call.deadline.fire = call, expire
            self.core.wheel.set(&call.deadline, self.core.now + DOUBT)
            call = call.next
        return 0

    cdef int64_t patience(self, const call_t* call) noexcept:
        if not self.eof:
            return Newcomer.patience(self, call)
        return DOUBT if call.until == 0 else min(<int64_t>DOUBT, call.until - call.start)

    cdef int expired(self, call_t* call) except -1:
        return self.shut() if self.eof and self.codec.headed else Newcomer.expired(self, call)

    cdef int broke(self, int code) except -1:
        self.eof = True
        return self.shut()

    cdef int drained(self) except -1:
        if self.state != ENDING or self.in_flight:
            return 0
        if self.eof:
            return self.shut()
        self.state = LINGERING
        self.paused = False
        self.io.end()
        self.io.watch_read(True)
        return self.core.wheel.set(&self.alarm, self.core.now + LINGER)

    cdef int on_alarm(self) except -1:
        cdef int64_t quiet = self.core.now - max(self.heard, self.told)
        if self.undecided():
            return self.late()
        if self.state == LINGERING:
            return self.shut()
        if self.head_is_late():
            self.head_since = 0
            return self.unreadable(NULL, f"{self.codec.name}: a head that did not come to its end in time")
        if self.port.idle_timeout > 0 and not self.held_up() and not self.in_flight and not self.dirty and quiet >= self.port.idle_timeout:
            self.read()                  # what has come in the meantime counts
            if self.heard < self.core.now:
                return self.shut()
        if self.state == CLOSED or self.port.idle_timeout <= 0:
            return 0
        if self.held_up() or self.in_flight or self.dirty:   # dirty: the answer to a deadline of this very tick waits to be written
            quiet = 0
        else:
            quiet = self.core.now - max(self.heard, self.told)
        return self.core.wheel.set(&self.alarm, self.core.now + self.port.idle_timeout - quiet)

    cdef int waits_for_head(self) except -1:
        """Look again when it should be whole."""
        cdef int64_t most = self.port.opening.border.head_timeout
        if most <= 0 or 0 < self.port.idle_timeout < most:
            return 0
        return self.core.wheel.set(&self.alarm, self.head_since + most)

    cdef str peer_name(self):
        return self.client or self.io.peer()

    cdef int switch(self, call_t* call, Flow upstream, const uint8_t* data, size_t size) except -1:
        """The answer to this call was the last of this protocol: what follows goes by as it is."""
        return switch_over(self, call, <Upstream>upstream, data, size)

    cdef bint held_up(self) noexcept:
        """It is not read for a reason of ours: that is no idleness."""
        return self.paused and self.state == OPEN

    cdef bint busy(self) noexcept:
        return self.in_flight > 0 or self.tail.size > 0 or self.stream.half == BODY

    cdef int evicted(self) except -1:
        """It owns the most of buffers that are nearly used up: its half request is answered, then it ends.

        Who cannot be told, since it reads nothing, is cut.
        """
        cdef frame_t at
        if self.out.size > MODEST or self.state != OPEN or self.switches():
            return self.cut(GREEDY)
        add(self.cuts, 1)
        self.core.tell(f"{self.label()}: ended: {GREEDY}")
        at.known = False
        if self.reader is not None and self.reader.gathers:
            self.refuse(self.begun, OVERLOAD)
        elif self.stream.half != BODY:
            self.codec.scan(FROM_DOWNSTREAM, self.tail.data + self.tail.head, self.tail.size, &at)
        if at.known and at.kind == KIND_REQUEST:
            self.reject(&at, OVERLOAD)
        self.core.buffers.drop(&self.tail)
        return self.wind_up()

    cdef int gone(self) except -1:
        self.core.wheel.cancel(&self.alarm)
        if self.branched:
            return self.release_all()
        if self.binding is None and self.eof:
            add(self.port.count.detected_closed, 1)
        self.shaken()
        take(self.port.count.active, 1)
        self.port.connections.pop(self, None)
        self.port.part()
        return self.release_all()

    cdef str label(self):
        return f"listener {self.port.name}: downstream {self.name_of_client()}"

    def describe(self):
        """For people, as plain data."""
        return {
            "peer": self.client or self.io.peer(),
            "via": self.io.peer() if self.client else None,
            "tls": None if self.io.identity is None else self.io.identity.describe(),
            "protocol": None if self.binding is None else self.codec.name,
            "state": ("connecting", "detecting", "open", "draining", "ending", "lingering", "closed")[self.state],
            "in_flight": self.in_flight,
            "paused": self.paused,
            "unsent": self.out.size,
            "buffered": self.tail.size,
        }
