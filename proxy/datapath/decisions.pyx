"""From a frame to its route: the asked-for keys, then a cache in front of the route table.

The cache's key is the values joined with their lengths, so no two different tuples are the same key. It has two
generations: what is used moves to the young one, and when that is full the old one goes. So it is bounded, and a peer
that sends different values all the time costs what a miss costs, never a growing table; Python's bytes are hashed with
a secret seed. In front of it stands the last key: most reads are runs of one method.

What hash policies ask for is looked up with the rest, and is no part of the cache's key: it decides no route.

What always holds: a cached answer is what the table decided for these very values; a table is immutable.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from proxy.datapath.cluster cimport Cluster, microseconds
from proxy.datapath.core cimport SCRATCH_SIZE, Core
from proxy.datapath.counters cimport Counters, way_t
from proxy.datapath.subset cimport Subset, hash_of
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport SCAN_OK

from proxy.balancing.hashing import SOURCE, wanted
from proxy.balancing.subsets import match_of
from proxy.tls.settings import ROUTING_KEYS, SAN, SNI

SAID = (*ROUTING_KEYS, SOURCE)
"""Keys that the connection says, and no frame."""

cdef enum:
    ABSENT = 0xFFFFFFFF       # in place of a length
    EVER = 8_766_000          # hours: 1,000 years


cdef inline void lend(slice_t* into, bytes text) noexcept:
    into.data, into.size = NULL, 0
    if text is not None:
        into.data, into.size = <const uint8_t*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)


cdef int64_t spelled_timeout(const slice_t* text) noexcept nogil:
    """Up to eight digits and a unit, as gRPC's, in milliseconds, at least one; 0: there is none; -1: this is no timeout.

    Milliseconds are as fine as timers are; what is over 1,000 years is never.
    """
    cdef int64_t number = 0, scale, index
    if text.data == NULL:
        return 0
    if not 2 <= text.size <= 9:
        return -1
    for index in range(text.size - 1):
        if not c'0' <= text.data[index] <= c'9':
            return -1
        number = number * 10 + (text.data[index] - c'0')
    if text.data[text.size - 1] == c'n':
        scale = 1
    elif text.data[text.size - 1] == c'u':
        scale = 1000
    elif text.data[text.size - 1] == c'm':
        scale = 1000 * 1000
    elif text.data[text.size - 1] == c'S':
        scale = 1000 * 1000 * 1000
    elif text.data[text.size - 1] == c'M':
        return max(<int64_t>1, number * 60_000)
    elif text.data[text.size - 1] == c'H':
        return 0 if number > EVER else max(<int64_t>1, number * 3_600_000)
    else:
        return -1
    return max(<int64_t>1, (number * scale + 999_999) // 1_000_000)


cdef class Table:
    """A route table, bound to clusters and counters."""

    def __cinit__(self, str name, decider, routes, dict clusters, dict subsets, dict specs, Counters counters not None):
        self.name, self.decide, self.keys = name, decider.decide, tuple(decider.keys)
        self.clusters = [clusters[route.cluster] for route in routes]
        self.size = len(self.clusters)
        self.routes = <route_t*>calloc(self.size + 1, sizeof(route_t))
        if self.routes == NULL:
            raise MemoryError
        self.specs, self.counters = tuple(routes), counters
        self.nobody = counters.for_route(name, "none")
        for index, route in enumerate(routes):
            timeout = specs[route.cluster].timeout if route.timeout is None else route.timeout
            self.routes[<int>index].cluster = <void*><Cluster>self.clusters[index]
            self.routes[<int>index].timeout = microseconds(timeout)
            self.routes[<int>index].oneway = route.oneway
            self.routes[<int>index].count = counters.for_route(name, route.name)
        self.balance(routes, subsets)

    cdef int balance(self, routes, dict subsets) except -1:
        """Which hosts the routes' calls may go to, and by what they are chosen. `subsets`: by cluster and Match."""
        cdef Subset subset
        cdef int used = 0
        self.wanted, self.subsets = wanted(routes), []
        self.hashes = <int*>calloc(sum([len(route.hash_policy) for route in routes]) + 1, sizeof(int))
        if self.hashes == NULL:
            raise MemoryError
        for index, route in enumerate(routes):
            if route.metadata_match:
                subset = subsets[route.cluster][match_of(route.metadata_match)]
                self.subsets.append(subset)
                self.routes[<int>index].subset = <void*>subset
            self.routes[<int>index].hashes, self.routes[<int>index].hash_count = &self.hashes[used], len(route.hash_policy)
            for key in route.hash_policy:
                self.hashes[used] = self.wanted.index(key)
                used += 1
        return 0

    cdef const way_t* way(self, route_t* route) except NULL:
        """Its names. A table may have very many routes, most of which nobody takes: each is asked once."""
        if route.way == NULL:
            spec = self.specs[route - self.routes]
            route.way = self.counters.for_way(self.name, spec.name, spec.cluster)
        return route.way

    def __dealloc__(self):
        free(self.routes)
        free(self.hashes)


