from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.messages cimport Messages
from proxy.datapath.notes cimport Peer, note_t
from proxy.datapath.route cimport route_t
from proxy.datapath.table cimport Table


cdef class Noted(Messages):
    cdef Peer client_facts        # None: nothing was noted yet
    cdef note_t* note(self, const uint8_t* frame, int64_t size, Table table, route_t* route) noexcept
    cdef Peer facts_of_client(self)
    cdef int jot(self, const uint8_t* frame, int64_t size, int fault, bint oneway) except -1
