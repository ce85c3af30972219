"""Calls whose filters took their time to say what they think of a host.

While they waited they held no connection: one that is kept for a filter would keep others waiting. So the host is asked for one
again. It may have gone meanwhile, be found sick, or have no room; then the call goes on like any other, and its filters are
asked of the next host.

What always holds: as of `Cluster.dispatch`, the call is in a connection's table, in a line, or answered.
"""

from libc.stdint cimport uint8_t, uint64_t

from proxy.datapath.calls cimport AGREED, call_t
from proxy.datapath.carrier cimport BULK, BULKY, SHARED
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.host cimport Host, Verdict, wish_t
from proxy.datapath.subset cimport Subset
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport frame_t


cdef Host host_of(Cluster cluster, str address):
    """None: the cluster does not have it any more."""
    cdef Host host
    for host in cluster.hosts:
        if host.address == address:
            return host
    return None


cdef int dispatch_to(Cluster cluster, str address, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
    """Send it on to the host that they agreed to."""
    cdef Host host = host_of(cluster, address)
    cdef Subset subset = cluster.subset_of(&call.choice)
    cdef Upstream upstream
    cdef Verdict verdict
    cdef wish_t wish
    if host is None or host not in subset.members or host.sick and subset.picky():
        return cluster.dispatch(codec, call, frame, at)
    if cluster.divides(codec):
        upstream = host.take(cluster.pool_of(codec, call.variant), &verdict)
        return cluster.dispatch(codec, call, frame, at) if upstream is None else cluster.entrust(upstream, call, frame, at)
    wish.variant, wish.tried, wish.desperate, wish.cell, wish.choice = call.variant, call.tried, False, call.cell, &call.choice
    wish.lane = BULK if at.size > BULKY else SHARED
    upstream = host.pick(codec, &wish, &verdict)
    if upstream is not None and cluster.accepted(call, upstream, frame, at.size) == AGREED and upstream.carry(call, frame, at):
        return 0
    return cluster.dispatch(codec, call, frame, at)


cdef int dispatch_past(Cluster cluster, str address, Codec codec, call_t* call, const uint8_t* frame, const frame_t* at) except -1:
    """Send it on to another host."""
    cdef Host host = host_of(cluster, address)
    if host is not None:
        call.tried |= <uint64_t>1 << (host.index & 63)
    return cluster.dispatch(codec, call, frame, at)
