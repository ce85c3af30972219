"""In which order a cluster's hosts are asked, for calls and for tunnels alike.

Round robin goes on behind the host that served last; random begins anywhere, and takes a random stride from there. A call
with a hash begins at the host that Maglev's table has for it; where that one cannot take it, the hash goes on by a step of
its own, so that a host's calls are divided among all others while it is away, and come back when it does. Hosts that
health checks hold for unhealthy are left out, unless too few would be left (`Subset.picky`).

What always holds: a tour asks each host of its subset once at most, and all of them that may be asked if nobody stops it.
"""

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.host cimport Host
from proxy.datapath.upstream cimport Keeper
from proxy.datapath.subset cimport Subset, choice_t, mixed

from proxy.balancing.subsets import EVERYONE


cdef class Balancer(Family):
    def __cinit__(self, Core core not None, str name):
        self.core, self.name, self.hosts = core, name, []
        self.everyone = Subset(EVERYONE, core.dice())
        self.subsets = {EVERYONE: self.everyone}

    cdef dict plan_subsets(self, dict shares):
        """The subset of each share (`proxy.balancing.shares`): one that is there already, or one that is empty still."""
        return {match: self.subsets.get(match) or Subset(match, self.core.dice()) for match in shares}

    cdef int share_out(self, dict shares, dict subsets, asked, int64_t panic, uint64_t* fallbacks) except -1:
        """Take over what was planned. A subset that no route asks for any more stays as long as a call holds it.

        `fallbacks`: counts calls whose subset has no host of its own.
        """
        cdef Subset subset
        cdef Host host
        by_address = {host.address: host for host in self.hosts}
        self.subsets = {}
        for match, subset in subsets.items():
            if subset is not self.everyone and match not in asked and not subset.calls:
                continue
            share = shares[match]
            self.subsets[match] = subset
            subset.become(share, [by_address[address] for address in share.addresses], panic,
                          fallbacks if share.fell_back else NULL)
            subset.sick = sum([(<Host>host).sick for host in subset.hosts])
        return 0

    cdef int dissolve(self) except -1:
        """There are no hosts any more."""
        cdef Subset subset
        self.hosts = []
        for subset in self.subsets.values():
            subset.become(None, [], 0, NULL)
            subset.sick = 0
        return 0

    cdef int felt(self, Keeper host, int more) except -1:
        """A host is sick now (1), or well again (-1)."""
        cdef Subset subset
        for subset in self.subsets.values():
            if host in subset.members:
                subset.sick += more
        return 0

    cdef Subset subset_of(self, const choice_t* choice):
        return self.everyone if choice == NULL or choice.subset == NULL else <Subset>choice.subset

    cdef int begin(self, tour_t* tour, uint64_t tried, const choice_t* choice) except -1:
        """`choice`: NULL: any host will do."""
        cdef Subset subset = self.subset_of(choice)
        cdef uint64_t hash = 0 if choice == NULL else choice.hash
        tour.subset, tour.picky, tour.tried = <void*>subset, subset.picky(), tried
        tour.count = tour.left = subset.count if subset.offered() else 0
        tour.hashed = hash != 0 and subset.places != NULL
        tour.step = 1
        tour.next = tour.place = 0
        if not tour.count:
            return 0
        if tour.hashed:
            begin_at(tour, subset, hash)
            return 0
        tour.next = (self.core.dice() if self.random else subset.position) % tour.count
        if self.random:
            tour.step = stride(self.core.dice(), tour.count)
        return 0

    cdef Host next_host(self, tour_t* tour):
        """None: there is no other."""
        cdef Subset subset = <Subset>tour.subset
        cdef Host host
        while tour.left:
            tour.left -= 1
            tour.place = tour.next
            tour.next = (tour.next + tour.step) % tour.count
            if tour.place >= subset.count:
                continue
            host = subset.hosts[tour.place]
            if host.sick and tour.picky:
                continue
            if not tour.tried >> (host.index & 63) & 1:
                return host
        return None

    cdef void chose(self, const tour_t* tour) noexcept:
        """The host that was asked last is the one. Where a hash decided it was nobody's turn."""
        if not tour.hashed:
            (<Subset>tour.subset).position = tour.place + 1


cdef void begin_at(tour_t* tour, Subset subset, uint64_t hash) noexcept:
    """The table says who is first; the hash, once more, who of all others is second: the step leads from one to the other.

    Modulo a prime any step visits all places. Those behind the last host are empty.
    """
    cdef uint64_t first = subset.places[hash % subset.entries]
    cdef uint64_t second = (first + 1 + mixed(hash) % (subset.count - 1)) % subset.count if subset.count > 1 else 0
    tour.count = tour.left = subset.prime
    tour.next = first
    tour.step = (second + subset.prime - first) % subset.prime or 1


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
