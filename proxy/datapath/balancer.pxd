from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.core cimport Core
from proxy.datapath.host cimport Family, Host


cdef struct tour_t:               # of a cluster's hosts, each once
    uint64_t count
    uint64_t left
    uint64_t step
    uint64_t next                 # place of the host that is asked next
    uint64_t place                # of the one that was asked last
    uint64_t tried                # bits of hosts that are left out
    bint picky                    # and so are those that are sick


cdef class Balancer(Family):
    cdef Core core
    cdef bint random
    cdef uint64_t position
    cdef list hosts
    cdef int64_t panic            # percent of the hosts: with fewer healthy ones, any host is taken
    cdef int64_t offered(self) noexcept
    cdef int begin(self, tour_t* tour, uint64_t tried) except -1
    cdef Host next_host(self, tour_t* tour)
    cdef void chose(self, const tour_t* tour) noexcept
