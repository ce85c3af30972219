from cpython.ref cimport Py_DECREF
from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.counters cimport histogram_t, host_count_t, protocol_count_t
from proxy.datapath.notes cimport Notebook, note_t
from proxy.datapath.subset cimport choice_t
from proxy.datapath.wheel cimport alarm_t
from xproto.kernel.frame cimport frame_t, identity_t
from xproto.kernel.http1_body cimport body_t


cdef struct attempt_t:            # what a call that may be sent again has besides, see retries.pyx
    attempt_t* next               # those that pause between two tries
    attempt_t* prev
    void* retrier                 # held Retrier
    void* codec                   # borrowed: its retrier keeps it
    call_t* call                  # its try of now
    buf_t request                 # as it is to be sent; of size 0: it cannot be sent again
    alarm_t alarm                 # the end of this try, or of the pause before the next
    const host_count_t* host      # of the last try; NULL: there was none
    int64_t patience              # for one try, in microseconds; 0: as for the whole call
    int64_t retries               # how often it was sent again
    bint safe                     # it may be processed twice
    bint refused                  # a host said that it did not take it
    bint avoids                   # the host of the last try is left out
    bint counted                  # among the retries under way
    bint held                     # the head of its answer is here, and waits for what follows it
    bint answered                 # its answer begins to go to its caller
    bint unkept                   # its request is not kept any more
    bint spoilt                   # its answer is one that it would have been sent again for
    bint busy                     # its request is being read
    bint ended                    # meanwhile it was not wanted any more


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
    attempt_t* attempt            # where its route retries; NULL: it does not
    void* edits                   # held RouteEdits; NULL: its route has none
    uint8_t* said                 # of a call with edits: what its answer's want of the request; NULL: nothing
    const host_count_t* reached   # of a call with edits: the host that it was sent to; NULL: none yet
    note_t* note                  # for the access log; NULL: none, or its end is noted
    void* attendant               # owned Attendant; NULL: no filter wants to see more of it
    uint8_t cell                  # of its caller in `shares_t`
    int8_t outcome                # how it ended, see notes.pxd
    bint bodied                   # more of its request is to come from its caller
    bint oneway                   # waits for its connection only, nobody waits for it


cdef class Line:
    """Where calls wait for a connection."""
    cdef int leave(self, call_t* call) noexcept    # nobody waits for its answer any more


cdef class Retrier(Line):
    """What a call that may be sent again tells of itself."""
    cdef int sent(self, call_t* call, const host_count_t* host) except -1       # a try is on its way
    cdef bint failed(self, call_t* call, int fault) except -1                   # True: another try follows
    # Its answer is here, or the head of it. `told`: the status behind that, where nothing else is; -1: none. True: another
    # try follows.
    cdef bint unwanted(self, call_t* call, const uint8_t* frame, int64_t size, int64_t facts, void* head, int told) except -1
    # Does this head, which the answer's end may contradict, have to wait for what follows it?
    cdef bint undecided(self, call_t* call, const uint8_t* frame, int64_t size, int64_t facts, void* head) except -1
    cdef int answers(self, call_t* call) except -1
    cdef int more(self, call_t* call, const uint8_t* data, size_t size) except -1
    cdef int over(self, call_t* call) except -1


cdef enum Consent:                # what filters say to a host, or to an answer
    OTHERWISE = 0                 # another host has to be chosen; the call has been answered in another way
    AGREED = 1
    WAITS = 2                     # they say it later

cdef class Attendant(Line):
    """What goes along with a call from its request to its end, for the filters that it goes through."""
    cdef bint gathers             # its filters want all of a message's body before it goes on
    # May it go to this host of a cluster? `frame`: as it would go there, kept where filters wait. Below 0: minus the fault that
    # it is answered with.
    cdef int chosen(self, call_t* call, object cluster, str host, const uint8_t* frame, size_t size) except -100
    # The answer is here: `frame` and `at` may be replaced. Where it has to wait, the attendant has the call, or, of messages, is
    # asked again when its caller's server has the answer's head again.
    cdef int answered(self, call_t* call, const uint8_t** frame, frame_t* at) except -1
    # Of messages: more of the request's body is here, and will have been passed to its end when this is told; and that end.
    cdef int body_comes(self, call_t* call, const body_t* body, const uint8_t* data, int64_t size) except -1
    cdef int body_ends(self) except -1
    # The head and the body that was gathered, in one piece. False: no memory.
    cdef bint with_body(self, buf_t* into, const uint8_t* head, size_t size) noexcept
    cdef void ended(self, call_t* call) noexcept


cdef class Calls:
    cdef call_t* free
    cdef list slabs
    cdef readonly int64_t taken
    cdef call_t* take(self) noexcept
    cdef bint refill(self) noexcept
    cdef void choose(self, call_t* call, const choice_t* choice) noexcept
    cdef void give(self, call_t* call) noexcept
    cdef call_t* succeed(self, call_t* call) noexcept
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

cdef enum:
    RETRIED = -2                  # how a try ended, beside the outcomes of notes.pxd: another one follows

cdef bint grow(ids_t* ids) noexcept nogil
cdef uint64_t fresh_id(ids_t* ids) noexcept nogil
cdef bint put_call(ids_t* ids, call_t* call) noexcept nogil
cdef void free_ids(ids_t* ids) noexcept nogil


cdef inline void end_note(call_t* call) noexcept:
    """It has ended: from now on the note is not the call's."""
    cdef note_t* note = call.note
    call.note = NULL
    (<Notebook>note.notebook).end(note, call.outcome, call.oneway)


cdef inline int64_t time_left(const call_t* call, int64_t until, int64_t now) noexcept nogil:
    """For this try, of what is left until then: milliseconds, rounded up."""
    cdef int64_t left = until - now
    if call.attempt != NULL and 0 < call.attempt.patience < left:
        left = call.attempt.patience
    return (left + 999) // 1000


cdef inline void end_attendant(call_t* call) noexcept:
    """The call has ended: its filters hear of it, once."""
    cdef Attendant attendant = <Attendant>call.attendant
    call.attendant = NULL
    Py_DECREF(attendant)
    attendant.ended(call)


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
