"""A connection passed on as it is, to a host of the fallback cluster: two ends, each of which sends what the other reads.

What it carries is unknown, so nothing is taken for granted of it: either side may speak first, and either may end its
side while the other goes on. An end is not read while the other has more to send than the window. A reset on one side
is a reset on the other, and so is a close that loses bytes: what broke off must not look like what is whole.

What always holds: both ends are open, or neither is; `a.other is b` exactly when `b.other is a`; bytes leave in the order
in which they came, and an end's last byte is followed by the end that was read behind it; the tunnel is in its port's
list from its beginning to its end, and in its host's from the connect on.
"""

import os

from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.balancer cimport tour_t
from proxy.datapath.buffers cimport queue_t
from proxy.datapath.cluster cimport Cluster
from proxy.datapath.conn cimport CLOSED, CONNECTING, ENDING, OPEN, Conn
from proxy.datapath.counters cimport add, take
from proxy.datapath.host cimport Host
from proxy.datapath.port cimport Port
from proxy.datapath.relay cimport WINDOW
from proxy.datapath.transport cimport Transport
from proxy.datapath.wheel cimport alarm_t


cdef int fire(alarm_t* alarm) except -1:
    cdef End end = <End>alarm.owner
    try:
        end.core.now = end.core.clock.now()
        return end.on_alarm()
    except Exception as error:  # noqa: BLE001
        return end.crash(error)


cdef int new_tunnel(Port port, Transport io, str client, const uint8_t* data, size_t size) except -1:
    """Take a client's transport over, with what was read from it already."""
    cdef Near near = Near.__new__(Near)
    cdef Far far = Far.__new__(Far)
    begin(near, far, port)
    begin(far, near, port)
    near.client, near.idle_timeout = client, port.opening.idle_timeout
    near.rx, near.tx = port.count.rx, port.count.tx
    far.cluster, far.state = port.opening.fallback, CONNECTING
    add(port.count.tunnels, 1)
    add(port.count.tunnels_active, 1)
    add(port.count.active, 1)
    port.tunnels[near] = None
    try:
        io.low_water(1)
        io.watch_read(False)                # the loop would go on to call the former owner
        near.attach(io, OPEN)
        near.rest()
        if size:
            near.frames(data, size)
        if near.state != CLOSED:
            far.connect()
    except Exception as error:  # noqa: BLE001
        near.crash(error)
    return 0


cdef int tie(Port port, Transport near_io, str client, queue_t* to_client, bytes early, Transport far_io, Host host,
             queue_t* to_server, bytes later) except -1:
    """A tunnel between two ends that are connected already.

    The queues are what was to be sent to either, and theirs from now on; early and later: what client and server have sent
    behind that.
    """
    cdef Near near = Near.__new__(Near)
    cdef Far far = Far.__new__(Far)
    begin(near, far, port)
    begin(far, near, port)
    near.client, near.idle_timeout = client, port.opening.border.idle_timeout
    near.rx, near.tx = port.count.rx, port.count.tx
    near.out, far.out = to_client[0], to_server[0]
    far.cluster, far.host, far.made = host.cluster, host, True
    far.rx, far.tx = host.count.rx, host.count.tx
    host.tunnels[far] = None
    add(host.count.active, 1)
    add(port.count.tunnels, 1)
    add(port.count.tunnels_active, 1)
    add(port.count.active, 1)
    port.tunnels[near] = None
    try:
        near.attach(near_io, OPEN)
        far.attach(far_io, OPEN)
        near.rest()
        if early:
            near.frames(early, len(early))
        if later and far.state != CLOSED:
            far.frames(later, len(later))
        near.touch()
        far.touch()
    except Exception as error:  # noqa: BLE001
        near.crash(error)
    return 0


cdef int begin(End one, End other, Port port) except -1:
    one.core, one.port, one.other = port.core, port, other
    one.window = min(<size_t>WINDOW, port.out_limit)
    one.alarm.owner, one.alarm.fire = <void*>one, fire
    return 0


cdef class End(Conn):
    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef End other = self.other
        add(self.port.count.tunnel_bytes, size)
        if other.put(data, size) == NULL:
            other.starved()
            return size
        if other.out.size > self.window:
            self.pause()
        other.owned_up()
        other.touch()
        return size

    cdef int flush(self) except -1:
        cdef End other = self.other
        Conn.flush(self)
        if other is not None and other.paused and self.out.size <= other.window // 2:
            other.resume()
        return 0

    cdef int ended(self) except -1:
        """No more comes from here: the other side hears of it behind the last byte, and may go on to answer."""
        self.state = ENDING
        self.io.watch_read(False)
        self.other.last = True
        return self.other.touch()

    cdef int drained(self) except -1:
        if not self.last:
            return 0
        if self.breaks:
            self.io.abort()
            return self.shut()
        if not self.said:
            self.said = True
            self.io.end()
        return self.shut() if self.other.said else 0

    cdef int broke(self, int code) except -1:
        if self.io.reason == "closed" and self.state == OPEN and self.other.out.size and self.other.state == OPEN:
            self.state = ENDING             # cut off, by TLS's rules; what came before is delivered
            self.io.watch_read(False)
            self.other.last = self.other.breaks = True
            return self.other.touch()
        if self.other.io is not None:
            self.other.io.abort()
        return self.shut()

    cdef int closed(self) except -1:
        if self.out.size and self.io is not None:
            self.io.abort()                 # bytes are lost
        return Conn.closed(self)

    cdef int evicted(self) except -1:
        add(self.port.count.cut, 1)
        return self.starved()

    cdef int gone(self) except -1:
        cdef End other = self.other
        self.other = None
        self.core.wheel.cancel(&self.alarm)
        return other.shut() if other is not None else 0

    cdef int on_alarm(self) except -1:
        return 0


