"""The calls in flight: plain C records, and for each upstream connection the table that finds one by its id.

A record is owned by the table of the upstream connection that it was sent on, from `put_call` to `drop_call`; before
that by whoever dispatches it. All that it points at is borrowed, but for its subset: a caller that goes clears `caller`,
an upstream that goes empties its table.

What always holds: an id in the table is not given out again, so an answer finds its own call or none; the table is at
most half full, so that looking for a fresh id is short; id 0 is never given out (peers use it for "none").
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.subset cimport Subset, choice_t
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport frame_t
from xproto.kernel.http1_body cimport body_t

cdef enum:
    PER_SLAB = 64


cdef class Line:
    cdef int leave(self, call_t* call) noexcept:
        return 0


cdef class Retrier(Line):
    cdef int sent(self, call_t* call, const host_count_t* host) except -1:
        return 0

    cdef bint failed(self, call_t* call, int fault) except -1:
        return False

    cdef bint unwanted(self, call_t* call, const uint8_t* frame, int64_t size, int64_t facts, void* head, int told) except -1:
        return False

    cdef bint undecided(self, call_t* call, const uint8_t* frame, int64_t size, int64_t facts, void* head) except -1:
        return False

    cdef int answers(self, call_t* call) except -1:
        return 0

    cdef int more(self, call_t* call, const uint8_t* data, size_t size) except -1:
        return 0

    cdef int over(self, call_t* call) except -1:
        return 0


cdef class Attendant(Line):
    cdef int chosen(self, call_t* call, object cluster, str host, const uint8_t* frame, size_t size) except -100:
        return AGREED

    cdef int answered(self, call_t* call, const uint8_t** frame, frame_t* at) except -1:
        return AGREED

    cdef int body_comes(self, call_t* call, const body_t* body, const uint8_t* data, int64_t size) except -1:
        return 0

    cdef int body_ends(self) except -1:
        return 0

    cdef bint with_body(self, buf_t* into, const uint8_t* head, size_t size) noexcept:
        return False

    cdef void ended(self, call_t* call) noexcept:
        pass


cdef class Calls:
    """Records for reuse. They are never given back to the system: the most calls that were in flight stay allocated."""

    def __cinit__(self):
        self.slabs = []

    cdef call_t* take(self) noexcept:
        cdef call_t* call
        if self.free == NULL and not self.refill():
            return NULL
        call = self.free
        self.free = call.next
        memset(call, 0, sizeof(call_t))
        self.taken += 1
        return call

    cdef bint refill(self) noexcept:
        cdef call_t* slab
        cdef int index
        try:
            memory = PyBytes_FromStringAndSize(NULL, PER_SLAB * sizeof(call_t))
            self.slabs.append(memory)
        except MemoryError:
            return False
        slab = <call_t*>PyBytes_AS_STRING(memory)
        for index in range(PER_SLAB):
            slab[index].next = self.free
            self.free = &slab[index]
        return True

    cdef bint keep_text(self, call_t* call, bytes text) noexcept:
        """Keep what a local reply repeats for as long as the call lives. False: no memory, and nothing is kept."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
        call.text = <char*>malloc(size + 1)
        if call.text == NULL:
            return False
        call.text[0] = <char>size
        memcpy(call.text + 1, PyBytes_AS_STRING(text), size)
        return True

    cdef void choose(self, call_t* call, const choice_t* choice) noexcept:
        """Which hosts it may go to, said once, before it is dispatched."""
        call.choice = choice[0]
        if choice.subset != NULL:
            Py_INCREF(<object>choice.subset)
            (<Subset>choice.subset).calls += 1

    cdef call_t* succeed(self, call_t* call) noexcept:
        """Another record that is the call from now on, at no upstream and in no line. What the old one had, it has not any more,
        but for its place with its caller and in its upstream's table. NULL: no memory, and nothing has changed.
        """
        cdef call_t* made = self.take()
        if made == NULL:
            return NULL
        made[0] = call[0]
        memset(&made.choice, 0, sizeof(choice_t))
        self.choose(made, &call.choice)
        memset(&made.deadline, 0, sizeof(alarm_t))
        made.upstream, made.line, made.spot, made.id = NULL, NULL, NULL, 0
        call.note, call.text, call.attempt, call.edits, call.said, call.attendant = NULL, NULL, NULL, NULL, NULL, NULL
        if made.attempt != NULL:
            made.attempt.call = made
        return made

    cdef void give(self, call_t* call) noexcept:
        if call.note != NULL:                # a oneway's: nobody waited for it
            end_note(call)
        if call.attempt != NULL:             # likewise
            (<Retrier>call.attempt.retrier).over(call)
        if call.edits != NULL:
            Py_DECREF(<object>call.edits)
            free(call.said)
        if call.attendant != NULL:
            end_attendant(call)
        if call.choice.subset != NULL:
            (<Subset>call.choice.subset).calls -= 1
            Py_DECREF(<object>call.choice.subset)
        free(call.text)
        call.next = self.free
        self.free = call
        self.taken -= 1


cdef uint64_t fresh_id(ids_t* ids) noexcept nogil:
    """The next id that is neither 0 nor waiting for an answer; it is not reserved until `put_call`."""
    cdef uint64_t id
    while True:
        id = ids.next & ids.mask | ids.base
        ids.next = id + 1
        if id != 0 and (ids.slots == NULL or ids.slots[id & (ids.room - 1)] == NULL):
            return id


cdef bint put_call(ids_t* ids, call_t* call) noexcept nogil:
    """Reserve a fresh id for the call. False: no memory."""
    if ids.count * 2 >= ids.room and not grow(ids):
        return False
    call.id = fresh_id(ids)
    ids.slots[call.id & (ids.room - 1)] = call
    ids.count += 1
    return True


cdef bint grow(ids_t* ids) noexcept nogil:
    """Double the table: two ids in different slots stay in different slots."""
    cdef uint64_t room = ids.room * 2 if ids.room else FIRST_ROOM
    cdef call_t** slots = <call_t**>calloc(room, sizeof(call_t*))
    cdef uint64_t index
    if slots == NULL:
        return False
    for index in range(ids.room):
        if ids.slots[index] != NULL:
            slots[ids.slots[index].id & (room - 1)] = ids.slots[index]
    free(ids.slots)
    ids.slots = slots
    ids.room = room
    return True


cdef void free_ids(ids_t* ids) noexcept nogil:
    free(ids.slots)
    ids.slots = NULL
    ids.room = ids.count = 0
