"""A cluster's hosts, and which connection a call goes by.

The cluster asks its hosts in the balancer's order (`balancer.pyx`) until one has a connection (`host.pyx`). Calls that each
need one for themselves are `singles.pyx`'s.

What always holds: a call is tried at each host at most once; `dispatch` ends with the call in a connection's table or
answered; a host that leaves is in `leaving` as long as it has connections.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp

from proxy.datapath.balancer cimport tour_t
from proxy.datapath.calls cimport AGREED, OTHERWISE, call_t
from proxy.datapath.carrier cimport BULK, BULKY, OWN, SHARED, limits_t
from proxy.datapath.conn cimport Conn
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport CONNECT, NO_HOST, OVERLOAD, Counters
from proxy.datapath.health cimport Monitors
from proxy.datapath.host cimport BUSY, DOUBTFUL, OWN_CONNECTIONS, Host, Verdict, wish_t
from proxy.datapath.pingpong cimport Pool
from proxy.datapath.relay cimport Relay
from proxy.datapath.retry_budget cimport Budget
from proxy.datapath.singles cimport Singles
from proxy.datapath.subset cimport Subset, choice_t
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t

from proxy.balancing.shares import plan
from proxy.snapshot.clusters import MAX_CONNECTIONS, MAX_HTTP2_CONNECTIONS, MAX_PING_PONG_CONNECTIONS


cdef int64_t microseconds(object seconds) except? -1:
    """A configured time; None and what is beyond 1,000 years are never (0)."""
    if seconds is None or not 0 < seconds < 3e10:
        return 0
    return <int64_t>(<double>seconds * 1e6) or 1


cdef class Cluster(Singles):
    def __cinit__(self, Core core not None, str name):
        self.leaving, self.waiting, self.pools = {}, {}, {}
        self.monitors = Monitors()
        self.budget = Budget(self)

    cdef list plan(self, spec, contexts, Counters counters):
        """The hosts that `spec` names: those that are there already, and new ones, which nobody knows yet.

        One that is spoken to in another way from now on is a new one: a connection that carries one identity, or whose server
        was judged in one way, is not used where another is wanted.
        """
        cdef Host host
        cdef dict known = {host.address: host for host in self.hosts}
        cdef list found = []
        for address in spec.hosts:
            tls = spec.tls_of(address)
            host = known.get(address)
            if host is None or host.tls != tls:
                client = None if tls is None else contexts.client(self.name, tls)
                host = Host(self.core, self, address, counters, tls, client)
            found.append(host)
        return found

    cdef dict plan_shares(self, spec, asked):
        """Which hosts each subset will have, of those that routes ask for and those that calls still hold."""
        cdef Subset subset
        before = {match: subset.share for match, subset in self.subsets.items() if subset.share is not None}
        return plan(spec, (*asked, *self.subsets), before)

    cdef int become(self, spec, list hosts, dict shares, dict subsets, asked, Counters counters) except -1:
        """Take over what was planned. Hosts that stay keep their connections, and the balancer its places."""
        cdef limits_t before = self.limits
        cdef Host host
        self.random = spec.lb == "random"
        self.mode = {None: 0, "multiplexed": 1, "ping_pong": 2}[spec.pool]
        self.duration = counters.for_cluster(self.name)
        self.counters = counters
        self.pending = counters.slot("upstream_pending", {"cluster": self.name})
        self.overflow = counters.slot("upstream_pending_overflow_total", {"cluster": self.name})
        self.limit(spec)
        self.budget.become(spec.retry_budget, counters, self.pending)
        staying = set(hosts)
        leaving = [host for host in self.hosts if host not in staying]
        self.hosts = hosts
        self.share_out(shares, subsets, asked, spec.health_check.panic_threshold if spec.health_check else 0,
                       counters.slot("upstream_subset_fallbacks_total", {"cluster": self.name}))
        self.monitors.become(self.core, spec.health_check, hosts)
        for host in leaving:
            host.leave()
        for host in hosts:
            host.adjust(memcmp(&before, &self.limits, sizeof(limits_t)) != 0)
        self.forget_pools()
        return self.stir()

    cdef int leave(self) except -1:
        """The configuration does not have it any more."""
        cdef Host host
        hosts = self.hosts
        self.dissolve()
        self.monitors.stop()
        for host in hosts:
            host.leave()
        self.budget.close()
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
        self.limits.max_alone = self.limits.max_single = max(spec.max_connections or MAX_PING_PONG_CONNECTIONS, 1)
        self.limits.http2, self.limits.by_alpn, self.limits.grpc_web = spec.http != "http1", spec.http == "auto", spec.grpc_web
        if self.limits.http2:                # what is one call's alone is a stream then
            self.limits.max_connections = max(spec.max_connections or MAX_HTTP2_CONNECTIONS, 1)
            self.limits.max_alone = spec.max_in_flight * self.limits.max_connections
        self.limits.max_pending = spec.max_pending
        self.limits.max_in_flight = max(spec.max_in_flight, 1)
        self.limits.out_limit = spec.out_buffer_limit
        return 0

    cdef Upstream lend(self, Codec codec, int64_t variant, const choice_t* choice, bint* connecting):
        """A connection for one call alone. None: wait until one is made (`connecting`), or there can be none now.

        One that is there serves sooner than one that is made; but where a hash decides, its host comes first.
        """
        cdef tour_t tour
        cdef Host host
        cdef Upstream found
        self.begin(&tour, 0, choice)
        host = self.next_host(&tour)
        while host is not None:
            found = host.lend(codec, variant, connecting)
            if found is not None:
                self.chose(&tour)
                return found
            if tour.hashed and (connecting[0] or self.opens(host, codec, variant)):
                connecting[0] = True
                return None
            host = self.next_host(&tour)
        if connecting[0] or tour.hashed:
            return None
        self.begin(&tour, 0, choice)
        host = self.next_host(&tour)
        while host is not None and not connecting[0]:
            connecting[0] = self.opens(host, codec, variant)
            host = self.next_host(&tour)
        return None

    cdef bint opens(self, Host host, Codec codec, int64_t variant) except -1:
        """Is a connection to the host for one call alone being made from now on?"""
        cdef wish_t wish
        if self.core.now < host.retry_at or host.held(True) >= OWN_CONNECTIONS:
            return False
        wish.variant, wish.lane = variant, OWN
        return host.open(codec, &wish) is not None

    cdef int stir(self) except -1:
        """A connection was made, or will not be: whoever waits for one looks again."""
        cdef Relay each
        waiting, self.waiting = self.waiting, {}
        for each in waiting:
            each.soon()
        return self.stir_pools()

    cdef Upstream choose(self, Codec codec, wish_t* wish, int* fault):
        """The connection for a call, or None and the fault to answer with."""
        cdef int seen = 0
        cdef Upstream chosen = self.walk(codec, wish, &seen)
        if chosen is None and seen & 1 << DOUBTFUL:
            wish.desperate = True
            chosen = self.walk(codec, wish, &seen)
        if chosen is None:
            fault[0] = OVERLOAD if seen & 1 << BUSY else CONNECT if self.subset_of(wish.choice).offered() else NO_HOST
        return chosen

    cdef Upstream walk(self, Codec codec, const wish_t* wish, int* seen):
        cdef tour_t tour
        cdef Verdict verdict
        cdef Upstream chosen
        cdef Host host
        self.begin(&tour, wish.tried, wish.choice)
        host = self.next_host(&tour)
        while host is not None:
            chosen = host.pick(codec, wish, &verdict)
            if chosen is not None:
                self.chose(&tour)
                return chosen
            seen[0] |= 1 << verdict
            host = self.next_host(&tour)
        return None

    cdef bint divides(self, Codec codec) noexcept:
        """Does each call of this protocol have a connection for itself?"""
        return self.mode == 2 or self.mode == 0 and codec.alone or not codec.numbered

    cdef int dispatch(self, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Send the call on, or end it here."""
        cdef int fault = OVERLOAD, accepted
        cdef wish_t wish
        cdef Upstream upstream
        if self.divides(codec):
            return self.dispatch_alone(codec, call, frame, at)
        wish.variant, wish.tried, wish.desperate = call.variant, call.tried, False
        wish.cell, wish.choice = call.cell, &call.choice
        wish.lane = BULK if at.size > BULKY else SHARED
        upstream = self.choose(codec, &wish, &fault)
        while upstream is not None and call.attendant != NULL:
            accepted = self.accepted(call, upstream, frame, at.size)
            if accepted == AGREED:
                break
            if accepted != OTHERWISE:
                return self.give_up(call, -accepted) if accepted < 0 else 0      # else it is its filters' for now
            wish.tried, wish.desperate = call.tried, False
            upstream = self.choose(codec, &wish, &fault)
        if upstream is not None and upstream.carry(call, frame, at):
            return 0
        return self.give_up(call, fault)

    cdef int close(self) except -1:
        cdef Host host
        cdef Conn each
        hosts = self.hosts
        self.dissolve()
        self.monitors.stop()
        for host in [*hosts, *self.leaving]:
            for each in [*host.active, *host.draining, *host.shared, *host.fading]:
                each.shut()
        self.budget.close()
        return self.stir()

    def describe(self):
        cdef Host host
        cdef Pool pool
        cdef Subset subset
        pending = sum([pool.count for pool in self.pools.values()])
        return {
            "pending": pending,
            "retries": self.budget.flying,
            "subsets": [
                {"metadata": dict(subset.match), "hosts": [host.address for host in subset.hosts], "calls": subset.calls}
                for subset in self.subsets.values()
                if subset is not self.everyone
            ],
            "hosts": [host.describe() | {"health": self.monitors.describe(host)} for host in [*self.hosts, *self.leaving]],
        }
