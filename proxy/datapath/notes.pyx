"""What an access log remembers of a call: plain C records, made when its request is routed, full when it has ended.

A call whose listener has no log has none, and that is all that it costs. A note does not keep what it names: listeners,
routes and hosts are names of the configuration, which counters keep for ever; of the request it has copies, cut; of the
connection it holds one Python object, which all of its notes share.

What always holds: a note belongs to its call, then to its listener's `Notebook`, then to the batch that it is written
with, and whoever has it when it is not needed any more frees it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from proxy.datapath.counters cimport word_t


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
    Py_INCREF(peer)
    made.owner, made.peer = <void*>peer, &peer.facts
    return made


cdef void free_note(note_t* note) noexcept:
    Py_DECREF(<object>note.owner)
    free(note)


cdef inline word_t lent(bytes text) noexcept:
    cdef word_t word
    word.data, word.size = NULL, 0
    if text is not None:
        word.data, word.size = <const uint8_t*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
    return word


cdef Peer new_peer(str client, str via, object identity):
    """`identity`: a `proxy.tls.peer.Identity`, or None without TLS."""
    cdef Peer made = Peer.__new__(Peer)
    told = [client, via, None, None, None, None, None]
    if identity is not None:
        told[2:] = [identity.version, identity.cipher, identity.server_name, identity.principal, identity.fingerprint or None]
    made.texts = tuple([None if each is None else each.encode("utf-8", "backslashreplace")[:NAME_MAX] for each in told])
    made.facts.client, made.facts.via = lent(made.texts[0]), lent(made.texts[1])
    made.facts.version, made.facts.cipher = lent(made.texts[2]), lent(made.texts[3])
    made.facts.sni, made.facts.san = lent(made.texts[4]), lent(made.texts[5])
    made.facts.fingerprint = lent(made.texts[6])
    return made
