from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.core cimport Core
from proxy.datapath.host cimport Family, Host
from proxy.datapath.subset cimport Subset, choice_t


cdef struct tour_t:               # of a subset's hosts, each once
    void* subset                  # borrowed Subset
    uint64_t count                # places; where a hash decides some may be behind the last host
    uint64_t left
    uint64_t step
    uint64_t next                 # place of the host that is asked next
    uint64_t place                # of the one that was asked last
    uint64_t tried                # bits of hosts that are left out
    bint picky                    # and so are those that are sick
    bint hashed


cdef class Balancer(Family):
    cdef Core core
    cdef bint random
    cdef list hosts               # all, as configured
    cdef Subset everyone          # of all of them
    cdef dict subsets             # Subset by Match, `everyone` among them
    cdef dict plan_subsets(self, dict shares)
    cdef int share_out(self, dict shares, dict subsets, asked, int64_t panic, uint64_t* fallbacks) except -1
    cdef int dissolve(self) except -1
    cdef Subset subset_of(self, const choice_t* choice)
    cdef int begin(self, tour_t* tour, uint64_t tried, const choice_t* choice) except -1
    cdef Host next_host(self, tour_t* tour)
    cdef void chose(self, const tour_t* tour) noexcept
