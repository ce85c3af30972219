"""The calls on one upstream connection: taken over with a fresh id, found again by it, moved or failed at the end.

Frames are copied once, into the out buffer, and get their id there. While the connection is not made yet the out
buffer is the queue: if connecting fails, the whole frames in it are walked again and each call moves to another host,
which is safe because nothing was sent.

What always holds: a call is in `ids` from `carry` until its answer or the end of the connection; `live` counts those in
it that somebody waits for; when the connection ends, each of these is answered, or moved if it was never sent. A oneway
is in `ids` only while CONNECTING.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from proxy.datapath.caller cimport Caller
from proxy.datapath.calls cimport call_t, drop_call, find_call, free_ids, fresh_id, ids_t, put_call
from proxy.datapath.conn cimport CONNECTING, DRAINING, TAKES, Conn, may
from proxy.datapath.counters cimport add, take
from xproto.kernel.codec cimport FROM_DOWNSTREAM, SCAN_OK, Codec, frame_t


cdef class Carrier(Conn):
    cdef bint usable(self) noexcept:
        return may(self, TAKES) and self.ids.count < self.most and self.out.size <= self.limits.out_limit

    cdef bint clogged(self) noexcept:
        """Full of calls that nobody waits for any more: only a new connection helps."""
        return self.live == 0 and self.ids.count >= self.most

    cdef bint carry(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Take the call over, and its frame. False: no memory, and the call is still the dispatcher's."""
        cdef uint8_t* into = self.room(at.size)
        cdef uint64_t id
        cdef bint recorded = not call.oneway or self.state == CONNECTING
        if into == NULL or (recorded and not put_call(&self.ids, call)):
            return False
        id = call.id if recorded else fresh_id(&self.ids)
        memcpy(into, frame, at.size)
        self.codec.set_id(FROM_DOWNSTREAM, into, at, id)
        self.out.size += at.size
        add(self.count.calls, 1)
        self.used = self.core.now
        if recorded:
            call.upstream = <void*>self
            add(self.count.in_flight, 1)
            self.live += not call.oneway
        else:
            self.core.calls.give(call)
        if self.state != CONNECTING:
            self.touch()
        return True

    cdef int answer(self, const uint8_t* frame, const frame_t* at) except -1:
        cdef call_t* call = find_call(&self.ids, at.id)
        cdef Caller caller
        if call == NULL:
            add(self.count.unknown, 1)
            return 0
        drop_call(&self.ids, call)
        take(self.count.in_flight, 1)
        if call.caller == NULL:
            add(self.count.late, 1)
        else:
            add(self.count.replies, 1)
            caller = <Caller>call.caller
            caller.answer(call, frame, at)
        self.core.calls.give(call)
        return 0

    cdef int move_calls(self, const uint8_t* data, size_t size) except -1:
        """The queue holds whole frames with our ids: walk it, and dispatch each call again."""
        cdef frame_t at
        cdef call_t* call
        cdef size_t used = 0
        while used < size:
            if self.codec.scan(FROM_DOWNSTREAM, data + used, size - used, &at) != SCAN_OK or at.size <= 0:
                break
            call = find_call(&self.ids, at.id)
            if call != NULL:
                drop_call(&self.ids, call)
                take(self.count.in_flight, 1)
                call.upstream = NULL
                if call.caller == NULL and not call.oneway:
                    self.core.calls.give(call)
                else:
                    self.again(call, data + used, &at)
            used += at.size
        return 0

    cdef int again(self, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
        """Send the call by another connection; whoever chooses connections knows which."""
        return 0

    cdef int unwaited(self) except -1:
        self.live -= 1
        if self.live == 0 and self.state == DRAINING:
            self.touch()
        return 0

    cdef int fail_calls(self, int fault) except -1:
        """Answer everybody who still waits, and forget all ids. The table is taken away first: nothing can change it."""
        cdef ids_t ids = self.ids
        cdef call_t* call
        cdef Caller caller
        cdef uint64_t index
        self.ids.slots = NULL
        self.ids.room = self.ids.count = 0
        self.live = 0
        for index in range(ids.room):
            call = ids.slots[index]
            if call == NULL:
                continue
            call.upstream = NULL
            take(self.count.in_flight, 1)
            if call.oneway:
                add(call.count.dropped, 1)
            elif call.caller != NULL:
                caller = <Caller>call.caller
                try:
                    caller.refuse(call, fault)
                except Exception as error:  # noqa: BLE001 - the others must hear too
                    caller.crash(error)
            self.core.calls.give(call)
        free_ids(&ids)
        return 0

    cdef int forget_oneways(self) except -1:
        """They are on their way now, and nobody waits for them."""
        cdef uint64_t index
        cdef call_t* call
        for index in range(self.ids.room):
            call = self.ids.slots[index]
            if call != NULL and call.oneway:
                drop_call(&self.ids, call)
                take(self.count.in_flight, 1)
                self.core.calls.give(call)
        return 0

    def __dealloc__(self):
        free_ids(&self.ids)
