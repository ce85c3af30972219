from libc.stdint cimport uint64_t

from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, way_t
from proxy.datapath.route cimport route_t


cdef class Table:
    cdef readonly str name
    cdef object decide
    cdef tuple keys
    cdef tuple wanted         # keys by whose values actions and hosts are chosen; no rule looks at them
    cdef bint redirects       # some route does
    cdef list kept            # what its routes borrow
    cdef dict editors         # Editor by protocol, which their edits share
    cdef route_t* routes
    cdef int* hashes          # of all hash policies, one behind the other
    cdef Py_ssize_t size
    cdef uint64_t* nobody     # counters
    cdef uint64_t* hits
    cdef uint64_t* misses
    cdef uint64_t* uncached
    cdef tuple specs
    cdef Counters counters
    cdef const way_t* way(self, route_t* route) except NULL
    cdef int fill(self, route_t* into, route, Core core, dict clusters, dict specs, dict subsets, list wanted) except -1
