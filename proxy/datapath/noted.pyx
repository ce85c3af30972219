"""A client's connection whose requests are noted for its listener's access log.

What a request says of itself is looked up for the log apart from what routes ask for: nothing that is logged may decide
where a call goes, or that it cannot be read.

What always holds: without a log none of this is called; what goes wrong here costs a line, which is counted, and no call.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from proxy.datapath.core cimport SCRATCH_SIZE
from proxy.datapath.counters cimport add, way_t, word_t
from proxy.datapath.messages cimport Messages
from proxy.datapath.notes cimport TEXTS, Notebook, Peer, new_note, new_peer, note_t
from proxy.datapath.port cimport Binding
from xproto.kernel.lookup cimport FIND_OK, slice_t


cdef class Noted(Messages):
    cdef note_t* note(self, const uint8_t* frame, int64_t size, const way_t* way) noexcept:
        """Of a request that was just read. `frame` and `way` may be NULL: it cannot be read, it has no route."""
        cdef Binding binding = self.binding
        cdef word_t[TEXTS] texts
        cdef slice_t[TEXTS] found
        cdef note_t* made = NULL
        cdef int i
        memset(texts, 0, sizeof(texts))
        if frame != NULL and binding.texts is not None and binding.texts.find(
                frame, size, found, self.core.scratch, SCRATCH_SIZE, self.core.head if self.codec.headed else NULL) == FIND_OK:
            for i in range(binding.texts.count):
                texts[binding.first_text + i].data, texts[binding.first_text + i].size = found[i].data, found[i].size
        try:
            if self.client_facts is None:
                self.client_facts = self.facts_of_client()
            made = new_note(self.client_facts, texts)
        except Exception:  # noqa: BLE001, S110 - counted
            pass
        if made == NULL:
            add(self.port.journal.tally.dropped, 1)
            return NULL
        made.notebook, made.count, made.way = <void*>self.port.journal, binding.count, way
        made.start = self.core.now
        return made

    cdef Peer facts_of_client(self):
        """Asked once: it takes a system call."""
        cdef str client = self.peer_name(), peer = self.io.peer()
        return new_peer(client, None if client == peer else peer, self.io.identity)

    cdef int jot(self, const uint8_t* frame, int64_t size, int fault, bint oneway) except -1:
        """A request that became no call."""
        cdef note_t* made = self.note(frame, size, NULL)
        if made != NULL:
            self.port.journal.end(made, fault, oneway)
        return 0
