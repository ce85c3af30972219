"""The datapath's face: a snapshot's listeners and clusters on one event loop.

Everything that changes with the outside world is an argument: the loop, the clock, the network, the log, the seed.
"""

from libc.stdint cimport int64_t, uint64_t

from proxy.datapath.clock cimport Clock
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport Conn
from proxy.datapath.core cimport Core
from proxy.datapath.counters cimport Counters
from proxy.datapath.downstream cimport Downstream
from proxy.datapath.opening cimport Opening
from proxy.datapath.journal cimport Scribe
from proxy.datapath.port cimport Port
from proxy.datapath.listener cimport Listener
from proxy.datapath.table cimport Table
from proxy.datapath.transport cimport Network
from xproto.kernel.codec cimport Codec

from proxy.balancing.subsets import asked
from proxy.observe.logfile import LogFiles


cdef class Change:
    """What a new snapshot needs, made and not in use; good for one `commit`, until another is committed."""
    cdef Counters counters, before
    cdef dict clusters                    # name -> (Cluster, its spec, its hosts, its shares, its subsets)
    cdef dict asked                       # name -> the Matches of subsets that routes ask for
    cdef dict ports                       # name -> (Port, its spec, its chains, its opening)
    cdef object contexts                  # what makes handshakes of TLS
    cdef object files                     # proxy.observe.logfile.LogFiles


