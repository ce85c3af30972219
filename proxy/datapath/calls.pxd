from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t

from proxy.datapath.counters cimport histogram_t, protocol_count_t
from proxy.datapath.notes cimport Notebook, note_t
from proxy.datapath.subset cimport choice_t
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport identity_t


cdef struct call_t:
    call_t* next                  # the caller's list; or the free list
    call_t* prev
    void* caller                  # borrowed Caller; NULL: nobody waits any more
    void* upstream                # borrowed Upstream; NULL: not on its way
    histogram_t* duration         # of the cluster
    protocol_count_t* count       # of the listener and protocol that it came by
    alarm_t deadline
    uint64_t id                   # on the upstream connection
    identity_t origin             # the caller's id, as it came
    char* text                    # what a local reply repeats, its size in front; NULL: nothing
    int64_t variant
    int64_t echo
    int64_t start                 # microseconds
    int64_t until                 # its deadline; 0: none
    int64_t total                 # of messages, whose deadline counts from the last byte: its caller's own, which does not; 0: none
    choice_t choice               # of its cluster's hosts; its subset is held
    uint64_t tried                # bits of the hosts that refused the connection
    uint64_t place                # of its answer among those of its caller, where they keep the order of the requests
    void* line                    # borrowed Line that it waits in; NULL: none
    void* spot                    # where in it
    note_t* note                  # for the access log; NULL: none, or its end is noted
    uint8_t cell                  # of its caller in `shares_t`
    int8_t outcome                # how it ended, see notes.pxd
    bint bodied                   # more of its request is to come from its caller
    bint oneway                   # waits for its connection only, nobody waits for it


cdef class Line:
    """Where calls wait for a connection."""
    cdef int leave(self, call_t* call) noexcept    # nobody waits for its answer any more


cdef class Calls:
    cdef call_t* free
    cdef list slabs
    cdef readonly int64_t taken
    cdef call_t* take(self) noexcept
    cdef bint refill(self) noexcept
    cdef void choose(self, call_t* call, const choice_t* choice) noexcept
    cdef void give(self, call_t* call) noexcept
    cdef bint keep_text(self, call_t* call, bytes text) noexcept


cdef struct ids_t:
    call_t** slots                # a power of two of them, indexed by id & (room - 1); NULL: none yet
    uint64_t room
    uint64_t count
    uint64_t mask                 # 2**id_bits - 1
    uint64_t base                 # a bit that all fresh ids have, above the mask
    uint64_t next


cdef enum:
    CELLS = 256


cdef struct shares_t:             # how the calls of one upstream connection are divided among their callers
    uint32_t calls[CELLS]         # by the caller's cell: two callers that share one are taken for one
    uint64_t callers              # cells with calls


cdef enum:
    FIRST_ROOM = 64

cdef bint grow(ids_t* ids) noexcept nogil
cdef uint64_t fresh_id(ids_t* ids) noexcept nogil
cdef bint put_call(ids_t* ids, call_t* call) noexcept nogil
cdef void free_ids(ids_t* ids) noexcept nogil


cdef inline void end_note(call_t* call) noexcept:
    """It has ended: from now on the note is not the call's."""
    cdef note_t* note = call.note
    call.note = NULL
    (<Notebook>note.notebook).end(note, call.outcome, call.oneway)


cdef inline bytes kept_text(const call_t* call):
    return call.text[1:1 + <unsigned char>call.text[0]] if call.text != NULL else b""


cdef inline bint greedy(const shares_t* shares, uint8_t cell, uint64_t most) noexcept nogil:
    """Has this caller more than an equal part of `most` calls already?"""
    return shares.calls[cell] * (shares.callers + (shares.calls[cell] == 0)) > most


cdef inline void take_share(shares_t* shares, uint8_t cell) noexcept nogil:
    shares.callers += shares.calls[cell] == 0
    shares.calls[cell] += 1


cdef inline void give_share(shares_t* shares, uint8_t cell) noexcept nogil:
    shares.calls[cell] -= 1
    shares.callers -= shares.calls[cell] == 0


cdef inline call_t* find_call(ids_t* ids, uint64_t id) noexcept nogil:
    cdef call_t* call
    if ids.slots == NULL:
        return NULL
    call = ids.slots[id & (ids.room - 1)]
    return call if call != NULL and call.id == id else NULL


cdef inline call_t* only_call(ids_t* ids) noexcept nogil:
    """The call of a connection that has one at a time."""
    cdef uint64_t index
    for index in range(ids.room if ids.count == 1 else 0):
        if ids.slots[index] != NULL:
            return ids.slots[index]
    return NULL


cdef inline void drop_call(ids_t* ids, call_t* call) noexcept nogil:
    ids.slots[call.id & (ids.room - 1)] = NULL
    ids.count -= 1
