"""What the connections of one listener share: which protocols there are, how one is found out, the limits.

A new snapshot is planned beside what there is (`plan`) and taken over at once (`become`): a connection whose protocol
is still spoken, by the same codec, goes on with new decisions and limits; the others end when they have been answered.

What always holds: a connection is in `connections` from its beginning to its end, or until a tunnel takes it over; a
binding of a chain of `chains` has decisions of the snapshot in force.
"""

from libc.stdint cimport int64_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters, add
from proxy.datapath.decisions cimport Decisions
from proxy.datapath.filters cimport Filters
from proxy.datapath.h2_connection cimport H2End
from proxy.datapath.journal cimport Journal
from proxy.datapath.notes cimport METHOD, SERVICE
from proxy.datapath.opening cimport Opening
from proxy.datapath.table cimport Table
from proxy.datapath.transport cimport Transport
from xproto.kernel.codec cimport Codec

from proxy.tls.choice import Choice

RPC_TEXTS = ("service", "method")
HTTP_TEXTS = ("http_method", "path", "host")
GRPC_TEXTS = ("service", "method", "path", "host")
"""What access logs say of requests. A path comes without its query, which may hold secrets."""


cdef class Binding:
    def __cinit__(self, Core core not None, str listener, Codec codec not None, Table table, Counters counters, bint logs,
                  filters):
        self.codec = codec
        self.count = counters.for_protocol(listener, codec.name)
        self.first_text = METHOD if codec.headed and not codec.spelled else SERVICE
        self.carried = tuple([Binding(core, listener, each, table, counters, logs, filters) for each in codec.carried])
        if filters is not None:
            self.filters = Filters(core, listener, codec, table, filters, counters)
        self.decisions = Decisions(core, table, codec, () if filters is None else self.filters.steps.asked)
        if logs and not self.carried:
            self.texts = codec.lookup(GRPC_TEXTS if codec.spelled else HTTP_TEXTS if codec.headed else RPC_TEXTS)

    cdef int become(self, Binding new) except -1:
        """The same protocol of a new snapshot."""
        cdef Binding kept, made
        self.decisions, self.texts, self.filters = new.decisions, new.texts, new.filters
        for kept, made in zip(self.carried, new.carried):
            kept.become(made)
        return 0


cdef class Chain:
    cdef int become(self, Chain new) except -1:
        """The same chain, of a new snapshot. A protocol that is still spoken by the same codec keeps its binding."""
        cdef Binding kept, made
        cdef dict bindings = new.bindings
        for name, made in bindings.items():
            kept = self.bindings.get(name)
            if kept is not None and kept.codec is made.codec:
                kept.become(made)
                bindings[name] = kept
        self.bindings, self.detect = bindings, new.detect
        self.only = None if new.only is None else bindings[new.only.codec.name]
        return 0


cdef class Guest(Caller):
    cdef int adjust(self, bint rest_of) except -1:
        return 0

    cdef int leave(self) except -1:
        return 0

    cdef Guest branch(self, Transport io, int kind):
        return None

    cdef bint fresh(self) noexcept:
        return False


cdef class Shared(H2End):
    cdef int adjust(self, bint rest_of) except -1:
        return 0

    cdef int leave(self) except -1:
        return 0


