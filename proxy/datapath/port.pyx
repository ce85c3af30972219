"""What the connections of one listener share: which protocols there are, how one is found out, the limits.

A new snapshot is planned beside what there is (`plan`) and taken over at once (`become`): a connection whose protocol
is still spoken, by the same codec, goes on with new decisions and limits; the others end when they have been answered.

What always holds: a connection is in `connections` from its beginning to its end, or until a tunnel takes it over; a
binding of `bindings` has decisions of the snapshot in force.
"""

from libc.stdint cimport int64_t

from proxy.datapath.caller cimport Caller
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters
from proxy.datapath.decisions cimport Decisions, Table
from proxy.datapath.opening cimport Opening
from xproto.kernel.codec cimport Codec


cdef class Binding:
    def __cinit__(self, Core core not None, str listener, Codec codec not None, Table table, Counters counters):
        self.codec, self.decisions = codec, Decisions(core, table, codec)
        self.count = counters.for_protocol(listener, codec.name)


cdef class Guest(Caller):
    cdef int adjust(self, bint rest_of) except -1:
        return 0

    cdef int leave(self) except -1:
        return 0


cdef class Port:
    def __cinit__(self, Core core not None, str name, Counters counters not None):
        self.core, self.name = core, name
        self.bindings, self.connections, self.tunnels = {}, {}, {}
        self.count = counters.for_listener(name)

    cdef dict plan(self, spec, dict codecs, detector, Table table, Counters counters):
        """The bindings that `spec` needs, which nobody knows yet."""
        if spec.detects and detector is None:
            raise ValueError(f"listener {spec.name}: several protocols, or a fallback, but no detector")
        return {name: Binding(self.core, self.name, codecs[name], table, counters) for name in spec.protocols}

    cdef int become(self, spec, dict bindings, detector, Opening opening) except -1:
        """Take over what was planned. A connection whose protocol is still spoken goes on, with the new decisions."""
        cdef Guest conn
        cdef Binding old, new
        cdef int64_t idle_timeout = self.idle_timeout
        for name, new in bindings.items():
            old = self.bindings.get(name)
            if old is not None and old.codec is new.codec:
                old.decisions = new.decisions
                bindings[name] = old
        self.bindings = bindings
        self.only = None if spec.detects else bindings[spec.protocols[0]]
        self.opening = opening
        self.detect = None if detector is None else detector.detect
        self.limit(spec)
        for conn in list(self.connections):
            try:
                conn.adjust(idle_timeout != self.idle_timeout)
            except Exception as error:  # noqa: BLE001
                conn.crash(error)
        return 0

    cdef int leave(self) except -1:
        """The configuration does not have it any more: what was asked is answered, then its connections end.

        Tunnels go on: nobody knows where in what they carry an end would do no harm.
        """
        cdef Guest conn
        self.bindings = {}
        for conn in list(self.connections):
            conn.leave()
        return 0

    cpdef list everyone(self):
        """All whose client's end is open."""
        return [*self.connections, *self.tunnels]

    def describe(self):
        return {
            "connections": [conn.describe() for conn in self.connections],
            "tunnels": [tunnel.describe() for tunnel in self.tunnels],
        }

    cdef int limit(self, spec) except -1:
        self.detect_bytes = spec.detect_bytes
        self.detect_timeout = <int64_t>(spec.detect_timeout * 1e6)
        self.idle_timeout = <int64_t>(spec.idle_timeout * 1e6)
        self.max_in_flight, self.max_connections = max(spec.max_in_flight, 1), max(spec.max_connections, 1)
        self.out_limit = spec.out_buffer_limit
        return 0
