"""In which order a cluster's hosts are asked, for calls and for tunnels alike.

Round robin goes on behind the host that served last; random begins anywhere, and takes a random stride from there. Hosts
that health checks hold for unhealthy are left out, unless too few would be left (`picky`).

What always holds: a tour asks each host once at most, and all of them that may be asked if nobody stops it.
"""

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.host cimport Host


cdef class Balancer(Family):
    cdef bint picky(self) noexcept:
        """Are sick hosts left out? In a panic they are not: where fewer than so many percent are well."""
        cdef int64_t count = len(self.hosts)
        return self.sick > 0 and (count - self.sick) * 100 >= self.panic * count

    cdef int64_t offered(self) noexcept:
        """Hosts that may be asked."""
        return len(self.hosts) - (self.sick if self.picky() else 0)

    cdef int begin(self, tour_t* tour, uint64_t tried) except -1:
        tour.picky = self.picky()
        tour.count = tour.left = len(self.hosts) if self.offered() else 0
        tour.tried = tried
        tour.step = 1
        tour.next = tour.place = 0
        if not tour.count:
            return 0
        tour.next = (self.core.dice() if self.random else self.position) % tour.count
        if self.random:
            tour.step = stride(self.core.dice(), tour.count)
        return 0

    cdef Host next_host(self, tour_t* tour):
        """None: there is no other."""
        cdef Host host
        while tour.left:
            tour.left -= 1
            tour.place = tour.next
            tour.next = (tour.next + tour.step) % tour.count
            host = self.hosts[tour.place]
            if host.sick and tour.picky:
                continue
            if not tour.tried >> (host.index & 63) & 1:
                return host
        return None

    cdef void chose(self, const tour_t* tour) noexcept:
        """The host that was asked last is the one."""
        self.position = tour.place + 1


cdef uint64_t stride(uint64_t random, uint64_t count) noexcept nogil:
    """A random step that visits every one of `count` places."""
    cdef uint64_t step, a, b, rest
    if count < 3:
        return 1
    step = 1 + random % (count - 1)
    while True:
        a, b = step, count
        while b:
            rest = a % b
            a = b
            b = rest
        if a == 1:
            return step
        step = step % (count - 1) + 1