cdef class Decisions:
    """One table's decisions on frames of one protocol."""

    def __cinit__(self, Core core not None, Table table not None, Codec codec not None):
        cdef tuple every_key = tuple(dict.fromkeys((*table.keys, *table.wanted)))
        cdef tuple keys = tuple([key for key in every_key if key not in SAID])
        cdef list every
        self.core, self.table = core, table
        self.asked = len(table.keys)
        self.timeout_at = -1
        if codec.timeout_key is not None:
            if codec.timeout_key not in keys:
                keys = (*keys, codec.timeout_key)
            self.timeout_at = keys.index(codec.timeout_key)
        self.headed, self.spelled = codec.headed, codec.spelled
        self.young, self.old = {}, {}
        self.last_size = -1
        every = [*keys, *[key for key in every_key if key in SAID]]
        self.values = <slice_t*>calloc(len(every) + 1, sizeof(slice_t))
        self.places = <int*>calloc(self.asked + 1, sizeof(int))
        self.wanted = <int*>calloc(len(table.wanted) + 1, sizeof(int))
        if self.values == NULL or self.places == NULL or self.wanted == NULL:
            raise MemoryError
        for index, key in enumerate(table.keys):
            self.places[<int>index] = every.index(key)
        for index, key in enumerate(table.wanted):
            self.wanted[<int>index] = every.index(key)
        self.sni_at, self.san_at, self.source_at = [
            every.index(key) if key in every else -1 for key in (SNI, SAN, SOURCE)]
        if keys:
            self.lookup = codec.lookup(keys)
        if not self.asked:
            self.fixed = self.ask()

    def __dealloc__(self):
        free(self.values)
        free(self.places)
        free(self.wanted)

    cdef int decide(self, const uint8_t* frame, int64_t size, int64_t* timeout, bytes sni, bytes san, bytes source) except -3:
        """The route's index, NOBODY or UNREADABLE; `timeout` gets the call's own, if a key holds it (milliseconds).

        `sni` and `san`: what the connection's TLS says of its client; `source`: its address. None: nothing.
        """
        cdef uint8_t key[KEY_LIMIT]
        cdef Py_ssize_t joined
        if self.lookup is not None and self.lookup.find(frame, size, self.values, self.core.scratch, SCRATCH_SIZE,
                            self.core.head if self.headed else NULL) != SCAN_OK:
            return UNREADABLE
        if self.timeout_at >= 0:
            timeout[0] = spelled_timeout(&self.values[self.timeout_at]) if self.spelled else self.own_timeout()
            if timeout[0] < 0:
                return UNREADABLE
        if self.sni_at >= 0:
            lend(&self.values[self.sni_at], sni)
        if self.san_at >= 0:
            lend(&self.values[self.san_at], san)
        if self.source_at >= 0:
            lend(&self.values[self.source_at], source)
        if not self.asked:
            return self.fixed
        joined = self.join(key)
        if joined < 0:
            return self.ask()
        if joined == self.last_size and memcmp(key, self.last, joined) == 0:
            return self.last_route
        self.last_route = self.recall(PyBytes_FromStringAndSize(<char*>key, joined))
        self.last_size = joined
        memcpy(self.last, key, joined)
        return self.last_route

    cdef uint64_t hash(self, const route_t* route) noexcept nogil:
        """By the route's policy, of the call that was just decided; 0: it has nothing that the policy asks for."""
        cdef const slice_t* value
        cdef int index
        for index in range(route.hash_count):
            value = &self.values[self.wanted[route.hashes[index]]]
            if value.data != NULL and value.size > 0:
                return hash_of(value.data, value.size)
        return 0

    cdef Py_ssize_t join(self, uint8_t* into) noexcept nogil:
        """Each value behind its length. -1: too long to be kept."""
        cdef Py_ssize_t used = 0
        cdef uint32_t size
        cdef int place, index
        for place in range(self.asked):
            index = self.places[place]
            if used + 4 > KEY_LIMIT:
                return -1
            if self.values[index].data == NULL:
                size = ABSENT
                memcpy(into + used, &size, 4)
                used += 4
                continue
            if not 0 <= self.values[index].size <= KEY_LIMIT - 4 - used:
                return -1
            size = self.values[index].size
            memcpy(into + used, &size, 4)
            memcpy(into + used + 4, self.values[index].data, size)
            used += 4 + size
        return used

    cdef int recall(self, bytes key) except -3:
        """The table's answer for the current values, remembered under their key."""
        found = self.young.get(key)
        if found is not None:
            return found
        found = self.old.get(key)
        if found is None:
            found = self.ask()
        if len(self.young) >= ENTRIES:
            self.old, self.young = self.young, {}
        self.young[key] = found
        return found

    cdef int ask(self) except -3:
        cdef int place, index
        cdef list values = []
        for place in range(self.asked):
            index = self.places[place]
            if self.values[index].data == NULL:
                values.append(None)
            else:
                values.append(PyBytes_FromStringAndSize(<char*>self.values[index].data, self.values[index].size))
        index = self.table.decide(tuple(values))
        if not NOBODY <= index < self.table.size:
            raise IndexError(f"route table {self.table.name} decided {index} of {self.table.size}")
        return index

    cdef int64_t own_timeout(self) noexcept nogil:
        """Decimal milliseconds; 0 for anything else, and nothing is longer than 2**31."""
        cdef slice_t text = self.values[self.timeout_at]
        cdef int64_t number = 0, index
        if text.data == NULL or not 0 < text.size <= 18:
            return 0
        for index in range(text.size):
            if not c'0' <= text.data[index] <= c'9':
                return 0
            number = number * 10 + (text.data[index] - c'0')
        return min(number, <int64_t>1 << 31)
