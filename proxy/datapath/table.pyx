"""A route table as the data path has it: for each rule what is done with its calls, bound to clusters and counters.

Which rule a call takes is `decisions.pyx`'s matter, with the pure table that this one holds as `decide`.

What always holds: a table is immutable; what its routes borrow is in `kept`, which lives as long as the table.
"""

from libc.stdlib cimport calloc, free

from proxy.datapath.actions cimport Action, new_action
from proxy.datapath.cluster cimport Cluster, microseconds
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, way_t
from proxy.datapath.edits cimport RouteEdits
from proxy.datapath.mirror cimport Mirrors, new_mirrors
from proxy.datapath.retries cimport Retry
from proxy.datapath.route cimport route_t
from proxy.datapath.subset cimport Subset

from proxy.balancing.hashing import wanted as wanted_by_policies
from proxy.balancing.subsets import match_of
from proxy.snapshot import Redirect


cdef class Table:
    """`subsets`: those of clusters, by the cluster's name and their Match."""

    def __cinit__(self, str name, decider, routes, Core core not None, dict clusters, dict subsets, dict specs,
                  Counters counters not None):
        cdef list wanted = list(wanted_by_policies(routes))
        cdef int used = 0
        self.name, self.decide, self.keys = name, decider.decide, tuple(decider.keys)
        self.kept = []
        self.size = len(routes)
        self.routes = <route_t*>calloc(self.size + 1, sizeof(route_t))
        self.hashes = <int*>calloc(sum([len(route.hash_policy) for route in routes]) + 1, sizeof(int))
        if self.routes == NULL or self.hashes == NULL:
            raise MemoryError
        self.specs, self.counters, self.editors = tuple(routes), counters, {}
        self.nobody = counters.for_route(name, "none")
        self.hits = counters.for_decision(name, "hit")
        self.misses = counters.for_decision(name, "miss")
        self.uncached = counters.for_decision(name, "uncached")
        for index, route in enumerate(routes):
            self.routes[<int>index].hashes, self.routes[<int>index].hash_count = &self.hashes[used], len(route.hash_policy)
            for key in route.hash_policy:
                self.hashes[used] = wanted.index(key)
                used += 1
            self.fill(&self.routes[<int>index], route, core, clusters, specs, subsets, wanted)
        self.wanted = tuple(wanted)
        self.redirects = any([isinstance(route.action, Redirect) for route in routes])

    cdef int fill(self, route_t* into, route, Core core, dict clusters, dict specs, dict subsets, list wanted) except -1:
        cdef Mirrors mirrors
        cdef Action action
        cdef Retry retry
        cdef RouteEdits edits
        cdef Subset subset
        into.oneway = route.oneway
        if route.edits is not None:
            edits = RouteEdits(route.edits, self.name, route.name, self.counters, self.editors)
            self.kept.append(edits)
            into.edits = <void*>edits
        into.count = self.counters.for_route(self.name, route.name)
        if route.mirrors:
            mirrors = new_mirrors(route, core, clusters, self.counters)
            self.kept.append(mirrors)
            into.mirrors = <void*>mirrors
        if route.action is not None:
            action = new_action(route, into, wanted, self.name, clusters, subsets, specs, self.counters)
            self.kept.append(action)
            into.action = <void*>action
            return 0
        self.kept.append(clusters[route.cluster])
        into.cluster = <void*><Cluster>clusters[route.cluster]
        if route.retry is not None:
            retry = Retry(route.retry, clusters[route.cluster].budget)
            self.kept.append(retry)
            into.retry = <void*>retry
        if route.metadata_match:
            subset = subsets[route.cluster][match_of(route.metadata_match)]
            self.kept.append(subset)
            into.subset = <void*>subset
        into.timeout = microseconds(specs[route.cluster].timeout if route.timeout is None else route.timeout)
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
