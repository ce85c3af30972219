"""A client's connection: finds out its protocol, and sends each of its calls to a cluster.

    DETECTING --known--> OPEN --malformed, or the peer's end--> ENDING --all answered and written--> LINGERING --> CLOSED

ENDING still owes the answers to calls that were read before. LINGERING is there because closing a socket on which
bytes lie unread sends a reset, and that would overtake the last answer.

What always holds: a request is counted once and becomes one call, or one answer of our own; nothing here waits.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.buffers cimport MODEST
from proxy.datapath.caller cimport expire
from proxy.datapath.calls cimport CELLS, call_t, find_call
from proxy.datapath.carrier cimport Carrier
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport CLOSED, DETECTING, ENDING, LINGERING, OPEN, Conn, next_frame
from proxy.datapath.core cimport READ_SIZE, Core
from proxy.datapath.counters cimport MALFORMED, NO_ROUTE, OVERLOAD, Counters, add, take
from proxy.datapath.decisions cimport NOBODY, UNREADABLE, Decisions, Table, route_t
from proxy.datapath.stream cimport BODY
from proxy.datapath.transport cimport Transport
from proxy.datapath.upstream cimport Upstream
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.codec cimport (
    FROM_DOWNSTREAM, KIND_HEARTBEAT, KIND_HEARTBEAT_ACK, KIND_ONEWAY, KIND_REQUEST, SCAN_NEED, SCAN_OK, Codec, frame_t,
)


GREEDY = "it owns the most of buffers that are nearly used up"


cdef class Binding:
    def __cinit__(self, Core core not None, str listener, Codec codec not None, Table table, Counters counters):
        self.codec, self.decisions = codec, Decisions(core, table, codec)
        self.count = counters.for_protocol(listener, codec.name)


cdef class Port:
    def __cinit__(self, Core core not None, str name, Counters counters not None):
        self.core, self.name = core, name
        self.bindings, self.connections = {}, {}
        self.count = counters.for_listener(name)

    cdef dict plan(self, spec, dict codecs, detector, Table table, Counters counters):
        """The bindings that `spec` needs, which nobody knows yet."""
        if len(spec.protocols) > 1 and detector is None:
            raise ValueError(f"listener {spec.name}: several protocols, but no detector")
        return {name: Binding(self.core, self.name, codecs[name], table, counters) for name in spec.protocols}

    cdef int become(self, spec, dict bindings, detector) except -1:
        """Take over what was planned. A connection whose protocol is still spoken goes on, with the new decisions."""
        cdef Downstream conn
        cdef Binding old, new
        cdef int64_t idle_timeout = self.idle_timeout
        for name, new in bindings.items():
            old = self.bindings.get(name)
            if old is not None and old.codec is new.codec:
                old.decisions = new.decisions
                bindings[name] = old
        self.bindings = bindings
        self.only = bindings[spec.protocols[0]] if len(bindings) == 1 else None
        self.detect = None if detector is None else detector.detect
        self.limit(spec)
        for conn in list(self.connections):
            try:
                conn.adjust(idle_timeout != self.idle_timeout)
            except Exception as error:  # noqa: BLE001
                conn.crash(error)
        return 0

    cdef int leave(self) except -1:
        """The configuration does not have it any more: what was asked is answered, then its connections end."""
        cdef Downstream conn
        self.bindings = {}
        for conn in list(self.connections):
            conn.leave()
        return 0

    cdef int limit(self, spec) except -1:
        self.detect_bytes = spec.detect_bytes
        self.detect_timeout = <int64_t>(spec.detect_timeout * 1e6)
        self.idle_timeout = <int64_t>(spec.idle_timeout * 1e6)
        self.max_in_flight, self.max_connections = max(spec.max_in_flight, 1), max(spec.max_connections, 1)
        self.out_limit = spec.out_buffer_limit
        return 0


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
    made.max_in_flight, made.out_limit = port.max_in_flight, port.out_limit
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


cdef class Downstream(Caller):
    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef frame_t at
        cdef size_t used = 0, more
        cdef int outcome
        if self.state == DETECTING and not self.judged(data, size):
            return 0
        if self.stream.half == BODY and (not self.go_on(data, size, &used) or self.paused or self.state != OPEN):
            return used
        while used < size:
            if self.in_flight >= self.max_in_flight:
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
        if type(answer) is not str:
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
        self.need = 0
        self.state = OPEN
        add(binding.count.detected, 1)
        return 0

    # -- frames -------------------------------------------------------------------------------------------------

    cdef int handle(self, const uint8_t* frame, const frame_t* at) except -1:
        if at.kind == KIND_REQUEST:
            return self.call(frame, at, False)
        if at.kind == KIND_ONEWAY:
            return self.call(frame, at, True)
        if at.kind == KIND_HEARTBEAT:
            add(self.port.count.heartbeats, 1)
            return self.say(self.codec.heartbeat_ack(at.variant, at.echo, at.id))
        if at.kind == KIND_HEARTBEAT_ACK:
            return 0
        return self.unreadable(NULL, f"{self.codec.name}: a frame of kind {at.kind} from downstream")

    cdef int call(self, const uint8_t* frame, const frame_t* at, bint oneway) except -1:
        cdef Binding binding = self.binding
        cdef Table table = binding.decisions.table
        cdef int64_t own = at.timeout
        cdef int index = binding.decisions.decide(frame, at.size, &own)
        cdef route_t* route
        cdef call_t* call
        add(binding.count.oneways if oneway else binding.count.calls, 1)
        if index < 0:
            if index == UNREADABLE:
                return self.unreadable(at, f"{self.codec.name}: its headers cannot be read")
            add(table.nobody, 1)
            return self.drop(oneway, at, NO_ROUTE)
        route = &table.routes[index]
        add(route.count, 1)
        call = self.record(at, route, oneway, own)
        if call == NULL:
            return self.drop(oneway, at, OVERLOAD)
        return (<Cluster>route.cluster).dispatch(self.codec, call, frame, at)

    cdef call_t* record(self, const frame_t* at, const route_t* route, bint oneway, int64_t own) except? NULL:
        """The call of a request, with its deadline set. NULL: no memory."""
        cdef call_t* call = self.core.calls.take()
        cdef int64_t timeout
        if call == NULL:
            return NULL
        call.count = self.binding.count
        call.origin, call.variant, call.echo = at.id, at.variant, at.echo
        call.start = self.core.now
        call.duration = (<Cluster>route.cluster).duration
        call.oneway, call.cell = oneway, self.cell
        if not oneway:
            self.adopt(call)
            timeout = route.timeout
            if own > 0 and (timeout <= 0 or own * 1000 < timeout):
                timeout = own * 1000
            if timeout > 0:
                call.until = self.core.now + timeout
                call.deadline.owner, call.deadline.fire = call, expire
                self.core.wheel.set(&call.deadline, call.until)
        return call

    cdef bint call_on(self, const uint8_t* frame, size_t size, const frame_t* at) except -1:
        """Begin to pass on a request of which the first `size` bytes are there. False: wait until it is whole.

        It needs a connection of its own; while one is being made, no more is read.
        """
        cdef Binding binding = self.binding
        cdef Cluster cluster
        cdef int64_t own = at.timeout
        cdef bint oneway = at.kind == KIND_ONEWAY, connecting = False
        cdef Upstream upstream
        cdef route_t* route
        cdef call_t* call
        cdef int index = binding.decisions.decide(frame, size, &own)
        if index < 0 or not oneway and at.kind != KIND_REQUEST:
            return False                 # the whole frame will tell
        route = &binding.decisions.table.routes[index]
        cluster = <Cluster>route.cluster
        upstream = cluster.lend(self.codec, at.variant, &connecting)
        if upstream is None:
            if connecting:
                cluster.waiting[self] = None
                self.pause()
            return False
        call = self.record(at, route, oneway, own)
        if call == NULL:
            return False
        add(binding.count.oneways if oneway else binding.count.calls, 1)
        add(route.count, 1)
        if not upstream.carry_head(self, call, frame, at):
            cluster.give_up(call, OVERLOAD)
        return True

    cdef int misread(self, str why) except -1:
        """What is passed on in pieces is malformed: its caller is told, unless it was answered already."""
        cdef Carrier sink = self.sink
        cdef call_t* call = NULL if sink is None else find_call(&sink.ids, self.stream.new_id)
        if call != NULL and call.caller == <void*>self:
            self.refuse(call, MALFORMED)
        return self.unreadable(NULL, why)

    cdef int reject(self, const frame_t* at, int fault) except -1:
        """Answer a request that became no call."""
        add(self.binding.count.faults[fault], 1)
        return self.say(self.codec.reply(fault, at.variant, at.echo, at.id))

    cdef int drop(self, bint oneway, const frame_t* at, int fault) except -1:
        if not oneway:
            return self.reject(at, fault)
        add(self.binding.count.dropped, 1)
        return 0

    cdef int unreadable(self, const frame_t* at, str why) except -1:
        """Malformed: an answer if it is known to what, then the end. Calls read before still get theirs."""
        add(self.binding.count.malformed, 1)
        self.core.tell(f"{self.label()}: malformed, closed: {why}")
        if at != NULL and at.kind == KIND_REQUEST:
            self.reject(at, MALFORMED)
        return self.wind_up()

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
        self.max_in_flight, self.out_limit = self.port.max_in_flight, self.port.out_limit
        if rest_of and self.state == OPEN:
            self.rest()
        return self.wake()

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
