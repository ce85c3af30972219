"""One host of a cluster: its connections, which of them a call may have, and when it is left alone.

Connections are made when calls need them: up to `max_connections` for each protocol variant and lane (big frames go by
a connection of their own, so that no small one waits behind them), and up to OWN_CONNECTIONS for one call each. A host
that refused is left alone for a jittered, doubling time. A connect that is slow, or the first after a failure, only gets
the call that began it while other hosts can serve.

What always holds: its lists hold exactly its connections, and tunnels, that are not closed; whoever gets none is told why
(`Verdict`).
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.calls cimport call_t
from proxy.datapath.carrier cimport ALONE, OWN
from proxy.datapath.conn cimport CLOSED, CONNECTING, OPEN
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, add
from proxy.datapath.h2_upstream cimport H2Upstream, new_h2_upstream
from proxy.datapath.pingpong cimport Pool, Shelf
from proxy.datapath.tls cimport new_tls
from proxy.datapath.transport cimport Transport
from proxy.datapath.upstream cimport Keeper, Upstream, new_upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t

cdef enum:
    TURN = 1000000            # microseconds: a host that changes its version of HTTP more often is one that fails

LANES = ("shared", "bulk", "own", "alone")


cdef class Family:
    cdef int dispatch(self, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        return 0

    cdef int felt(self, Keeper host, int more) except -1:
        return 0

    cdef int stir(self) except -1:
        return 0

    cdef int serve(self, Upstream upstream, Pool pool, Keeper host, bint sick) except -1:
        return 0


cdef class Host(Keeper):
    def __cinit__(self, Core core not None, Family cluster not None, str address, Counters counters, tls=None, client=None):
        self.core, self.cluster, self.address, self.index = core, cluster, address, cluster.made
        cluster.made += 1
        self.active, self.draining, self.shelves, self.tunnels = [], [], {}, {}
        self.shared, self.fading = [], []
        self.count = counters.for_host(cluster.name, address)
        self.tls, self.side = tls, None if client is None else client.at()

    cdef Upstream lend(self, Codec codec, int64_t variant, bint* connecting):
        """A connection for one call alone, if one is open and free; `connecting`: one is being made."""
        cdef Upstream each
        for each in self.active:
            if each.lane == OWN and each.codec is codec and each.variant == variant:
                if each.idle():
                    return each
                connecting[0] |= each.state == CONNECTING
        return None

    cdef int64_t held(self, bint own) noexcept:
        """How many connections it has for one call each, or for many."""
        cdef Upstream each
        cdef int64_t count = 0
        for each in self.active:
            count += each.lane == OWN if own else each.lane < OWN
        return count

    cdef Shelf shelf(self, Pool pool):
        found = self.shelves.get(pool)
        if found is None:
            found = self.shelves[pool] = Shelf(pool)
        return found

    cdef bint holds(self, Pool pool):
        """Has it a connection for calls of this pool?"""
        found = self.shelves.get(pool)
        return found is not None and (<Shelf>found).held > 0

    cdef Upstream take(self, Pool pool, Verdict* verdict):
        """A connection for one call, free or new; or None and why not. A host that failed is tried by one at a time."""
        cdef Shelf shelf = self.shelf(pool)
        cdef Upstream found = shelf.lend()
        cdef wish_t wish
        verdict[0] = TAKEN
        if found is not None:
            return found
        if self.core.now < self.retry_at:
            verdict[0] = AWAY
            return None
        if shelf.held >= (self.cluster.limits.max_single if self.older else self.cluster.limits.max_alone) or (
                self.failures and shelf.opening or self.streams(pool.codec) and self.crowded()):
            verdict[0] = BUSY
            return None
        wish.variant, wish.lane = pool.variant, ALONE
        found = self.open(pool.codec, &wish)
        if found is None:
            verdict[0] = AWAY
            return None
        found.shelf = shelf
        shelf.held += 1
        shelf.opening += 1
        found.opening = True
        if found.io.streams and found.io.connected() == 0:
            found.shelved = True             # it is this call's already
            found.connected()
            found.shelved = False
        return found

    cdef Upstream pick(self, Codec codec, const wish_t* wish, Verdict* verdict):
        """A connection for one more call, or None and why not."""
        cdef int64_t had = 0
        cdef Upstream best = self.find(codec, wish, verdict, &had)
        cdef Upstream made
        if best is not None and (best.ids.count == 0 or had >= self.cluster.limits.max_connections):
            return best
        if had >= self.cluster.limits.max_connections:
            return None
        if self.core.now < self.retry_at or self.held(False) >= self.cluster.limits.max_connections * VARIANTS:
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
            io = self.stream() if self.streams(codec) else self.dial()
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
        if io.streams:
            made.rx = made.tx = &self.core.nothing
        return made

    cdef bint streams(self, Codec codec) noexcept:
        """Do its calls of this protocol go by streams of HTTP/2?"""
        return codec.headed and self.cluster.limits.http2 and not (
            self.cluster.limits.by_alpn and (self.older or self.side is None))

    cdef H2Upstream sharing(self):
        """The connection for one more stream, of those that there are: the one with the fewest. None: all are full."""
        cdef H2Upstream each, best = None
        for each in self.shared:
            if each.has_room() and (best is None or len(each.streams) < len(best.streams)):
                best = each
        return best

    cdef bint crowded(self):
        """No room for one more stream, and no more connections may be made?"""
        return len(self.shared) >= self.cluster.limits.max_connections and self.sharing() is None

    cdef Transport stream(self):
        """Of a connection that others share, which may be one that is made now. Raises `OSError`."""
        cdef H2Upstream found = self.sharing()
        if found is None:
            found = new_h2_upstream(self.core, self, self.dial(), &self.cluster.limits, self.count)
            self.shared.append(found)
        return found.stream_of()

    cdef Transport dial(self):
        """Begin to connect, by TLS if that is how it is spoken to. Raises `OSError`."""
        cdef Transport io = self.core.network.connect(self.address)
        return io if self.side is None else new_tls(self.core.loop, io, self.side, None, NULL, 0)

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
        cdef H2Upstream connection
        if changed:
            for each in [*self.active, *self.draining]:
                each.adjust()
            for connection in [*self.shared, *self.fading]:
                if connection.state != CONNECTING:
                    connection.set_alarm()
        return 0

    cdef int leave(self) except -1:
        """It is no host of its cluster any more. What is on its way is waited for."""
        cdef Upstream each
        cdef H2Upstream connection
        self.leaving = True
        self.cluster.leaving[self] = None
        for each in list(self.active):
            each.leave()
        for connection in list(self.shared):
            connection.leave()
        return self.forget()

    cdef int forget(self) except -1:
        """It may have been its last connection that went."""
        if self.leaving and not (self.active or self.draining or self.tunnels or self.shared or self.fading):
            self.cluster.leaving.pop(self, None)
        return 0

    cdef int works(self) except -1:
        """It can be connected to: whoever waits for that looks again."""
        self.failures = 0
        self.retry_at = 0
        return self.cluster.stir()

    # -- what its connections tell ------------------------------------------------------------------------------

    cdef int freed(self, Upstream upstream) except -1:
        cdef Shelf shelf = upstream.shelf
        if shelf.pool.count:
            self.cluster.serve(upstream, shelf.pool, self, self.sick)
        return shelf.put(upstream) if upstream.ids.count == 0 and upstream.out.size == 0 else 0

    cdef int opened(self, Upstream upstream) except -1:
        self.made(upstream)
        self.works()
        return upstream.leave() if self.leaving else 0

    cdef int failed(self, Upstream upstream, str why) except -1:
        if upstream is not None:
            self.made(upstream)
        if self.turns(upstream):
            return self.cluster.stir()
        add(self.count.failures, 1)
        if self.core.now < self.retry_at:
            return self.cluster.stir()       # of several that were tried at once, the first counts
        if not self.failures:
            self.core.tell(f"{self.label()}: cannot connect: {why}")
        self.back_off()
        return self.cluster.stir()

    cdef int insecure(self, str reason) except -1:
        add(self.cluster.counters.slot("upstream_tls_failures_total", {"cluster": self.cluster.name, "reason": reason}), 1)
        return 0

    cdef int turn(self, bint older) except -1:
        if self.older != older:
            self.smooth = self.turned == 0 or self.core.now - self.turned > TURN
            self.older, self.turned = older, max(self.core.now, 1)
            self.core.tell(f"{self.label()}: speaks HTTP/{'1.1' if older else '2'}, as its TLS says")
        return 0

    cdef bint turns(self, Upstream upstream) noexcept:
        """Was this connection for the other version of HTTP than it has just been found to speak?"""
        return self.smooth and self.cluster.limits.by_alpn and upstream is not None and (
            upstream.io is not None and upstream.io.streams == self.older)

    cdef int drains(self, Upstream upstream) except -1:
        self.active.remove(upstream)
        self.draining.append(upstream)
        if upstream.shelf is not None:
            (<Shelf>upstream.shelf).lose(upstream)
            self.cluster.stir()
        return 0

    cdef int made(self, Upstream upstream) except -1:
        """It is being made no more, whatever came of it."""
        if upstream.opening:
            upstream.opening = False
            (<Shelf>upstream.shelf).opening -= 1
        return 0

    cdef int lost(self, Upstream upstream) except -1:
        self.made(upstream)
        if upstream in self.draining:
            self.draining.remove(upstream)
        elif upstream in self.active:
            self.active.remove(upstream)
            if upstream.shelf is not None:
                (<Shelf>upstream.shelf).lose(upstream)
        self.cluster.stir()
        return self.forget()

    cdef int again(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        if (not upstream.made or upstream.refuses) and not self.turns(upstream):     # it cannot be connected to, or did not take it
            call.tried |= <uint64_t>1 << (self.index & 63)
            if call.attempt != NULL:
                call.attempt.refused = upstream.refuses
        return self.cluster.dispatch(upstream.codec, call, frame, at)

    cdef int stirred(self) except -1:
        return self.cluster.stir()

    cdef int ended(self, H2Upstream connection) except -1:
        """It lends no more streams; when it is closed, it is no more."""
        if connection in self.shared:
            self.shared.remove(connection)
            if connection.state != CLOSED:
                self.fading.append(connection)
        elif connection in self.fading and connection.state == CLOSED:
            self.fading.remove(connection)
        return self.forget()

    cdef int unfit(self, str reason) except -1:
        return self.insecure(reason)

    cdef str name(self):
        return self.label()

    cdef str label(self):
        return f"cluster {self.cluster.name}: host {self.address}"

    def describe(self):
        cdef Upstream each
        return {
            "address": self.address,
            "tls": self.side is not None,
            "leaving": self.leaving,
            "failures": self.failures,
            **({"http": "http1" if self.older or self.side is None else "http2"} if self.cluster.limits.by_alpn else {}),
            "available": self.core.clock.now() >= self.retry_at,
            "tunnels": len(self.tunnels),
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
                    **({} if each.io.identity is None else {"tls": each.io.identity.describe()}),
                }
                for each in [*self.active, *self.draining]
                if not each.io.streams
            ] + [shared.describe() for shared in [*self.shared, *self.fading]],
        }
