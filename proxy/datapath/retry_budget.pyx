"""How many retries a cluster bears: of what it has to do anyway, a share, so that they never become the load that kills it.

As Envoy's: at most so many percent of the calls that are under way may be retries, and so many in any case. Each worker
counts its own. Here too is the list of the calls that pause between two tries.

What always holds: `flying` is the number of attempts that are `counted`; one that pauses is in the list, and in no
connection's table nor in a line.
"""

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.calls cimport Line, attempt_t, call_t
from proxy.datapath.counters cimport NO_HOST, Counters
from proxy.datapath.host cimport Host
from proxy.datapath.singles cimport Singles


cdef class Budget:
    def __cinit__(self, Singles cluster not None):
        self.cluster = cluster

    cdef int become(self, spec, Counters counters, uint64_t* pending) except -1:
        self.count = counters.for_retries(self.cluster.name)
        self.pending = pending
        self.percent, self.least = spec.percent, spec.min_concurrent
        return 0

    cdef bint allows(self) noexcept:
        """One more? Asked only when a call has failed, so the hosts are counted then."""
        cdef Host host
        cdef uint64_t active = self.pending[0] + <uint64_t>self.pausing + 1     # the one that asks
        if self.flying < self.least:
            return True
        for host in self.cluster.hosts:
            active += host.count.in_flight[0]
        return self.flying * 100 < self.percent * <int64_t>active

    cdef uint64_t other_hosts(self, const attempt_t* attempt) noexcept:
        """The bit of the host of the last try, so that it is left out; 0: there is no other, or it is gone."""
        cdef Host host
        cdef uint64_t bit = 0
        for host in self.cluster.hosts:
            if host.count == attempt.host:
                bit = <uint64_t>1 << (host.index & 63)
        for host in self.cluster.hosts:
            if bit and not bit >> (host.index & 63) & 1:
                return bit
        return 0

    cdef void enter(self, attempt_t* attempt) noexcept:
        attempt.prev, attempt.next = NULL, self.first
        if self.first != NULL:
            self.first.prev = attempt
        self.first = attempt
        self.pausing += 1

    cdef void leave(self, attempt_t* attempt) noexcept:
        if attempt.prev != NULL:
            attempt.prev.next = attempt.next
        else:
            self.first = attempt.next
        if attempt.next != NULL:
            attempt.next.prev = attempt.prev
        attempt.prev = attempt.next = NULL
        self.pausing -= 1

    cdef int close(self) except -1:
        """No retry follows any more: the calls that pause are answered."""
        cdef call_t* call
        self.closed = True
        while self.first != NULL:
            call = self.first.call
            (<Line>call.line).leave(call)
            self.cluster.give_up(call, NO_HOST)
        return 0
