"""Is everything as the modules of the datapath promise? Their "What always holds", checked on the living structures.

It walks all connections, calls, buffers and alarms of an engine between two events of the loop and says what is wrong;
it changes nothing. The simulator asks after each event or each so many; nothing in a running proxy does.

What always holds: an engine in order is told nothing; the walk costs what there is, not what there ever was.
"""

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.audit_health cimport HealthLook
from proxy.datapath.buffers cimport BUDGET
from proxy.datapath.calls cimport CELLS, call_t, find_call
from proxy.datapath.carrier cimport OWN, Carrier
from proxy.datapath.caller cimport Caller
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport CONNECTING, DRAINING, ENDING, OPEN
from proxy.datapath.core cimport Core
from proxy.datapath.downstream cimport Downstream
from proxy.datapath.h2_downstream cimport H2Downstream
from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.h2_upstream cimport H2Upstream
from proxy.datapath.host cimport Host
from proxy.datapath.order cimport place_t
from proxy.datapath.pingpong cimport Pool, Queue, Shelf, spot_t
from proxy.datapath.port cimport Port
from proxy.datapath.listener cimport Listener
from proxy.datapath.relay cimport Relay
from proxy.datapath.simulated_loop cimport Watch
from proxy.datapath.stream cimport BODY
from proxy.datapath.tunnel cimport Far, Near
from proxy.datapath.upstream cimport Upstream
from proxy.datapath.wheel cimport SLOTS, TICK, Wheel, alarm_t

cdef enum:
    LAG = 100000          # microseconds that an alarm may be late, its tick and the loop's own lateness included


class ViolationError(AssertionError):
    """Something that always holds did not."""


