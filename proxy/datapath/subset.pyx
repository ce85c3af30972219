"""Hosts of a cluster that take turns: all of them, or those that a route's metadata asks for.

Each subset has a place of its own in its round, and a Maglev table of its own, so none skips hosts that are not its own:
that would give the host behind a gap a double share. A subset stays as long as a route asks for it or a call holds it,
and always consists of the hosts that its cluster has now.

What always holds: `members` are the hosts in `hosts`; `sick` counts those that are; a table's places are below `count`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint16_t, uint64_t


cdef class Subset:
    def __cinit__(self, tuple match not None, uint64_t position):
        self.match, self.position = match, position
        self.hosts, self.members = [], {}

    cdef int become(self, share, list hosts, int64_t panic, uint64_t* fallbacks) except -1:
        """`hosts`: the share's. How many are sick is for the balancer to say."""
        cdef bytes table = None if share is None else share.table
        self.share, self.hosts, self.count = share, hosts, len(hosts)
        self.members = dict.fromkeys(hosts)
        self.panic, self.fallbacks = panic, fallbacks
        self.places, self.entries, self.prime = NULL, 0, 0
        if table is not None:
            self.places = <const uint16_t*>PyBytes_AS_STRING(table)
            self.entries, self.prime = PyBytes_GET_SIZE(table) // <Py_ssize_t>sizeof(uint16_t), share.prime
        return 0

    cdef bint picky(self) noexcept:
        """Are sick hosts left out? In a panic they are not: where fewer than so many percent are well."""
        cdef int64_t count = self.count
        return self.sick > 0 and (count - self.sick) * 100 >= self.panic * count

    cdef int64_t offered(self) noexcept:
        """Hosts that may be asked."""
        return <int64_t>self.count - (self.sick if self.picky() else 0)

    cdef bint offers(self, object host, bint sick):
        """May a call go to that host now?"""
        return host in self.members and not (sick and self.picky())
