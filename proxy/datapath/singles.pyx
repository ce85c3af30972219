"""A cluster's calls that each have a connection for themselves: which one, or the line that they wait in.

What always holds: no call is sent while one that came before it waits and could be sent; a call is in a connection's
table, in a pool's line, or answered; it leaves the line before anything else is done with it.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.balancer cimport tour_t
from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport AGREED, OTHERWISE, Attendant, Retrier, call_t
from proxy.datapath.conn cimport TAKES, may
from proxy.datapath.counters cimport CONNECT, NO_HOST, OVERLOAD, add
from proxy.datapath.host cimport BUSY, Host, Verdict
from proxy.datapath.pingpong cimport Pool, Queue, spot_t
from proxy.datapath.subset cimport Subset
from proxy.datapath.upstream cimport Keeper, Upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t

cdef enum:
    WAIT = -2             # beside the faults, which are above zero


cdef class Singles(Balancer):
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
        cdef Subset subset = self.subset_of(&call.choice)
        cdef Upstream upstream = None
        cdef int fault = WAIT
        if pool.count == 0 or call.tried or not (subset in pool.queues or self.everyone in pool.queues):
            upstream = self.seek(pool, call, &fault)
        if upstream is not None:
            return self.entrust(upstream, call, frame, at)
        if fault != WAIT:
            return self.give_up(call, fault)
        if not pool.enter(call, subset, frame, at.size, self.limits.max_pending):
            add(self.overflow, 1)
            return self.give_up(call, OVERLOAD)
        return self.stir_pools() if pool.count > 1 else 0      # a host that failed may be due again

    cdef int accepted(self, call_t* call, Upstream upstream, const uint8_t* frame, size_t size) except -100:
        """Do the filters of the call agree to the host, as `Attendant.chosen`? One that they do not want is not tried again."""
        cdef Host host = <Host>upstream.keeper
        cdef int found = (<Attendant>call.attendant).chosen(call, self, host.address, frame, size)
        if found == OTHERWISE:
            call.tried |= <uint64_t>1 << (host.index & 63)
        return found

    cdef bint offer(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Has the connection this call now? False: the connection is free still, and all is done that can be for the call."""
        cdef int accepted = AGREED if call.attendant == NULL else self.accepted(call, upstream, frame, at.size)
        if accepted == AGREED:
            if upstream.carry(call, frame, at):
                return True
            self.give_up(call, OVERLOAD)
        elif accepted == OTHERWISE:
            self.dispatch_alone(upstream.codec, call, frame, at)
        elif accepted < 0:
            self.give_up(call, -accepted)
        return False

    cdef int entrust(self, Upstream upstream, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """The connection is this call's, or if it cannot have it, another's or nobody's."""
        return 0 if self.offer(upstream, call, frame, at) else upstream.keeper.freed(upstream)

    cdef Upstream seek(self, Pool pool, call_t* call, int* fault):
        """A connection for the call. None: `fault` is WAIT if all are taken, or else what to answer with."""
        cdef tour_t tour
        cdef Verdict verdict
        cdef Upstream upstream
        cdef Host host
        self.begin(&tour, call.tried, &call.choice)
        fault[0] = CONNECT if tour.count else NO_HOST
        host = self.next_host(&tour)
        while host is not None:
            upstream = host.take(pool, &verdict)
            if upstream is not None:
                self.chose(&tour)
                return upstream
            if verdict == BUSY:
                fault[0] = WAIT
            host = self.next_host(&tour)
        return None

    cdef int serve(self, Upstream upstream, Pool pool, Keeper host, bint sick) except -1:
        """This connection to the host is free: the call that waits longest has it, of those that may go there.

        Those that come back into the line meanwhile, since their filters want another host, are not asked again here.
        """
        cdef uint64_t arrivals = pool.arrivals
        cdef int why = self.core.reset_code
        cdef spot_t* spot = pool.oldest_for(host, sick)
        cdef call_t* call
        cdef buf_t frame
        cdef frame_t at
        cdef bint taken = False
        self.core.reset_code = 0         # as in `stir_pools`
        try:
            while not taken and spot != NULL and spot.number < arrivals and may(upstream, TAKES) and upstream.ids.count == 0:
                call = spot.call
                frame = pool.take(spot)
                try:
                    pool.codec.whole(frame.data + frame.head, frame.size, &at)
                    taken = self.offer(upstream, call, frame.data + frame.head, &at)
                finally:
                    self.core.buffers.drop(&frame)
                spot = pool.oldest_for(host, sick)
        finally:
            self.core.reset_code = why
        return 0

    cdef int serve_pending(self, Pool pool) except -1:
        """Something has changed: what waits gets a connection that may be made now, or hears that there is none.

        One that has been refused by some hosts does not hold up those behind it, which may go there; nor does one those
        that may go to other hosts.
        """
        cdef spot_t* spot
        cdef Queue queue
        cdef Upstream upstream
        cdef buf_t frame
        cdef call_t* call
        cdef frame_t at
        cdef int fault = 0
        pool.rewind(True)
        spot = pool.oldest()
        while spot != NULL:
            call = spot.call
            upstream = self.seek(pool, call, &fault)
            if upstream is None and fault == WAIT:
                queue = <Queue>spot.queue
                queue.blocked = not call.tried
                queue.cursor = NULL if queue.blocked else spot.next
                spot = pool.oldest()
                continue
            frame = pool.take(spot)
            try:
                if upstream is None:
                    self.give_up(call, fault)
                else:
                    pool.codec.whole(frame.data + frame.head, frame.size, &at)
                    self.entrust(upstream, call, frame.data + frame.head, &at)
            finally:
                self.core.buffers.drop(&frame)
            pool.rewind(False)       # whoever was told may have taken others along
            spot = pool.oldest()
        return 0

    cdef int stir_pools(self) except -1:
        """The calls that wait for a connection of their own look again. A reset that made room for them is not theirs."""
        cdef int why = self.core.reset_code
        if self.serving:
            return 0
        self.serving, self.core.reset_code = True, 0
        try:
            for pool in list(self.pools.values()):
                self.serve_pending(pool)
        finally:
            self.serving, self.core.reset_code = False, why
        return 0

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

    cdef int give_up(self, call_t* call, int fault) except -1:
        cdef Caller caller
        if call.attempt != NULL and (<Retrier>call.attempt.retrier).failed(call, fault):
            self.core.calls.give(call)
            return 0
        if call.oneway:
            call.outcome = fault
            add(call.count.dropped, 1)
        elif call.caller != NULL:
            caller = <Caller>call.caller
            caller.refuse(call, fault)
        self.core.calls.give(call)
        return 0
