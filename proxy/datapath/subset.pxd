from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t


cdef struct choice_t:             # which hosts a call may go to, and which of them first
    uint64_t hash                 # 0: they take turns
    void* subset                  # a Subset; NULL: all hosts of the cluster


cdef class Subset:
    cdef readonly tuple match     # proxy.balancing.subsets.Match
    cdef object share             # what it consists of: proxy.balancing.shares.Share; None: of nothing
    cdef list hosts               # in the order in which they take turns
    cdef dict members             # the same, to look them up; the values mean nothing
    cdef uint64_t count           # of hosts
    cdef int64_t sick             # of them; the balancer's to keep
    cdef int64_t panic            # percent of the hosts: with fewer healthy ones, any host is taken
    cdef uint64_t position        # of round robin
    cdef const uint16_t* places   # of hosts by hash, in the share's table; NULL: hashes do not matter
    cdef uint64_t entries         # of the table
    cdef uint64_t prime           # not below `count`
    cdef uint64_t* fallbacks      # counter; NULL: these hosts are those that were asked for
    cdef readonly int64_t calls   # that hold it
    cdef int become(self, share, list hosts, int64_t panic, uint64_t* fallbacks) except -1
    cdef bint picky(self) noexcept
    cdef int64_t offered(self) noexcept
    cdef bint offers(self, object host, bint sick)


cdef inline uint64_t mixed(uint64_t hash) noexcept nogil:
    """All bits depend on all bits (splitmix64's finalizer)."""
    hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9ULL
    hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBULL
    return hash ^ (hash >> 31)


cdef inline uint64_t hash_of(const uint8_t* data, int64_t size) noexcept nogil:
    """FNV-1a, mixed; never 0. It is the same in all workers, and after a restart."""
    cdef uint64_t hash = 0xCBF29CE484222325ULL
    cdef int64_t i
    for i in range(size):
        hash = (hash ^ data[i]) * 0x100000001B3ULL
    return mixed(hash) or 1
