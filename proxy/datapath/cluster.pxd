from libc.stdint cimport int64_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.counters cimport Counters, histogram_t
from proxy.datapath.health cimport Monitors
from proxy.datapath.host cimport Host, wish_t
from proxy.datapath.retry_budget cimport Budget
from proxy.datapath.singles cimport Singles
from proxy.datapath.subset cimport choice_t
from proxy.datapath.upstream cimport Upstream
from xproto.kernel.codec cimport Codec


cdef int64_t microseconds(object seconds) except? -1


cdef class Cluster(Singles):
    cdef histogram_t* duration
    cdef readonly Budget budget   # of retries
    cdef Monitors monitors    # of its hosts' health
    cdef Caller mirror        # who waits for answers to copies of calls (mirror.pxd); None: there were none
    cdef list plan(self, spec, contexts, Counters counters)
    cdef dict plan_shares(self, spec, asked)
    cdef int become(self, spec, list hosts, dict shares, dict subsets, asked, Counters counters) except -1
    cdef int leave(self) except -1
    cdef int limit(self, spec) except -1
    cdef dict waiting         # Relays that wait for a connection of their own; the values mean nothing
    cdef bint divides(self, Codec codec) noexcept
    cdef Upstream lend(self, Codec codec, int64_t variant, const choice_t* choice, bint* connecting)
    cdef bint opens(self, Host host, Codec codec, int64_t variant) except -1
    cdef Upstream choose(self, Codec codec, wish_t* wish, int* fault)
    cdef Upstream walk(self, Codec codec, const wish_t* wish, int* seen)
    cdef int close(self) except -1