cdef class Audit(HealthLook):
    def __init__(self, engine):
        self.engine, self.core, self.found, self.gauges, self.hoping, self.flying = engine, engine.core, [], {}, set(), {}
        self.callers, self.lent = {}, {}

    cdef int whole(self) except -1:
        cdef Cluster cluster
        cdef Listener listener
        for cluster in [*self.engine.clusters.values(), *self.engine.leaving_clusters]:
            self.hoping.update(cluster.waiting)
        for port in [*self.engine.ports.values(), *self.engine.leaving_ports]:
            self.port(port)
        for cluster in [*self.engine.clusters.values(), *self.engine.leaving_clusters]:
            for host in [*cluster.hosts, *cluster.leaving]:
                self.host(host)
            self.pending(cluster)
            self.mirror(cluster)
            self.health(cluster)
        self.exchanges(self.core.parked)
        for cluster in [*self.engine.clusters.values(), *self.engine.leaving_clusters]:
            self.budget(cluster.budget)
        for caller in self.callers:
            self.lends(caller)
        for listener in self.engine.listeners.values():
            self.alarms += listener.alarm.next != NULL
        for what, (gauge, amount) in self.gauges.items():
            if (<uint64_t*><size_t>gauge)[0] != amount:
                self.wrong(f"{what}: the gauge says {(<uint64_t*><size_t>gauge)[0]}, there are {amount}")
        core = self.core
        if self.bytes != core.buffers.held:
            self.wrong(f"buffers.held is {core.buffers.held}, but connections own {self.bytes}")
        if self.calls != core.calls.taken:
            self.wrong(f"calls.taken is {core.calls.taken}, but {self.calls} are in tables")
        if self.waiting != core.waiting:
            self.wrong(f"core.waiting is {core.waiting}, but callers wait for {self.waiting}")
        if self.dirty > len(core.dirty):
            self.wrong("a connection says that it is dirty, and is not in core.dirty")
        if (core.dirty or core.paused) and not core.scheduled:
            self.wrong("there is something to do in a turn, but none is scheduled")
        return self.wheel(core.wheel)

    # -- connections ------------------------------------------------------------------------------------------------

    cdef int relay(self, Relay conn) except -1:
        self.conn(conn)
        self.bytes += self.queue(conn, &conn.behind)
        if conn.sink is not None and conn.sink.feeder is not conn or conn.feeder is not None and conn.feeder.sink is not conn:
            self.wrong(f"{conn.label()}: its stream is not linked both ways")
        if conn.sink is not None and conn.stream.half != BODY:
            self.wrong(f"{conn.label()}: has a sink, and nothing for it")
        if conn.behind.size and conn.feeder is None:
            self.wrong(f"{conn.label()}: frames wait behind a stream that has ended")
        if conn.waking and conn not in self.core.paused:
            self.wrong(f"{conn.label()} is waking, but not in core.paused")
        return 0

    cdef bint clogged(self, Relay conn) noexcept:
        """Is the end of what it passes on full?"""
        return conn.sink is not None and conn.sink.out.size > conn.sink.window // 2

    cdef int caller(self, Downstream conn) except -1:
        cdef call_t* call = conn.calls
        cdef call_t* before = NULL
        cdef int64_t count = 0
        self.callers[conn] = None
        self.relay(conn)
        self.parked(conn)
        self.asker(conn)
        self.alarms += conn.alarm.next != NULL
        while call != NULL and count <= conn.in_flight:
            count += 1
            if call.prev != before:
                self.wrong(f"{conn.label()}: its list of calls is not linked both ways")
            if call.caller != <void*>conn:
                self.wrong(f"{conn.label()}: a call in its list has another caller")
            if call.line != NULL:
                if call.upstream != NULL:
                    self.wrong(f"{conn.label()}: a call that waits for a connection has one")
            elif call.upstream == NULL:
                self.wrong(f"{conn.label()}: a call that waits is at no upstream")
            elif find_call(&(<Carrier>call.upstream).ids, call.id) != call:
                self.wrong(f"{conn.label()}: a call that waits is not in its upstream's table")
            if call.oneway:
                self.wrong(f"{conn.label()}: waits for a oneway")
            self.alarms += call.deadline.next != NULL
            self.attempt(call)
            before = call
            call = call.next
        if count != conn.in_flight:
            self.wrong(f"{conn.label()}: in_flight is {conn.in_flight}, but its list has {count}")
        if conn.in_flight > conn.max_in_flight:
            self.wrong(f"{conn.label()}: {conn.in_flight} calls in flight are over its limit")
        if conn.paused and not conn.waking and conn.state == OPEN and conn not in self.hoping:
            if not conn.full() and not self.clogged(conn) and not self.holds_on(conn):
                self.wrong(f"{conn.label()} is paused, and nothing will wake it")
        if conn.state == ENDING and not conn.in_flight and not conn.out.size and not conn.dirty:
            self.wrong(f"{conn.label()} owes nothing, but does not go")
        self.waiting += count
        return 0

    cdef int parked(self, Downstream conn) except -1:
        """Answers whose turn has not come."""
        cdef uint64_t number
        cdef size_t size = 0
        cdef place_t* place
        if conn.order is None:
            return 0
        for number in range(conn.order.first, conn.order.next):
            place = &conn.order.places[number & (conn.order.room - 1)]
            self.bytes += place.answer.room
            size += place.answer.size
            if place.done and number == conn.order.first:
                self.wrong(f"{conn.label()}: the answer whose turn it is waits")
        if size != conn.order.parked:
            self.wrong(f"{conn.label()}: {conn.order.parked} bytes are parked, there are {size}")
        return 0

    cdef int carrier(self, Upstream conn) except -1:
        self.relay(conn)
        self.answerer(conn)
        self.alarms += (conn.watch.next != NULL) + (conn.rest.next != NULL)
        if conn.paused and not conn.waking and not self.clogged(conn) and not self.thinks(conn):
            if conn.live or not conn.dirty and not conn.stuck:       # else it ends when all is written
                self.wrong(f"{conn.label()} is paused, and nothing will wake it")
        if conn.lane >= OWN and conn.ids.count > 1:
            self.wrong(f"{conn.label()}: {conn.ids.count} calls, and it is for one")
        if conn.state == DRAINING and conn.live == 0 and conn.feeder is None and not conn.dirty and not conn.stuck:
            self.wrong(f"{conn.label()} is draining for nobody, but does not go")
        if conn.ids.count > conn.most:
            self.wrong(f"{conn.label()}: {conn.ids.count} calls are over its limit of {conn.most}")
        if conn.ids.count * 2 > conn.ids.room:
            self.wrong(f"{conn.label()}: its table is over half full")
        return self.table(conn)

    cdef int table(self, Carrier conn) except -1:
        cdef call_t* call
        cdef uint64_t index, count = 0, callers = 0, shares = 0
        cdef int cell
        cdef int64_t live = 0
        for index in range(conn.ids.room):
            call = conn.ids.slots[index]
            if call == NULL:
                continue
            count += 1
            live += call.caller != NULL
            if call.oneway:
                self.attempt(call)
            if call.id & (conn.ids.room - 1) != index or not 0 < call.id <= conn.ids.mask | conn.ids.base:
                self.wrong(f"{conn.label()}: id {call.id} is in slot {index}")
            if call.upstream != <void*>conn:
                self.wrong(f"{conn.label()}: call {call.id} points at another upstream")
            if call.caller == NULL and call.deadline.next != NULL:
                self.wrong(f"{conn.label()}: nobody waits for call {call.id}, but its deadline is set")
            if call.oneway and (call.caller != NULL or conn.state != CONNECTING):
                self.wrong(f"{conn.label()}: a oneway is in its table")
        if count != conn.ids.count:
            self.wrong(f"{conn.label()}: ids.count is {conn.ids.count}, but its table has {count}")
        if live != conn.live:
            self.wrong(f"{conn.label()}: live is {conn.live}, but callers wait for {live} of its calls")
        for cell in range(CELLS):
            callers += conn.shares.calls[cell] > 0
            shares += conn.shares.calls[cell]
        if callers != conn.shares.callers or shares != count:
            self.wrong(f"{conn.label()}: {shares} shares of {conn.shares.callers} callers for {count} calls")
        self.calls += count
        return 0

    # -- who owns them ----------------------------------------------------------------------------------------------

    cdef int port(self, object one) except -1:
        cdef Port port = one
        cdef Downstream conn
        cdef Near near
        cdef H2Downstream bearer
        cdef H2Stream stream
        for conn in port.connections:
            self.caller(conn)
        for bearer in port.shared:
            self.near(bearer)
            for stream in bearer.streams:
                if stream.owner is not None:
                    self.caller(stream.owner)
        for near in port.tunnels:
            self.tunnel(near)
        self.gauge(port.count.tunnels_active, len(port.tunnels), f"tunnels of listener {port.name}")
        return self.gauge(port.count.active, len(port.everyone()), f"connections of listener {port.name}")

    cdef int gauge(self, uint64_t* gauge, uint64_t amount, str what) except -1:
        """Summed up until the end: one that left and one that came may have the same name."""
        self.gauges[what] = (<size_t>gauge, self.gauges.get(what, (0, 0))[1] + amount)
        return 0

    cdef int host(self, object one) except -1:
        cdef Host host = one
        cdef Upstream conn
        cdef Far far
        cdef H2Upstream bearer
        cdef uint64_t made = 0, flying = 0
        for bearer in [*host.shared, *host.fading]:
            self.far(bearer, bearer in host.fading)
            made += bearer.made
        for conn in host.active:
            self.carrier(conn)
            made += conn.made and not conn.streams_by
            flying += conn.ids.count
            if conn.state != CONNECTING and conn.state != OPEN:
                self.wrong(f"{conn.label()} is in the list of active ones in state {conn.state}")
        for conn in host.draining:
            self.carrier(conn)
            made += conn.made and not conn.streams_by
            flying += conn.ids.count
            if conn.state != DRAINING:
                self.wrong(f"{conn.label()} is in the list of draining ones in state {conn.state}")
        for shelf in host.shelves.values():
            self.shelf(host, shelf)
        for far in host.tunnels:
            made += far.made
            if far.host is not host:
                self.wrong(f"{far.label()} is in the list of {host.label()}")
        self.gauge(host.count.active, made, f"connections of {host.label()}")
        self.gauge(host.count.unhealthy, host.sick, f"sickness of {host.label()}")
        self.gauge(host.count.in_flight, flying, f"calls of {host.label()}")
        return 0

    cdef int shelf(self, Host host, Shelf shelf) except -1:
        cdef Upstream conn
        cdef int64_t held = 0, opening = 0
        for conn in host.active:
            if conn.shelf is shelf:
                held += 1
                opening += conn.state == CONNECTING
        if held != shelf.held or opening != shelf.opening:
            self.wrong(f"{host.label()}: its shelf counts {shelf.held} and {shelf.opening}, there are {held} and {opening}")
        for conn in shelf.spare:
            if not conn.shelved or conn.ids.count or conn.state != OPEN:
                self.wrong(f"{conn.label()} is on its shelf, and not free")
        return 0

    cdef int mirror(self, Cluster cluster) except -1:
        """Its copies of calls: each has a deadline, and is somewhere."""
        cdef Caller mirror = cluster.mirror
        cdef call_t* call = NULL if mirror is None else mirror.calls
        cdef int64_t count = 0
        while call != NULL:
            count += 1
            self.alarms += call.deadline.next != NULL
            if call.caller != <void*>mirror or call.deadline.next == NULL:
                self.wrong(f"cluster {cluster.name}: a copy of a call without its mirror, or a deadline")
            if (call.line == NULL) == (call.upstream == NULL):
                self.wrong(f"cluster {cluster.name}: a copy of a call is nowhere, or in two places")
            call = call.next
        if mirror is not None:
            self.callers[mirror] = None
        if mirror is not None and count != mirror.in_flight:
            self.wrong(f"cluster {cluster.name}: {mirror.in_flight} copies are in flight, but its list has {count}")
        return 0

    cdef int pending(self, Cluster cluster) except -1:
        """The calls that wait for a connection of one of its ping-pong pools."""
        cdef Pool pool
        cdef Queue queue
        cdef uint64_t count, all_of_them = 0
        for pool in cluster.pools.values():
            count = 0
            for queue in pool.queues.values():
                count += self.queued(cluster, pool, queue)
            if count != pool.count:
                self.wrong(f"cluster {cluster.name}: {pool.count} calls wait, but {count} are in the line")
            if count and not self.hope(cluster, pool):
                self.wrong(f"cluster {cluster.name}: {count} calls wait, and no connection is taken or being made")
            all_of_them += count
        self.calls += all_of_them
        return self.gauge(cluster.pending, all_of_them, f"calls that wait in cluster {cluster.name}")

    cdef uint64_t queued(self, Cluster cluster, Pool pool, Queue queue) except? 0:
        cdef spot_t* spot = queue.first
        cdef uint64_t count = 0
        if spot == NULL:
            self.wrong(f"cluster {cluster.name}: a queue in which nobody waits")
        if pool.queues.get(queue.subset) is not queue:
            self.wrong(f"cluster {cluster.name}: a queue is another subset's")
        while spot != NULL:
            count += 1
            self.bytes += spot.frame.room
            self.lend(spot.call.caller, spot.frame.size)
            if spot.call.oneway:
                self.attempt(spot.call)
            if spot.call.spot != <void*>spot or spot.call.line != <void*>pool or spot.queue != <void*>queue:
                self.wrong(f"cluster {cluster.name}: a call that waits does not know where")
            if cluster.subset_of(&spot.call.choice) is not queue.subset:
                self.wrong(f"cluster {cluster.name}: a call waits for hosts that it may not go to")
            if spot.call.caller == NULL and not spot.call.oneway:
                self.wrong(f"cluster {cluster.name}: nobody waits for a call that waits for a connection")
            spot = spot.next
        return count

    cdef bint hope(self, Cluster cluster, Pool pool) except -1:
        cdef Host host
        cdef Shelf shelf
        for host in cluster.hosts:
            shelf = host.shelves.get(pool)
            if shelf is not None and shelf.held > len(shelf.spare):
                return True
            if cluster.limits.http2 and host.shared and host.crowded():
                return True                  # its server takes no streams now, and may say so again
        return False

    # -- time -------------------------------------------------------------------------------------------------------

    cdef int wheel(self, Wheel wheel) except -1:
        cdef int64_t count = 0
        cdef int index
        cdef alarm_t* alarm
        cdef int64_t now = self.core.clock.now()
        for index in range(SLOTS):
            alarm = wheel.slots[index].next
            if alarm != &wheel.slots[index] and not wheel.used[index >> 6] >> (index & 63) & 1:
                self.wrong(f"the wheel's slot {index} is used, but its bit is clear")
            while alarm != &wheel.slots[index]:
                count += 1
                if alarm.next.prev != alarm:
                    self.wrong(f"the wheel's slot {index} is not linked both ways")
                if alarm.tick & (SLOTS - 1) != index:
                    self.wrong(f"an alarm of tick {alarm.tick} is in slot {index}")
                if alarm.tick * TICK + LAG < now:
                    self.wrong(f"an alarm is {now - alarm.tick * TICK} microseconds late")
                alarm = alarm.next
        if wheel.due.next != &wheel.due:
            self.wrong("an alarm is due between events")
        if count != wheel.count:
            self.wrong(f"wheel.count is {wheel.count}, but {count} alarms are set")
        if count != self.alarms:
            self.wrong(f"{count} alarms are set, but connections and calls have {self.alarms}")
        if count and wheel.handle is None:
            self.wrong("alarms are set, but the wheel has no timer")
        return 0


def audit(engine):
    """What is wrong with the engine now, one line each."""
    cdef Audit look = Audit(engine)
    look.whole()
    return look.found


cdef class Auditor(Watch):
    """Looks on at a simulation: at the sums after each event, at everything after each `every`th."""

    def __init__(self, engine, int64_t every):
        self.engine, self.core, self.every = engine, engine.core, every

    cdef int look(self) except -1:
        cdef Core core = self.core
        self.seen += 1
        if core.buffers.held > BUDGET:
            raise ViolationError(f"buffers.held is {core.buffers.held}, over the budget")
        if core.wheel.count < 0 or core.calls.taken < core.waiting or core.waiting < 0:
            raise ViolationError(f"wheel {core.wheel.count}, calls {core.calls.taken}, waiting {core.waiting}")
        if self.seen % self.every == 0:
            found = audit(self.engine)
            if found:
                raise ViolationError("; ".join(found))
        return 0
