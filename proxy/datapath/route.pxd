# What the data path knows of a route.
from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.counters cimport way_t


cdef struct route_t:
    void* cluster             # borrowed from whoever made this; NULL: its action says which
    void* action              # a borrowed Action (actions.pxd); NULL: its calls go to its cluster
    void* retry               # a borrowed Retry (retries.pxd); NULL: its calls are not sent again
    void* subset              # borrowed Subset (subset.pxd): the hosts that calls may go to; NULL: all of its cluster
    const int* hashes         # of its hash policy: which of the table's wanted keys
    int hash_count
    void* edits               # borrowed RouteEdits (edits.pxd); NULL: none
    void* mirrors             # borrowed Mirrors (mirror.pxd); NULL: there are none
    int64_t timeout           # microseconds; 0: none
    uint64_t* count
    const way_t* way          # for the access log; NULL: not asked for yet
    bint oneway               # its calls are oneways, whatever their frames say
