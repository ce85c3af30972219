from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t

from proxy.datapath.counters cimport host_count_t, protocol_count_t, way_t, word_t


cdef enum:
    ANSWERED = -1             # how a call ended, beside the faults, which are above zero
    UNANSWERED = 0            # its client went; of a oneway: it was sent


cdef enum:                    # the texts of a note: what a request says of itself
    SERVICE = 0
    METHOD = 1
    PATH = 2
    AUTHORITY = 3
    TEXTS = 4

cdef enum:
    TEXT_MAX = 256            # bytes of each: names of services are shorter, and a path need not be kept whole
    NAME_MAX = 2048           # bytes of each of a connection: a SPIFFE ID may have so many
    ABSENT = 0xFFFF           # in place of a size


cdef struct peer_t:           # who a connection's client is; `data` is NULL where there is none
    int holders               # its Peer and notes; the thread that writes lets go of it too
    word_t client
    word_t via                # who said so, if the client did not connect itself
    word_t version            # of TLS
    word_t cipher
    word_t sni
    word_t san
    word_t fingerprint


cdef class Peer:
    """What a connection has of the facts that its notes share."""
    cdef peer_t* facts


cdef struct note_t:           # of one call; its texts lie behind it
    note_t* next
    void* notebook            # borrowed: notebooks are never given up
    peer_t* peer              # held
    const protocol_count_t* count
    const way_t* way          # NULL: no route
    const host_count_t* host  # NULL: it reached none
    int64_t start             # microseconds
    int64_t took
    uint16_t sizes[TEXTS]
    int8_t outcome
    uint8_t status            # one more than what an answer of gRPC said; 0: nothing
    bint oneway


cdef class Notebook:
    """Where notes go when their calls have ended."""
    cdef void end(self, note_t* note, int outcome, bint oneway) noexcept


cdef note_t* new_note(Peer peer, const word_t* texts) noexcept
cdef void free_note(note_t* note) noexcept nogil
cdef Peer new_peer(str client, str via, object identity)
