"""A client's connection: finds out its protocol, cuts its bytes into frames, and ends when it should.

    DETECTING --known--> OPEN --malformed, or the peer's end--> ENDING --all answered and written--> LINGERING --> CLOSED

ENDING still owes the answers to calls that were read before. LINGERING is there because closing a socket on which
bytes lie unread sends a reset, and that would overtake the last answer.

What always holds: it is in its port's list until CLOSED; whatever its state, an alarm or its peer ends it.
"""

from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.buffers cimport MODEST
from proxy.datapath.calls cimport CELLS
from proxy.datapath.conn cimport CLOSED, DETECTING, ENDING, LINGERING, OPEN, next_frame
from proxy.datapath.core cimport READ_SIZE
from proxy.datapath.counters cimport OVERLOAD, add, take
from proxy.datapath.order cimport Order
from proxy.datapath.port cimport Binding, Port
from proxy.datapath.relay cimport WINDOW
from proxy.datapath.requester cimport Requester
from proxy.datapath.stream cimport BODY
from proxy.datapath.transport cimport Transport
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport FROM_DOWNSTREAM, KIND_REQUEST, SCAN_NEED, SCAN_OK, frame_t


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
        if port.only is not None:
            made.speak(port.only)
        made.rest()
    except Exception as error:  # noqa: BLE001
        made.crash(error)
    return made


cdef class Downstream(Requester):
    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef frame_t at
        cdef size_t used = 0, more
        cdef int outcome
        if self.state == DETECTING and not self.judged(data, size):
            return 0
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

    # -- detection ----------------------------------------------------------------------------------------------

    cdef bint judged(self, const uint8_t* data, size_t size) except -1:
        """Is the protocol known now? Else `need` says when to ask again, or the connection is closed."""
        cdef Port port = self.port
        cdef Py_ssize_t seen = min(<Py_ssize_t>size, port.detect_bytes)
        answer = port.only.codec.name if port.only is not None else port.detect(data[:seen])
        if type(answer) is int and seen < port.detect_bytes:
            self.need = max(min(<Py_ssize_t>answer, port.detect_bytes), seen + 1)
            self.io.low_water(self.need - seen)
            if not self.tail.size:       # the clock starts with the first byte: pools connect long before they call
                self.core.wheel.set(&self.alarm, self.core.now + port.detect_timeout)
            return False
        if answer not in port.bindings:      # nobody's, or recognised and not spoken here
            add(port.count.detected_none, 1)
            self.core.tell(f"{self.label()}: closed: no protocol of this listener begins with {data[:min(seen, 16)]!r}")
            self.shut()
            return False
        self.speak(port.bindings[answer])
        self.rest()
        return True

    cdef int speak(self, Binding binding) except -1:
        """From now on the connection has a protocol."""
        if self.tail.size:
            self.io.low_water(1)
        self.binding, self.codec = binding, binding.codec
        if self.codec.in_order:
            self.order = Order(self.core.buffers)
        self.need = 0
        self.state = OPEN
        add(binding.count.detected, 1)
        return 0

    # -- its life -----------------------------------------------------------------------------------------------

    cdef int wind_up(self) except -1:
        """Read no more; go when everything owed is written."""
        if self.state == OPEN:
            self.state = ENDING
            self.io.watch_read(False)
            self.abort()
            if not self.feeding:
                self.core.buffers.drop(&self.tail)
            self.touch()
        return 0

    cdef int leave(self) except -1:
        return self.wind_up() if self.binding is not None else self.shut()

    cdef int adjust(self, bint rest_of) except -1:
        """The port's limits are new, or what it speaks."""
        if self.binding is not None and self.port.bindings.get(self.codec.name) is not self.binding:
            return self.leave()
        self.limit()
        if rest_of and self.state == OPEN:
            self.rest()
        return self.wake()

    cdef int limit(self) except -1:
        self.max_in_flight, self.out_limit = self.port.max_in_flight, self.port.out_limit
        self.window = min(<size_t>WINDOW, self.out_limit)
        return 0

    cdef int rest(self) except -1:
        """Count its idleness from now."""
        if self.port.idle_timeout > 0:
            return self.core.wheel.set(&self.alarm, self.core.now + self.port.idle_timeout)
        self.core.wheel.cancel(&self.alarm)
        return 0

    cdef int ended(self) except -1:
        self.eof = True
        if self.state != OPEN:
            return self.shut()
        return self.wind_up()

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
        cdef Py_ssize_t rest
        if self.state == DETECTING and self.tail.size:
            add(self.port.count.detected_timeout, 1)
            rest = self.io.recv(self.core.incoming, READ_SIZE)       # what is left unread would make our end a reset
            self.core.tell(f"{self.label()}: closed: no protocol known in time, after {self.tail.size + max(rest, 0)} bytes")
            return self.shut()
        if self.state == LINGERING:
            return self.shut()
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

    cdef bint held_up(self) noexcept:
        """It is not read for a reason of ours: that is no idleness."""
        return self.paused and self.state == OPEN

    cdef int evicted(self) except -1:
        """It owns the most of buffers that are nearly used up: its half request is answered, then it ends.

        Who cannot be told, since it reads nothing, is cut.
        """
        cdef frame_t at
        if self.out.size > MODEST or self.state != OPEN:
            return self.cut(GREEDY)
        add(self.cuts, 1)
        self.core.tell(f"{self.label()}: ended: {GREEDY}")
        at.known = False
        if self.stream.half != BODY:
            self.codec.scan(FROM_DOWNSTREAM, self.tail.data + self.tail.head, self.tail.size, &at)
        if at.known and at.kind == KIND_REQUEST:
            self.reject(&at, OVERLOAD)
        self.core.buffers.drop(&self.tail)
        return self.wind_up()

    cdef int gone(self) except -1:
        if self.binding is None and self.eof:
            add(self.port.count.detected_closed, 1)
        take(self.port.count.active, 1)
        self.port.connections.pop(self, None)
        self.core.wheel.cancel(&self.alarm)
        return self.release_all()

    cdef str label(self):
        return f"listener {self.port.name}: downstream {self.io.peer()}"
