from libc.stdint cimport uint64_t

from proxy.datapath.cluster cimport Cluster
from proxy.datapath.counters cimport Counters
from proxy.datapath.retries cimport Retry
from proxy.datapath.route cimport route_t
from proxy.datapath.subset cimport Subset
from xproto.kernel.lookup cimport slice_t


cdef class Target:
    """A route to one cluster of several."""
    cdef route_t route
    cdef Cluster cluster
    cdef Subset subset        # None: its calls go to any host
    cdef Retry retry          # None: its calls are not sent again


cdef class Action:
    """What becomes of a route's calls, where that is more than to go to its cluster."""
    cdef int wants            # the key whose value it chooses by, as an index of the table's wanted keys; -1: none
    cdef readonly object direct   # xproto.spec.Direct: what calls are answered with here; None: they go to a cluster
    cdef readonly object redirect # proxy.snapshot.Redirect: and where to; None: nowhere
    cdef route_t* choose(self, uint64_t dice, const slice_t* value) except? NULL
    cdef bytes location(self, bytes scheme, bytes authority, bytes host, bytes path, bytes query)


cdef Action new_action(route, const route_t* like, list wanted, str table, dict clusters, dict subsets, dict specs,
                       Counters counters)
