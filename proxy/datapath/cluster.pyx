"""A cluster's hosts, and which connection a call goes by.

The cluster walks its hosts from where the balancer points until one lends a connection (`host.pyx`).

What always holds: a call is tried at each host at most once; `dispatch` ends with the call in a connection's table or
answered; a host that leaves is in `leaving` as long as it has connections.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from proxy.datapath.buffers cimport buf_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.carrier cimport BULK, BULKY, OWN, SHARED, limits_t
from proxy.datapath.conn cimport Conn
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport CONNECT, NO_HOST, OVERLOAD, Counters, add
from proxy.datapath.host cimport BUSY, DOUBTFUL, OWN_CONNECTIONS, Family, Host, Verdict, wish_t
from proxy.datapath.pingpong cimport Pool, spot_t
from proxy.datapath.relay cimport Relay
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport FROM_DOWNSTREAM, frame_t

from proxy.snapshot import MAX_CONNECTIONS, MAX_PING_PONG_CONNECTIONS

cdef enum:
    WAIT = -2             # beside the faults, and 0


cdef int64_t microseconds(object seconds) except? -1:
    """A configured time; None and what is beyond 1,000 years are never (0)."""
    if seconds is None or not 0 < seconds < 3e10:
        return 0
    return <int64_t>(<double>seconds * 1e6) or 1


cdef class Cluster(Family):
    def __cinit__(self, Core core not None, str name):
        self.core, self.name = core, name
        self.hosts, self.leaving, self.waiting, self.pools = [], {}, {}, {}
        self.position = core.dice()

    cdef list plan(self, spec, Counters counters):
        """The hosts that `spec` names: those that are there already, and new ones, which nobody knows yet."""
        cdef Host host
        cdef dict known = {host.address: host for host in self.hosts}
        return [known.get(address) or Host(self.core, self, address, counters) for address in spec.hosts]

    cdef int become(self, spec, list hosts, Counters counters) except -1:
        """Take over what was planned. Hosts that stay keep their connections, and the balancer its place."""
        cdef limits_t before = self.limits
        cdef Host host
        self.random = spec.lb == "random"
        self.mode = {None: 0, "multiplexed": 1, "ping_pong": 2}[spec.pool]
        self.duration = counters.for_cluster(self.name)
        self.pending = counters.slot("upstream_pending", {"cluster": self.name})
        self.overflow = counters.slot("upstream_pending_overflow_total", {"cluster": self.name})
        self.limit(spec)
        staying = set(hosts)
        leaving = [host for host in self.hosts if host not in staying]
        self.hosts = hosts
        for host in leaving:
            host.leave()
        for host in hosts:
            host.adjust(memcmp(&before, &self.limits, sizeof(limits_t)) != 0)
        self.forget_pools()
        return self.stir()

    cdef int forget_pools(self) except -1:
        """Those that no call and no connection has any more: a protocol that changed left its own behind."""
        cdef Pool pool
        cdef Host host
        for key, pool in list(self.pools.items()):
            if pool.count == 0 and not any([host.holds(pool) for host in self.hosts]):
                del self.pools[key]
                for host in self.hosts:
                    host.shelves.pop(pool, None)
        self.pool = None
        return 0

    cdef int leave(self) except -1:
        """The configuration does not have it any more."""
        cdef Host host
        hosts, self.hosts = self.hosts, []
        for host in hosts:
            host.leave()
        return self.stir()

    cdef int limit(self, spec) except -1:
        self.limits.connect_timeout = microseconds(spec.connect_timeout)
        self.limits.call_timeout = microseconds(spec.timeout)
        self.limits.interval = microseconds(spec.keepalive.interval)
        self.limits.patience = microseconds(spec.keepalive.timeout)
        self.limits.misses = spec.keepalive.misses
        self.limits.user_timeout = self.limits.interval + self.limits.patience * self.limits.misses
        self.limits.idle_timeout = microseconds(spec.idle_timeout)
        self.limits.backoff_base = microseconds(spec.backoff_base)
        self.limits.backoff_max = microseconds(spec.backoff_max)
        self.limits.max_connections = max(spec.max_connections or MAX_CONNECTIONS, 1)
        self.limits.max_alone = max(spec.max_connections or MAX_PING_PONG_CONNECTIONS, 1)
        self.limits.max_pending = spec.max_pending
        self.limits.max_in_flight = max(spec.max_in_flight, 1)
        self.limits.out_limit = spec.out_buffer_limit
        return 0

    cdef Upstream lend(self, Codec codec, int64_t variant, bint* connecting):
        """A connection for one call alone. None: wait until one is made (`connecting`), or there can be none now."""
        cdef uint64_t count = len(self.hosts)
        cdef uint64_t n
        cdef wish_t wish
        cdef Host host
        cdef Upstream found
        for n in range(count):
            host = self.hosts[(self.position + n) % count]
            found = host.lend(codec, variant, connecting)
            if found is not None:
                self.position = (self.position + n) % count + 1
                return found
        wish.variant, wish.lane = variant, OWN
        for n in range(count):
            if connecting[0]:
                break
            host = self.hosts[(self.position + n) % count]
            if self.core.now >= host.retry_at and host.held(True) < OWN_CONNECTIONS:
                connecting[0] = host.open(codec, &wish) is not None
        return None

    cdef int stir(self) except -1:
        """A connection was made, or will not be: whoever waits for one looks again."""
        cdef Relay each
        waiting, self.waiting = self.waiting, {}
        for each in waiting:
            each.soon()
        return self.stir_pools()

    cdef int stir_pools(self) except -1:
        """The calls that wait for a connection of their own look again."""
        if self.serving:
            return 0
        self.serving = True
        try:
            for pool in list(self.pools.values()):
                self.serve_pending(pool)
        finally:
            self.serving = False
        return 0

    cdef Upstream choose(self, Codec codec, wish_t* wish, int* fault):
        """The connection for a call, or None and the fault to answer with."""
        cdef int seen = 0
        cdef Upstream chosen = self.walk(codec, wish, &seen)
        if chosen is None and seen & 1 << DOUBTFUL:
            wish.desperate = True
            chosen = self.walk(codec, wish, &seen)
        if chosen is None:
            fault[0] = OVERLOAD if seen & 1 << BUSY else CONNECT if self.hosts else NO_HOST
        return chosen

    cdef Upstream walk(self, Codec codec, const wish_t* wish, int* seen):
        """Round robin goes on behind the host that served last; random takes another random stride past the first."""
        cdef uint64_t count = len(self.hosts)
        cdef uint64_t step = 1, at, left = count
        cdef Verdict verdict
        cdef Host host
        cdef Upstream chosen
        if not count:
            return None
        at = (self.core.dice() if self.random else self.position) % count
        while left:
            host = self.hosts[at]
            if not wish.tried >> (host.index & 63) & 1:
                chosen = host.pick(codec, wish, &verdict)
                if chosen is not None:
                    self.position = at + 1
                    return chosen
                seen[0] |= 1 << verdict
            if self.random and left == count:
                step = stride(self.core.dice(), count)
            at = (at + step) % count
            left -= 1
        return None

    cdef int dispatch(self, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Send the call on, or end it here."""
        cdef int fault = OVERLOAD
        cdef wish_t wish
        cdef Upstream upstream
        if self.mode == 2 or self.mode == 0 and codec.alone:
            return self.dispatch_alone(codec, call, frame, at)
        wish.variant, wish.tried, wish.desperate = call.variant, call.tried, False
        wish.cell = call.cell
        wish.lane = BULK if at.size > BULKY else SHARED
        upstream = self.choose(codec, &wish, &fault)
        if upstream is not None and upstream.carry(call, frame, at):
            return 0
        return self.give_up(call, fault)

    # -- one call at a time ---------------------------------------------------------------------------------------

    cdef Pool pool_of(self, Codec codec, int64_t variant):
        cdef Pool found = self.pool
        if found is None or found.codec is not codec or found.variant != variant:
            found = self.pools.get((codec, variant))
            if found is None:
                found = self.pools[codec, variant] = Pool(self.core, codec, variant)
                found.gauge = self.pending
            self.pool = found
        return found

    cdef int dispatch_alone(self, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Send the call on by a connection that has no other, or let it wait for one, or end it here."""
        cdef Pool pool = self.pool_of(codec, call.variant)
        cdef Upstream upstream = None
        cdef int fault = WAIT
        if pool.count == 0 or call.tried:
            upstream = self.seek(pool, call, &fault)
        if upstream is not None:
            return self.entrust(upstream, call, frame, at)
        if fault != WAIT:
            return self.give_up(call, fault)
        if not pool.enter(call, frame, at.size, self.limits.max_pending):
            add(self.overflow, 1)
            return self.give_up(call, OVERLOAD)
        return self.stir_pools() if pool.count > 1 else 0      # a host that failed may be due again

    cdef int entrust(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """The connection has this call now, or there is no memory for that."""
        if upstream.carry(call, frame, at):
            return 0
        upstream.keeper.freed(upstream)
        return self.give_up(call, OVERLOAD)

    cdef Upstream seek(self, Pool pool, call_t* call, int* fault):
        """A connection for the call. None: `fault` is WAIT if all are taken, or else what to answer with."""
        cdef uint64_t count = len(self.hosts)
        cdef uint64_t step = 1, place, left = count
        cdef Verdict verdict
        cdef Host host
        cdef Upstream upstream
        cdef bint busy = False
        fault[0] = NO_HOST
        if not count:
            return None
        place = (self.core.dice() if self.random else self.position) % count
        while left:
            host = self.hosts[place]
            if not call.tried >> (host.index & 63) & 1:
                upstream = host.take(pool, &verdict)
                if upstream is not None:
                    self.position = place + 1
                    return upstream
                busy |= verdict == BUSY
            if self.random and left == count:
                step = stride(self.core.dice(), count)
            place = (place + step) % count
            left -= 1
        fault[0] = WAIT if busy else CONNECT
        return None

    cdef int serve(self, Upstream upstream, Pool pool) except -1:
        """This connection is free: the call that waits longest has it."""
        cdef call_t* call = pool.first.call
        cdef buf_t frame = pool.take(pool.first)
        cdef frame_t at
        try:
            pool.codec.scan(FROM_DOWNSTREAM, frame.data + frame.head, frame.size, &at)
            self.entrust(upstream, call, frame.data + frame.head, &at)
        finally:
            self.core.buffers.drop(&frame)
        return 0

    cdef int serve_pending(self, Pool pool) except -1:
        """Something has changed: what waits gets a connection that may be made now, or hears that there is none.

        One that has been refused by some hosts does not hold up those behind it, which may go there.
        """
        cdef spot_t* spot = pool.first
        cdef Upstream upstream
        cdef buf_t frame
        cdef call_t* call
        cdef frame_t at
        cdef int fault = 0
        while spot != NULL:
            call = spot.call
            upstream = self.seek(pool, call, &fault)
            if upstream is None and fault == WAIT:
                if not call.tried:
                    return 0
                spot = spot.next
                continue
            frame = pool.take(spot)
            try:
                if upstream is None:
                    self.give_up(call, fault)
                else:
                    pool.codec.scan(FROM_DOWNSTREAM, frame.data + frame.head, frame.size, &at)
                    self.entrust(upstream, call, frame.data + frame.head, &at)
            finally:
                self.core.buffers.drop(&frame)
            spot = pool.first        # whoever was told may have taken others along
        return 0

    cdef int give_up(self, call_t* call, int fault) except -1:
        cdef Caller caller
        if call.oneway:
            add(call.count.dropped, 1)
        elif call.caller != NULL:
            caller = <Caller>call.caller
            caller.refuse(call, fault)
        self.core.calls.give(call)
        return 0

    cdef int close(self) except -1:
        cdef Host host
        cdef Conn each
        self.hosts, hosts = [], self.hosts
        for host in [*hosts, *self.leaving]:
            for each in [*host.active, *host.draining]:
                each.shut()
        return self.stir()

    def describe(self):
        cdef Host host
        cdef Pool pool
        pending = sum([pool.count for pool in self.pools.values()])
        return {"pending": pending, "hosts": [host.describe() for host in [*self.hosts, *self.leaving]]}


cdef uint64_t stride(uint64_t random, uint64_t count) noexcept nogil:
    """A random step that visits every one of `count` places."""
    cdef uint64_t step, a, b, rest
    if count < 3:
        return 1
    step = 1 + random % (count - 1)
    while True:
        a, b = step, count
        while b:
            rest = a % b
            a = b
            b = rest
        if a == 1:
            return step
        step = step % (count - 1) + 1
