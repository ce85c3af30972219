"""The datapath's face: a snapshot's listeners and clusters on one event loop.

Everything that changes with the outside world is an argument: the loop, the clock, the network, the log, the seed.
"""

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.clock cimport Clock
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport Conn
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters
from proxy.datapath.decisions cimport Table
from proxy.datapath.downstream cimport Downstream, Port
from proxy.datapath.listener cimport Listener
from proxy.datapath.transport cimport Network
from xproto.kernel.codec cimport Codec


cdef class Engine:
    cdef readonly Core core               # readonly: for the audit
    cdef Counters counters
    cdef readonly dict clusters, ports
    cdef readonly list listeners

    def __init__(self, loop, snapshot, dict codecs, dict detectors, dict tables, counters, layout, log, seed=0, *,
                 Network network=None, Clock clock=None):
        check(snapshot, codecs)
        self.clusters, self.ports, self.listeners = {}, {}, []
        self.core = Core(loop, clock or Clock(), network or Network(loop), log, seed & 0xFFFFFFFFFFFFFFFF)
        self.counters = Counters(counters, layout)
        self.clusters = {
            name: Cluster(self.core, spec, self.counters) for name, spec in snapshot.clusters.items()
        }
        bound = {
            name: Table(name, tables[name], snapshot.routes[name], self.clusters, self.counters)
            for name in dict.fromkeys(listener.routes for listener in snapshot.listeners.values())
        }
        self.ports = {
            name: Port(self.core, spec, codecs, detectors.get(name), bound[spec.routes], self.counters)
            for name, spec in snapshot.listeners.items()
        }

    def listen(self, str name, int fd):
        """Accept on `fd`, a listening, non-blocking socket that stays the caller's. Raises `KeyError`."""
        cdef Listener listener = Listener(self.ports[name], fd)
        listener.start()
        self.listeners.append(listener)

    def stop_accepting(self):
        """Take no more connections; those that are there go on."""
        cdef Listener listener
        for listener in self.listeners:
            listener.stop()
        self.listeners.clear()

    def in_flight(self):
        """Calls that are not answered, and connections that hold calls back or answers not written yet."""
        cdef Port port
        cdef Downstream conn
        cdef int64_t busy = 0
        for port in self.ports.values():
            for conn in port.connections:
                busy += conn.paused or conn.out.size > 0
        return self.core.waiting + busy

    def close(self):
        """Write what can be written, then close every connection: nothing is left."""
        cdef Port port
        cdef Cluster cluster
        cdef Conn conn
        self.stop_accepting()
        self.core.now = self.core.clock.now()
        self.core.flush_all()
        for port in self.ports.values():
            for conn in list(port.connections):
                conn.shut()
        for cluster in self.clusters.values():
            cluster.close()
        self.core.wheel.close()

    def __del__(self):
        if self.core is not None:
            self.close()

    def set_first_id(self, uint64_t first):
        """For tests of wrap-around: where the ids of new upstream connections begin."""
        self.core.first_id = first

    def describe(self):
        """What there is now, as plain data."""
        cdef Port port
        cdef Cluster cluster
        return {
            "listeners": {name: {"connections": [describe(conn) for conn in port.connections]}
                          for name, port in self.ports.items()},
            "clusters": {name: cluster.describe() for name, cluster in self.clusters.items()},
            "buffers": {"held": self.core.buffers.held, "peak": self.core.buffers.peak,
                        "owners": len(self.core.owners), "evictions": self.core.evictions},
            "calls": self.core.calls.taken,
            "timers": self.core.wheel.count,
        }


cdef dict describe(Downstream conn):
    return {
        "peer": conn.io.peer(),
        "protocol": None if conn.binding is None else conn.codec.name,
        "state": ("connecting", "detecting", "open", "draining", "ending", "lingering", "closed")[conn.state],
        "in_flight": conn.in_flight,
        "paused": conn.paused,
        "unsent": conn.out.size,
        "buffered": conn.tail.size,
    }


cdef check(snapshot, dict codecs):
    """Refuse what this datapath cannot do, before anything is opened."""
    cdef Codec codec
    for listener in snapshot.listeners.values():
        for name in listener.protocols:
            if name not in codecs:
                raise ValueError(f"listener {listener.name}: protocol {name} is not loaded")
            codec = codecs[name]
            if codec.pool != "multiplexed":
                raise ValueError(f"listener {listener.name}: protocol {name} needs a {codec.pool} pool, which is not"
                                 " supported yet: only protocols whose connections carry many calls at once are")
