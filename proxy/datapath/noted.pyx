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
from proxy.datapath.route cimport route_t
from proxy.datapath.table cimport Table
from xproto.kernel.lookup cimport FIND_OK, slice_t

UNKNOWN = ("gone", "closed")
"""What a connection says in place of its peer's address when that could not be asked for."""


cdef class Noted(Messages):
    cdef note_t* note(self, const uint8_t* frame, int64_t size, Table table, route_t* route) noexcept:
        """Of a request that was just read. `frame` and `route` may be NULL: it cannot be read, it has none."""
        cdef Binding binding = self.binding
        cdef word_t[TEXTS] texts
        cdef slice_t[TEXTS] found
        cdef const way_t* way = NULL
        cdef Peer client
        cdef note_t* made = NULL
        cdef int i
        memset(texts, 0, sizeof(texts))
        if frame != NULL and binding.texts is not None and binding.texts.find(
                frame, size, found, self.core.scratch, SCRATCH_SIZE, self.core.head if self.codec.headed else NULL) == FIND_OK:
            for i in range(binding.texts.count):
                texts[binding.first_text + i].data, texts[binding.first_text + i].size = found[i].data, found[i].size
        try:
            if route != NULL:
                way = table.way(route)
            client = self.client_facts
            if client is None:
                client = self.facts_of_client()
            made = new_note(client, texts)
        except Exception:  # noqa: BLE001, S110 - counted
            pass
        if made == NULL:
            if self.port.journal.tally != NULL:
                add(self.port.journal.tally.dropped, 1)
            return NULL
        made.notebook, made.count, made.way = <void*>self.port.journal, binding.count, way
        made.start = self.core.now
        self.port.journal.open += 1
        return made

    cdef Peer facts_of_client(self):
        """Kept once they are known: asking takes a system call."""
        cdef str client = self.peer_name(), peer = self.io.peer()
        cdef Peer made = new_peer(client, None if client == peer else peer, self.io.identity)
        if peer not in UNKNOWN:
            self.client_facts = made
        return made

    cdef int jot(self, const uint8_t* frame, int64_t size, int fault, bint oneway) except -1:
        """A request that became no call."""
        cdef note_t* made = self.note(frame, size, None, NULL)
        if made != NULL:
            self.port.journal.end(made, fault, oneway)
        return 0
