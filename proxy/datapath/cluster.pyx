"""A cluster's hosts, and which connection a call goes by.

A host lends a connection or says why not (`Verdict`); the cluster walks its hosts from where the balancer points until
one lends. Connections are made when calls need them: a host keeps up to `max_connections` for each protocol variant,
and lane (big frames go by a connection of their own, so that no small one waits behind them), and a host that refused
is left alone for a jittered, doubling time. A connect that is slow, or the first after a
failure, only gets the call that began it while other hosts can serve.

What always holds: a call is tried at each host at most once; `dispatch` ends with the call in a connection's table or
answered; a host's lists hold exactly its connections that are not closed.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t
from proxy.datapath.carrier cimport BULK, BULKY, OWN, SHARED
from proxy.datapath.conn cimport CONNECTING, OPEN, Conn
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport CONNECT, NO_HOST, OVERLOAD, Counters, add
from proxy.datapath.relay cimport Relay
from proxy.datapath.transport cimport Transport
from proxy.datapath.upstream cimport Keeper, Upstream, new_upstream
from xproto.kernel.codec cimport Codec, frame_t


LANES = ("shared", "bulk", "own")


cdef int64_t microseconds(object seconds) except? -1:
    """A configured time; None and what is beyond 1,000 years are never (0)."""
    if seconds is None or not 0 < seconds < 3e10:
        return 0
    return <int64_t>(<double>seconds * 1e6) or 1


cdef class Host(Keeper):
    def __cinit__(self, Core core not None, Cluster cluster not None, str address, Counters counters):
        self.core, self.cluster, self.address, self.index = core, cluster, address, cluster.made
        cluster.made += 1
        self.active, self.draining = [], []
        self.count = counters.for_host(cluster.name, address)

    cdef Upstream lend(self, Codec codec, int64_t variant, bint* connecting):
        """A connection for one call alone, if one is open and free; `connecting`: one is being made."""
        cdef Upstream each
        for each in self.active:
            if each.lane == OWN and each.codec is codec and each.variant == variant:
                if each.idle():
                    return each
                connecting[0] |= each.state == CONNECTING
        return None

    cdef Upstream pick(self, Codec codec, const wish_t* wish, Verdict* verdict):
        """A connection for one more call, or None and why not."""
        cdef int64_t had = 0
        cdef Upstream best = self.find(codec, wish, verdict, &had)
        cdef Upstream made
        if best is not None and (best.ids.count == 0 or had >= self.cluster.limits.max_connections):
            return best
        if had >= self.cluster.limits.max_connections:
            return None
        if self.core.now < self.retry_at or len(self.active) >= self.cluster.limits.max_connections * VARIANTS:
            if best is None and verdict[0] == TAKEN:
                verdict[0] = AWAY if self.core.now < self.retry_at else BUSY
            return best
        made = self.open(codec, wish)
        if best is not None:
            return best                  # the new one is for later calls: this one need not wait for it
        if made is None:
            verdict[0] = AWAY
        return made

    cdef Upstream find(self, Codec codec, const wish_t* wish, Verdict* verdict, int64_t* had):
        """The least loaded of the connections that there are; one that still connects only if there is no other."""
        cdef Upstream each, best = None, waiting = None, clogged = None
        cdef bint doubtful
        verdict[0] = TAKEN
        for each in self.active:
            if each.codec is not codec or each.variant != wish.variant or each.lane != wish.lane:
                continue
            had[0] += 1
            if not each.usable(wish.cell):
                verdict[0] = BUSY
                if each.clogged():
                    clogged = each
            elif each.state == OPEN:
                if best is None or each.ids.count < best.ids.count:
                    best = each
            elif waiting is None or each.ids.count < waiting.ids.count:
                waiting = each
        if best is not None:
            return best
        if waiting is not None:
            doubtful = self.failures > 0 or self.core.now - waiting.since > SLOW_CONNECT
            if wish.desperate or not doubtful:
                return waiting
            verdict[0] = DOUBTFUL
            had[0] = self.cluster.limits.max_connections
        elif clogged is not None:
            clogged.shut()
            had[0] -= 1
            verdict[0] = TAKEN
        return None

    cdef Upstream open(self, Codec codec, const wish_t* wish):
        """Begin to connect. None: it failed at once."""
        cdef Transport io
        cdef Upstream made
        try:
            io = self.core.network.connect(self.address)
        except OSError as error:
            self.failed(None, error.strerror or str(error))
            return None
        made = new_upstream(self.core, self, codec, wish.variant, wish.lane, &self.cluster.limits, self.count)
        made.attach(io, CONNECTING)
        if made.limits.user_timeout > 0:
            io.give_up_after(made.limits.user_timeout)
        self.active.append(made)
        if made.limits.connect_timeout > 0:
            self.core.wheel.set(&made.watch, self.core.now + made.limits.connect_timeout)
        return made

    cdef int back_off(self) except -1:
        """Leave the host alone: base, twice that, ... up to the maximum, each cut by a random part of its half."""
        cdef int64_t wait = self.cluster.limits.backoff_base
        cdef int64_t round = 0
        while round < self.failures and wait < self.cluster.limits.backoff_max:
            wait *= 2
            round += 1
        wait = min(wait, self.cluster.limits.backoff_max)
        if wait > 1:
            wait -= <int64_t>(self.core.dice() % <uint64_t>(wait // 2 + 1))
        self.retry_at = self.core.now + wait
        self.failures += 1
        return 0

    cdef int adjust(self, bint changed) except -1:
        """The cluster's limits are new."""
        cdef Upstream each
        if changed:
            for each in [*self.active, *self.draining]:
                each.adjust()
        return 0

    cdef int leave(self) except -1:
        """It is no host of its cluster any more. What is on its way is waited for."""
        cdef Upstream each
        self.leaving = True
        self.cluster.leaving[self] = None
        for each in list(self.active):
            each.leave()
        if not self.active and not self.draining:
            self.cluster.leaving.pop(self, None)
        return 0

    # -- what its connections tell ------------------------------------------------------------------------------

    cdef int opened(self, Upstream upstream) except -1:
        self.failures = 0
        self.retry_at = 0
        self.cluster.stir()
        return upstream.leave() if self.leaving else 0

    cdef int failed(self, Upstream upstream, str why) except -1:
        add(self.count.failures, 1)
        if not self.failures:
            self.core.tell(f"{self.label()}: cannot connect: {why}")
        self.back_off()
        return self.cluster.stir()

    cdef int drains(self, Upstream upstream) except -1:
        self.active.remove(upstream)
        self.draining.append(upstream)
        return 0

    cdef int lost(self, Upstream upstream) except -1:
        cdef list held
        self.cluster.stir()
        for held in (self.active, self.draining):
            if upstream in held:
                held.remove(upstream)
        if self.leaving and not self.active and not self.draining:
            self.cluster.leaving.pop(self, None)
        return 0

    cdef int again(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        call.tried |= <uint64_t>1 << (self.index & 63)
        return self.cluster.dispatch(upstream.codec, call, frame, at)

    cdef str label(self):
        return f"cluster {self.cluster.name}: host {self.address}"

    def describe(self):
        cdef Upstream each
        return {
            "address": self.address,
            "leaving": self.leaving,
            "failures": self.failures,
            "available": self.core.clock.now() >= self.retry_at,
            "connections": [
                {
                    "protocol": each.codec.name,
                    "variant": each.variant,
                    "lane": LANES[each.lane],
                    "state": {CONNECTING: "connecting", OPEN: "open"}.get(each.state, "draining"),
                    "in_flight": each.ids.count,
                    "waited_for": each.live,
                    "heartbeats": each.beats,
                    "misses": each.misses,
                    "unsent": each.out.size,
                    "buffered": each.tail.size,
                }
                for each in [*self.active, *self.draining]
            ],
        }


cdef class Cluster:
    def __cinit__(self, Core core not None, str name):
        self.core, self.name = core, name
        self.hosts, self.leaving, self.waiting = [], {}, {}
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
        self.duration = counters.for_cluster(self.name)
        self.limit(spec)
        staying = set(hosts)
        leaving = [host for host in self.hosts if host not in staying]
        self.hosts = hosts
        for host in leaving:
            host.leave()
        for host in hosts:
            host.adjust(memcmp(&before, &self.limits, sizeof(limits_t)) != 0)
        return 0

    cdef int leave(self) except -1:
        """The configuration does not have it any more."""
        cdef Host host
        hosts, self.hosts = self.hosts, []
        for host in hosts:
            host.leave()
        return 0

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
        self.limits.max_connections = max(spec.max_connections, 1)
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
            if self.core.now >= host.retry_at and len(host.active) < OWN_CONNECTIONS + self.limits.max_connections:
                connecting[0] = host.open(codec, &wish) is not None
        return None

    cdef int stir(self) except -1:
        """A connection was made, or will not be: whoever waits for one looks again."""
        cdef Relay each
        waiting, self.waiting = self.waiting, {}
        for each in waiting:
            each.soon()
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
        wish.variant, wish.tried, wish.desperate = call.variant, call.tried, False
        wish.cell = call.cell
        wish.lane = BULK if at.size > BULKY else SHARED
        upstream = self.choose(codec, &wish, &fault)
        if upstream is not None and upstream.carry(call, frame, at):
            return 0
        return self.give_up(call, fault)

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
        for host in [*self.hosts, *self.leaving]:
            for each in [*host.active, *host.draining]:
                each.shut()
        return 0

    def describe(self):
        cdef Host host
        return {"hosts": [host.describe() for host in [*self.hosts, *self.leaving]]}


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