cdef class Near(End):
    cdef int rest(self) except -1:
        """Look again when it may have been idle for too long."""
        cdef int64_t moved = max(self.heard, self.told, self.other.heard, self.other.told)
        return self.core.wheel.set(&self.alarm, moved + self.idle_timeout) if self.idle_timeout > 0 else 0

    cdef int on_alarm(self) except -1:
        cdef int64_t moved = max(self.heard, self.told, self.other.heard, self.other.told)
        return self.shut() if self.core.now - moved >= self.idle_timeout else self.rest()

    cdef int gone(self) except -1:
        take(self.port.count.tunnels_active, 1)
        take(self.port.count.active, 1)
        self.port.tunnels.pop(self, None)
        self.port.part()
        return End.gone(self)

    cdef str label(self):
        return f"listener {self.port.name}: tunnel of {self.client or self.io.peer()}"

    def describe(self):
        cdef Far far = self.other
        return {
            "peer": self.client or self.io.peer(),
            "via": self.io.peer() if self.client else None,
            "cluster": far.cluster.name,
            "host": None if far.host is None else far.host.address,
            "state": "connecting" if far.state == CONNECTING else "open",
            "client_ended": far.last,
            "host_ended": self.last,
            "unsent": self.out.size,
            "unsent_to_host": far.out.size,
        }


cdef class Far(End):
    cdef Host choose(self):
        """The next host, as a call's is chosen; each is asked once. None: there is no other."""
        cdef tour_t tour
        cdef Host host
        self.cluster.begin(&tour, self.tried, NULL)
        host = self.cluster.next_host(&tour)
        while host is not None and self.core.now < host.retry_at:
            host = self.cluster.next_host(&tour)
        if host is not None:
            self.cluster.chose(&tour)
            self.tried |= <uint64_t>1 << (host.index & 63)
        return host

    cdef int connect(self) except -1:
        cdef Host host
        cdef Transport io = None
        while io is None:
            host = self.choose()
            if host is None:
                add(self.port.count.tunnel_failures, 1)
                self.core.tell(f"{self.other.label()}: closed: no host of cluster {self.cluster.name} to connect to")
                return self.shut()
            try:
                io = host.dial()
            except OSError as error:
                host.failed(None, error.strerror or str(error))
        self.host = host
        host.tunnels[self] = None
        self.rx, self.tx = host.count.rx, host.count.tx
        self.attach(io, CONNECTING)
        if self.cluster.limits.user_timeout > 0:
            io.give_up_after(self.cluster.limits.user_timeout)
        if self.cluster.limits.connect_timeout > 0:
            self.core.wheel.set(&self.alarm, self.core.now + self.cluster.limits.connect_timeout)
        return 0

    cdef int connected(self) except -1:
        cdef int code = self.io.connected()
        if code:
            return self.refused(os.strerror(code))
        return self.secure()

    cdef int insecure(self) except -1:
        self.host.insecure(self.io.reason)
        return self.refused(f"TLS: {self.io.why}")

    cdef int secured(self) except -1:
        if self.io.identity is not None:
            add(self.host.count.handshakes, 1)
        self.state = OPEN
        self.made = True
        self.core.wheel.cancel(&self.alarm)
        self.heard = self.told = self.core.now
        add(self.host.count.connections, 1)
        add(self.host.count.active, 1)
        self.host.works()
        self.io.watch_read(True)
        return self.flush()

    cdef int refused(self, str why) except -1:
        """The next one, then. What the client has sent waits here meanwhile."""
        cdef Host host = self.host
        self.core.wheel.cancel(&self.alarm)
        self.securing = False
        self.io.close()
        self.let_go()
        host.failed(None, why)
        return self.connect()

    cdef int let_go(self) except -1:
        cdef Host host = self.host
        if host is None:
            return 0
        self.host = None
        if self.made:
            take(host.count.active, 1)
        host.tunnels.pop(self, None)
        return host.forget()

    cdef int on_alarm(self) except -1:
        return self.refused("no answer in time") if self.state == CONNECTING else 0

    cdef int gone(self) except -1:
        self.let_go()
        return End.gone(self)

    cdef str label(self):
        cdef str where = f"cluster {self.cluster.name}" if self.host is None else self.host.label()
        return f"{where}: tunnel of listener {self.port.name}"
