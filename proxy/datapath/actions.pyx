"""What routes do with their calls besides sending them to one cluster: choose among several, or answer.

A decision is a rule, and rules are cached; what a rule chooses for a call is not. So the choice is made here for each call:
drawn by weight, or read from the value that the call has.

What always holds: a choice is one of the clusters that the configuration has, and nothing is made for any other name; what
a request says stands in a location only after whatever could end a line or a field was escaped.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from urllib.parse import quote_from_bytes

from proxy.datapath.cluster cimport Cluster, microseconds
from proxy.datapath.counters cimport Counters, add
from proxy.datapath.retries cimport Retry
from proxy.datapath.route cimport route_t
from proxy.datapath.subset cimport Subset
from xproto.kernel.lookup cimport slice_t

from proxy.balancing.subsets import match_of
from proxy.snapshot import ClusterFrom, DirectResponse, Redirect, WeightedClusters
from xproto.spec import Direct, Fault

cdef enum:
    NAME_BYTES = 800          # no cluster's name is longer: the configuration allows 200 characters

PLAIN = "/%:@!$&'()*+,;=~-._?[]"
"""What stands in a location as it is, besides letters and digits: RFC 3986's reserved characters but #, and escapes."""
PORTS = {b"http": b"80", b"https": b"443"}


cdef class Action:
    cdef route_t* choose(self, uint64_t dice, const slice_t* value) except? NULL:
        """The route to the cluster that this call goes to. NULL: none."""
        return NULL

    cdef bytes location(self, bytes scheme, bytes authority, bytes host, bytes path, bytes query):
        """Where a request is sent on to. `authority`: the host that it asks for, with its port; empty: it names none."""
        asked = self.redirect
        cdef bytes place = place_of(asked, scheme, authority, host)
        cdef bytes found = path if path.startswith(b"/") else b"/"
        if asked.path is not None:
            found = asked.path.encode()
        elif asked.prefix is not None:
            found = asked.prefix.encode() + found[asked.matched:]
        if not place:
            found = b"/" + found.lstrip(b"/")        # two of them would begin with another host
        if query is not None and not asked.strip_query and b"?" not in found:
            found += b"?" + query
        return (quote_from_bytes(place, PLAIN) + quote_from_bytes(found, PLAIN)).encode()


cdef bytes place_of(asked, bytes scheme, bytes authority, bytes host):
    """What stands before the path; nothing where nobody knows the host."""
    cdef bytes wanted = scheme if asked.scheme is None else asked.scheme.encode()
    cdef bytes place = authority
    if asked.host is not None:
        place = asked.host.encode()
    elif asked.port is not None or wanted != scheme:
        place = host                     # its port was of the other scheme
    if not place:
        return b""
    if asked.port is not None and PORTS.get(wanted) != b"%d" % asked.port:
        place = b"%b:%d" % (place, asked.port)
    return wanted + b"://" + place


cdef Target new_target(Cluster cluster, const route_t* like, str table, route, spec, dict subsets, Counters counters):
    """A route like the one whose action this is, to this cluster."""
    cdef Target made = Target.__new__(Target)
    made.route = like[0]
    made.route.action = NULL
    made.cluster, made.route.cluster = cluster, <void*>cluster
    if route.metadata_match:
        made.subset = subsets[cluster.name][match_of(route.metadata_match)]
        made.route.subset = <void*>made.subset
    if route.retry is not None:
        made.retry = Retry(route.retry, cluster.budget)
        made.route.retry = <void*>made.retry
    made.route.timeout = microseconds(spec.timeout if route.timeout is None else route.timeout)
    made.route.way = counters.for_way(table, route.name, cluster.name)
    return made


cdef class Weighted(Action):
    """One of several, drawn for each call."""
    cdef list targets
    cdef uint64_t* ends       # of the parts that each has of `total`
    cdef uint64_t total

    cdef int fill(self, list targets, list weights) except -1:
        self.targets = targets
        self.ends = <uint64_t*>calloc(len(targets), sizeof(uint64_t))
        if self.ends == NULL:
            raise MemoryError
        for index, weight in enumerate(weights):
            self.total += weight
            self.ends[<int>index] = self.total
        return 0

    cdef route_t* choose(self, uint64_t dice, const slice_t* value) except? NULL:
        cdef uint64_t drawn = dice % self.total
        cdef Py_ssize_t index = 0
        while drawn >= self.ends[index]:
            index += 1
        return &(<Target>self.targets[index]).route

    def __dealloc__(self):
        free(self.ends)


cdef class Named(Action):
    """The one that the call names. Those that were named once are kept: at most as many as there are clusters."""
    cdef dict targets, clusters, subsets, specs
    cdef const route_t* like
    cdef str table
    cdef object route         # of the snapshot
    cdef Target default
    cdef Counters counters
    cdef uint64_t* absent     # counters: calls that name no cluster, or one that there is not
    cdef uint64_t* unknown

    cdef Target target(self, str name):
        cluster = self.clusters.get(name)
        if cluster is None:
            return None
        return new_target(cluster, self.like, self.table, self.route, self.specs[name], self.subsets, self.counters)

    cdef Target named(self, bytes name):
        cdef Target found = self.targets.get(name)
        if found is None:
            found = self.target(name.decode("utf-8", "replace"))
            if found is not None:
                self.targets[name] = found
        return found

    cdef route_t* choose(self, uint64_t dice, const slice_t* value) except? NULL:
        cdef Target found = None
        if value.data != NULL and value.size <= NAME_BYTES:
            found = self.named(PyBytes_FromStringAndSize(<const char*>value.data, value.size))
        if found is None:
            add(self.absent if value.data == NULL else self.unknown, 1)
            found = self.default
        return NULL if found is None else &found.route


cdef Action new_action(route, const route_t* like, list wanted, str table, dict clusters, dict subsets, dict specs,
                       Counters counters):
    """The action of a route of the snapshot that has one.

    `like`: the route as the table has it, which stays where it is. `wanted`: keys; what this chooses by is added.
    """
    cdef Action made
    cdef Weighted weighted
    asked = route.action
    if isinstance(asked, WeightedClusters):
        made = weighted = Weighted.__new__(Weighted)
        weighted.fill(
            [new_target(clusters[name], like, table, route, specs[name], subsets, counters)
             for name, _ in asked.clusters],
            [weight for _, weight in asked.clusters])
    elif isinstance(asked, ClusterFrom):
        made = new_named(route, like, table, clusters, subsets, specs, counters)
    else:
        made = Action.__new__(Action)
        made.direct = direct_of(asked)
        made.redirect = asked if isinstance(asked, Redirect) else None
    made.wants = -1
    if isinstance(asked, ClusterFrom):
        if asked.key not in wanted:
            wanted.append(asked.key)
        made.wants = wanted.index(asked.key)
    return made


cdef Named new_named(route, const route_t* like, str table, dict clusters, dict subsets, dict specs, Counters counters):
    cdef Named made = Named.__new__(Named)
    labels = {"table": table, "route": route.name}
    made.targets, made.clusters, made.subsets, made.specs, made.counters = {}, clusters, subsets, specs, counters
    made.like, made.table, made.route = like, table, route
    made.absent = counters.slot("cluster_from_misses_total", {**labels, "reason": "absent"})
    made.unknown = counters.slot("cluster_from_misses_total", {**labels, "reason": "unknown"})
    made.default = None if route.action.default is None else made.target(route.action.default)
    return made


cdef direct_of(asked):
    if isinstance(asked, DirectResponse):
        return Direct(asked.status, asked.body.encode(), Fault[asked.fault.upper()], asked.grpc_status)
    return Direct(asked.status, redirects=True)