cdef class Engine:
    cdef readonly Core core               # readonly: for the audit
    cdef object array
    cdef Counters counters
    cdef Scribe scribe
    cdef readonly object files            # as in Change; readonly: for tests
    cdef readonly dict clusters, ports, listeners
    cdef readonly list leaving_clusters, leaving_ports

    def __init__(self, loop, snapshot, dict codecs, dict detectors, dict tables, counters, layout, log, seed=0, *,
                 Network network=None, Clock clock=None, contexts=None, files=None, filters=None):
        self.clusters, self.ports, self.listeners = {}, {}, {}
        self.leaving_clusters, self.leaving_ports = [], []
        self.core = Core(loop, clock or Clock(), network or Network(loop), log, seed & 0xFFFFFFFFFFFFFFFF)
        self.scribe = Scribe(self.core)
        self.array, self.counters = counters, Counters(counters, layout)
        self.commit(self.prepare(snapshot, codecs, detectors, tables, layout, contexts, files, filters), {})

    def prepare(self, snapshot, dict codecs, dict detectors, dict tables, layout, contexts=None, files=None, filters=None):
        """All that the snapshot needs and is not there yet; nothing is changed. Raises `ValueError`.

        A protocol whose codec is the same object as before has not changed: its connections stay. `files`: where access
        logs go, open; None: they are opened here. `filters`: what `proxy.filters.placed.place` made, by listener.
        """
        cdef Change made = Change.__new__(Change)
        cdef Cluster cluster
        cdef Port port
        check(snapshot, codecs)
        made.before = self.counters
        made.counters = counters = Counters(self.array, layout, self.counters)
        made.clusters, made.ports, made.asked = {}, {}, asked(snapshot)
        for name, spec in snapshot.clusters.items():
            counters.for_cluster(name)
            cluster = self.clusters.get(name) or Cluster(self.core, name)
            shares = cluster.plan_shares(spec, made.asked.get(name, ()))
            made.clusters[name] = (
                cluster, spec, cluster.plan(spec, contexts, counters), shares, cluster.plan_subsets(shares))
        clusters = {name: planned[0] for name, planned in made.clusters.items()}
        subsets = {name: planned[4] for name, planned in made.clusters.items()}
        bound = {
            name: Table(name, tables[name], snapshot.routes[name], self.core, clusters, subsets, snapshot.clusters, counters)
            for name in dict.fromkeys(
                each.routes for listener in snapshot.listeners.values() for each in (listener, *listener.chains))
        }
        for name, spec in snapshot.listeners.items():
            port = self.ports.get(name) or Port(self.core, name, counters)
            chains = port.plan(spec, codecs, detectors, bound, contexts, counters, (filters or {}).get(name))
            made.ports[name] = port, spec, chains, Opening(spec, clusters)
        made.contexts = contexts
        made.files = LogFiles(snapshot, self.files) if files is None else files
        return made

    def commit(self, Change change not None, dict listening not None):
        """Use what was prepared. `listening` has the descriptor that each listener accepts on, as for `listen`.

        What the snapshot names as before stays as it is: connections, calls, the balancers' places, counters. What it
        does not name any more takes no new calls, and goes when those that it has are answered.
        """
        cdef Cluster cluster
        cdef Port port
        cdef Listener listener
        if change.before is not self.counters:
            raise ValueError("another change was committed since this one was prepared")
        self.core.now = self.core.clock.now()
        self.counters = change.counters
        leaving_clusters = [each for name, each in self.clusters.items() if name not in change.clusters]
        leaving_ports = [each for name, each in self.ports.items() if name not in change.ports]
        self.clusters = {name: planned[0] for name, planned in change.clusters.items()}
        self.ports = {name: planned[0] for name, planned in change.ports.items()}
        for name, (cluster, spec, hosts, shares, subsets) in change.clusters.items():
            cluster.become(spec, hosts, shares, subsets, change.asked.get(name, ()), self.counters)
        for name, listener in list(self.listeners.items()):
            if listening.get(name) != listener.fd:
                listener.stop()
                del self.listeners[name]
        if change.contexts is not None:
            change.contexts.commit()
        for port, spec, chains, opening in change.ports.values():
            port.become(spec, chains, opening, self.counters,
                        self.scribe.journal(port.name, spec.access_log, change.files, self.counters))
        self.files = change.files
        for name, fd in listening.items():
            if name not in self.listeners:
                self.listen(name, fd)
        for port in leaving_ports:
            port.leave()
        for cluster in leaving_clusters:
            cluster.leave()
        self.leaving_ports = [port for port in self.leaving_ports + leaving_ports if port.everyone()]
        self.leaving_clusters = [cluster for cluster in self.leaving_clusters + leaving_clusters if cluster.leaving]

    def listen(self, str name, int fd):
        """Accept on `fd`, a listening, non-blocking socket that stays the caller's. Raises `KeyError`."""
        cdef Listener listener = Listener(self.ports[name], fd)
        listener.start()
        self.listeners[name] = listener

    def stop_accepting(self):
        """Take no more connections; those that are there go on."""
        cdef Listener listener
        for listener in self.listeners.values():
            listener.stop()
        self.listeners.clear()

    def in_flight(self):
        """Calls that are not answered, connections that hold calls back or answers not written yet, and tunnels."""
        cdef Port port
        cdef Downstream conn
        cdef int64_t busy = 0
        for port in [*self.ports.values(), *self.leaving_ports]:
            for conn in port.connections:
                busy += conn.paused or conn.out.size > 0
            busy += len(port.tunnels)
        for exchange in self.core.parked:
            busy += exchange.is_oneway        # the others are their clients'
        return self.core.waiting + busy

    def close(self):
        """Write what can be written, then close every connection: nothing is left."""
        cdef Port port
        cdef Cluster cluster
        cdef Conn conn
        self.stop_accepting()
        self.core.now = self.core.clock.now()
        self.core.flush_all()
        for port in [*self.ports.values(), *self.leaving_ports]:
            for conn in port.everyone():
                conn.shut()
        for exchange in list(self.core.parked):
            exchange.abandon()
        for cluster in [*self.clusters.values(), *self.leaving_clusters]:
            cluster.close()
        self.scribe.close()
        self.core.wheel.close()

    def __del__(self):
        if self.core is not None:
            self.close()

    def set_first_id(self, uint64_t first):
        """For tests of wrap-around: where the ids of new upstream connections begin."""
        self.core.first_id, self.core.scatters = first, False

    def describe(self):
        """What there is now, as plain data."""
        cdef Port port
        cdef Cluster cluster
        return {
            "listeners": {name: port.describe() for name, port in self.ports.items()},
            "clusters": {name: cluster.describe() for name, cluster in self.clusters.items()},
            "leaving": {
                "connections": [conn.describe() for port in self.leaving_ports for conn in port.everyone()],
                "hosts": [host for cluster in self.leaving_clusters for host in cluster.describe()["hosts"]],
            },
            "buffers": {"held": self.core.buffers.held, "peak": self.core.buffers.peak,
                        "owners": len(self.core.owners), "evictions": self.core.evictions},
            "calls": self.core.calls.taken,
            "timers": self.core.wheel.count,
            "unwritten": self.scribe.waiting,
        }


cdef check(snapshot, dict codecs):
    """Refuse what this datapath cannot do, before anything is opened."""
    for listener in snapshot.listeners.values():
        for name in listener.spoken:
            if name not in codecs:
                raise ValueError(f"listener {listener.name}: protocol {name} is not loaded")
