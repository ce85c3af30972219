"""Connections for one call at a time: those that are free, and the calls that wait for one.

A call is never sent behind another whose answer is not there: a server that answers one after the other would make it
wait, and one whose answer went astray would give it that answer. So a connection is either on its host's `Shelf`, with
nothing on its way, or has its one call. Where all are taken, calls wait in their cluster's `Pool` in the order in which
they came, with their own deadlines. Those that may go to some hosts only have a `Queue` of their own in it, so that a
connection that is free finds its next call without looking at all that wait for other hosts.

What always holds: a connection is on its shelf at most once, and open; a call that waits is in one queue of one pool,
points at its spot there, and is in no connection's table; its frame is charged to the worker's buffers; a pool has no
empty queue.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t, give_share, greedy, take_share
from proxy.datapath.conn cimport OPEN
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport add, take
from proxy.datapath.subset cimport Subset
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec


cdef class Queue:
    def __cinit__(self, Subset subset not None):
        self.subset = subset


@cython.no_gc_clear                     # it frees what its queues hold, and gives their frames back
cdef class Pool(Line):
    """For one protocol and variant of a cluster."""

    def __cinit__(self, Core core not None, Codec codec not None, int64_t variant):
        self.core, self.codec, self.variant, self.queues = core, codec, variant, {}

    cdef bint enter(self, call_t* call, Subset subset, const uint8_t* frame, size_t size, uint64_t most) except -1:
        """Keep a call and its frame until there is a connection to one of these hosts. False: too many wait, or no memory."""
        cdef spot_t* spot
        cdef Caller caller
        cdef Queue queue = self.queues.get(subset)
        if self.count >= most or self.count * 2 >= most and greedy(&self.shares, call.cell, most):
            return False
        spot = <spot_t*>calloc(1, sizeof(spot_t))
        if spot == NULL or not self.core.buffers.append(&spot.frame, frame, size, size):
            free(spot)
            return False
        if queue is None:
            queue = self.queues[subset] = Queue(subset)
        spot.call, spot.prev, spot.queue, spot.number = call, queue.last, <void*>queue, self.arrivals
        if queue.last != NULL:
            queue.last.next = spot
        else:
            queue.first = spot
        queue.last = spot
        self.arrivals += 1
        call.line, call.spot = <void*>self, spot
        take_share(&self.shares, call.cell)
        self.count += 1
        add(self.gauge, 1)
        if call.caller != NULL:
            caller = <Caller>call.caller
            caller.lent += size
            caller.owned_up()
        return True

    cdef buf_t take(self, spot_t* spot) noexcept:
        """The call waits no more; its frame is the caller's of this."""
        cdef buf_t frame = spot.frame
        cdef call_t* call = spot.call
        cdef Queue queue = <Queue>spot.queue
        if spot.prev != NULL:
            spot.prev.next = spot.next
        else:
            queue.first = spot.next
        if spot.next != NULL:
            spot.next.prev = spot.prev
        else:
            queue.last = spot.prev
        if queue.first == NULL:
            del self.queues[queue.subset]
        free(spot)
        call.line = call.spot = NULL
        give_share(&self.shares, call.cell)
        self.count -= 1
        take(self.gauge, 1)
        if call.caller != NULL:
            (<Caller>call.caller).lent -= frame.size
        return frame

    cdef spot_t* oldest_for(self, object host, bint sick) except? NULL:
        """The call that waits longest, of those that may go to this host. NULL: none may."""
        cdef Queue queue
        cdef spot_t* found = NULL
        for queue in self.queues.values():
            if (found == NULL or queue.first.number < found.number) and queue.subset.offers(host, sick):
                found = queue.first
        return found

    cdef int rewind(self, bint unblocking) except -1:
        """Look at all queues from their beginning, but for those that are blocked, unless that is over."""
        cdef Queue queue
        for queue in self.queues.values():
            if unblocking:
                queue.blocked = False
            queue.cursor = NULL if queue.blocked else queue.first
        return 0

    cdef spot_t* oldest(self) except? NULL:
        """The call that waits longest, of those under the queues' cursors."""
        cdef Queue queue
        cdef spot_t* found = NULL
        for queue in self.queues.values():
            if queue.cursor != NULL and (found == NULL or queue.cursor.number < found.number):
                found = queue.cursor
        return found

    cdef int leave(self, call_t* call) noexcept:
        cdef buf_t frame = self.take(<spot_t*>call.spot)
        self.core.buffers.drop(&frame)
        return 0

    def __dealloc__(self):
        cdef spot_t* spot
        cdef Queue queue
        for queue in self.queues.values():
            while queue.first != NULL:
                spot = queue.first
                queue.first = spot.next
                self.core.buffers.drop(&spot.frame)
                free(spot)


cdef class Shelf:
    """Of one host and pool."""

    def __cinit__(self, Pool pool not None):
        self.pool, self.spare = pool, []

    cdef Upstream lend(self):
        """The connection that was used last: so those that are not needed get idle and go. None: none is free."""
        cdef Upstream found
        if not self.spare:
            return None
        found = self.spare.pop()
        found.shelved = False
        return found

    cdef int put(self, Upstream upstream) except -1:
        """It has no call."""
        if not upstream.shelved and upstream.state == OPEN:
            self.spare.append(upstream)
            upstream.shelved = True
        return 0

    cdef int lose(self, Upstream upstream) except -1:
        """It takes no more calls."""
        self.held -= 1
        if upstream.shelved:
            self.spare.remove(upstream)
            upstream.shelved = False
        return 0
