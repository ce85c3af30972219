"""What an access log remembers of a call: plain C records, made when its request is routed, full when it has ended.

A call whose listener has no log has none, and that is all that it costs. A note does not keep what it names: listeners,
routes and hosts are names of the configuration, which counters keep for ever; of the request it has copies, cut; of the
connection it holds what all of its notes share.

What always holds: a note belongs to its call, then to its listener's `Notebook`, then to the batch that it is written
with, and whoever has it when it is not needed any more frees it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from proxy.datapath.counters cimport word_t

cdef extern from *:
    """
    #define xp_hold(holders) ((void)__atomic_add_fetch((holders), 1, __ATOMIC_RELAXED))
    #define xp_release(holders) __atomic_sub_fetch((holders), 1, __ATOMIC_ACQ_REL)
    """
    void hold "xp_hold" (int* holders) noexcept nogil
    int release "xp_release" (int* holders) noexcept nogil


cdef class Notebook:
    cdef void end(self, note_t* note, int outcome, bint oneway) noexcept:
        free_note(note)


cdef inline size_t cut(const word_t* text) noexcept:
    """How much of it is kept; no character of UTF-8 is cut in two."""
    cdef size_t size = min(text.size, <size_t>TEXT_MAX)
    cdef size_t whole = size
    while whole < text.size and whole + 4 > size and whole and text.data[whole] & 0xC0 == 0x80:
        whole -= 1
    return whole


cdef note_t* new_note(Peer peer, const word_t* texts) noexcept:
    """`texts`: TEXTS of them. NULL: no memory."""
    cdef size_t room = sizeof(note_t)
    cdef note_t* made
    cdef uint8_t* into
    cdef int i
    for i in range(TEXTS):
        room += cut(&texts[i])
    made = <note_t*>calloc(1, room)
    if made == NULL:
        return NULL
    into = <uint8_t*>(made + 1)
    for i in range(TEXTS):
        made.sizes[i] = ABSENT if texts[i].data == NULL else cut(&texts[i])
        if texts[i].data != NULL:
            memcpy(into, texts[i].data, made.sizes[i])
            into += made.sizes[i]
    hold(&peer.facts.holders)
    made.peer = peer.facts
    return made


cdef inline void let_go(peer_t* peer) noexcept nogil:
    if release(&peer.holders) == 0:
        free(peer)


cdef void free_note(note_t* note) noexcept nogil:
    let_go(note.peer)
    free(note)


cdef class Peer:
    def __dealloc__(self):
        if self.facts != NULL:
            let_go(self.facts)


cdef Peer new_peer(str client, str via, object identity):
    """`identity`: a `proxy.tls.peer.Identity`, or None without TLS."""
    cdef Peer made = Peer.__new__(Peer)
    cdef word_t* words[7]
    cdef size_t room = sizeof(peer_t)
    cdef uint8_t* into
    cdef bytes text
    told = [client, via, None, None, None, None, None]
    if identity is not None:
        told[2:] = [identity.version, identity.cipher, identity.server_name, identity.principal, identity.fingerprint or None]
    told = [None if each is None else each.encode("utf-8", "backslashreplace")[:NAME_MAX] for each in told]
    made.facts = <peer_t*>calloc(1, room + sum([len(each) for each in told if each is not None]))
    if made.facts == NULL:
        raise MemoryError
    made.facts.holders = 1
    words[0], words[1], words[2], words[3] = &made.facts.client, &made.facts.via, &made.facts.version, &made.facts.cipher
    words[4], words[5], words[6] = &made.facts.sni, &made.facts.san, &made.facts.fingerprint
    into = <uint8_t*>(made.facts + 1)
    for index, text in enumerate(told):
        if text is not None:
            memcpy(into, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            words[<int>index].data, words[<int>index].size = into, PyBytes_GET_SIZE(text)
            into += PyBytes_GET_SIZE(text)
    return made