cdef class Port:
    def __cinit__(self, Core core not None, str name, Counters counters not None):
        self.core, self.name = core, name
        self.chains, self.connections, self.tunnels, self.shared = {}, {}, {}, {}
        self.count = counters.for_listener(name)

    cdef dict plan(self, spec, dict codecs, dict detectors, dict tables, contexts, Counters counters, filters):
        """The chains that `spec` needs, as if there were none yet."""
        cdef dict found = {}
        cdef bint falls = spec.fallback is not None, logs = spec.access_log is not None
        if spec.plaintext:
            found[None] = self.chain(None, None, None, spec.protocols, codecs, detectors.get(self.name), falls, tables[spec.routes],
                                     counters, logs, filters)
        for each in spec.chains:
            found[each.name] = self.chain(
                each.name, each.tls, contexts.server(self.name, each.name), each.protocols, codecs,
                detectors.get((self.name, each.name)), falls, tables[each.routes], counters, logs, filters)
        return found

    cdef Chain chain(self, str name, tls, side, tuple protocols, dict codecs, detector, bint detects, Table table,
                     Counters counters, bint logs, filters):
        cdef Chain made = Chain.__new__(Chain)
        detects = detects or len(protocols) > 1
        if detects and detector is None:
            raise ValueError(f"listener {self.name}: several protocols, or a fallback, but no detector")
        made.name, made.tls, made.side = name, tls, side
        made.bindings = {each: Binding(self.core, self.name, codecs[each], table, counters, logs, filters) for each in protocols}
        made.only = None if detects else made.bindings[protocols[0]]
        made.detect = None if detector is None else detector.detect
        return made

    cdef bint has(self, Chain chain):
        return self.chains.get(chain.name) is chain

    cdef int become(self, spec, dict chains, Opening opening, Counters counters, Journal journal) except -1:
        """Take over what was planned. A connection whose protocol is still spoken goes on, with the new decisions.

        A chain that wants something else of its clients is another one, and ends the connections of the one before.
        """
        cdef Guest conn
        cdef Shared each
        cdef Chain old, new
        cdef int64_t idle_timeout = self.idle_timeout
        for name, new in chains.items():
            old = self.chains.get(name)
            if old is not None and old.tls == new.tls and old.side is new.side:
                old.become(new)
                chains[name] = old
        self.chains = chains
        self.choice = Choice(spec.chains) if spec.chains else None
        self.counters, self.secure_count = counters, counters.for_secure(self.name)
        self.opening, self.journal = opening, journal
        self.limit(spec)
        for conn in list(self.connections):
            try:
                conn.adjust(idle_timeout != self.idle_timeout)
            except Exception as error:  # noqa: BLE001
                conn.crash(error)
        for each in list(self.shared):
            try:
                each.adjust(idle_timeout != self.idle_timeout)
            except Exception as error:  # noqa: BLE001
                each.crash(error)
        return 0

    cdef int insecure(self, str reason) except -1:
        add(self.counters.for_failure(self.name, reason), 1)
        return 0

    cdef int leave(self) except -1:
        """The configuration does not have it any more: what was asked is answered, then its connections end.

        Tunnels go on: nobody knows where in what they carry an end would do no harm.
        """
        cdef Guest conn
        cdef Shared each
        self.chains = {}
        if self.journal is not None:
            self.turn = self.journal.turns
        for conn in list(self.connections):
            conn.leave()
        for each in list(self.shared):
            each.leave()
        return self.part()

    cdef int part(self) except -1:
        """Somebody has gone. The last to go from a port that has left lets its log go, too."""
        if self.turn and not self.open():
            self.journal.leave(self.turn)
        return 0

    cdef Py_ssize_t open(self):
        return len(self.connections) + len(self.tunnels) + len(self.shared)

    cpdef list everyone(self):
        """All whose client's end is open."""
        return [*self.connections, *self.tunnels, *self.shared]

    def describe(self):
        return {
            "connections": [conn.describe() for conn in [*self.connections, *self.shared]],
            "tunnels": [tunnel.describe() for tunnel in self.tunnels],
        }

    cdef int limit(self, spec) except -1:
        self.detect_bytes = spec.detect_bytes
        self.detect_timeout = <int64_t>(spec.detect_timeout * 1e6)
        self.handshake_timeout = <int64_t>(spec.handshake_timeout * 1e6)
        self.idle_timeout = <int64_t>(spec.idle_timeout * 1e6)
        self.max_in_flight, self.max_connections = max(spec.max_in_flight, 1), max(spec.max_connections, 1)
        self.out_limit = spec.out_buffer_limit
        return 0
