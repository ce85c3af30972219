"""Connections without sockets: the datapath's transports over byte pipes in memory, with the faults of real ones.

A `Wire` is one connection. Its transport is the proxy's end, with the results that recv, send and connect have on Linux:
-EAGAIN, an orderly end as 0 behind the last byte, a reset told once and behind the bytes that came before it, -EPIPE
after that. Its other methods are the peer's end. How many bytes a call moves, and which event comes first, is the dice's.

What always holds: bytes arrive in order and once, up to a reset; readiness is level-triggered; a transport that was
closed is never called; a wire that neither side holds or waits for is forgotten.
"""

import errno as errors

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EBADF, ECONNRESET, EMFILE, EPIPE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memmove

from proxy.datapath.simulated_loop cimport Door, SimulatedLoop, Source
from proxy.datapath.transport cimport Network, Transport

cdef enum:
    READ = 1
    WRITE = 2
    GIVE = 4              # bytes or the end reach the peer
    WINDOW = 64 * 1024


cdef inline size_t left(bytearray data, size_t used) noexcept:
    return <size_t>PyByteArray_GET_SIZE(data) - used


cdef int put(bytearray data, const uint8_t* more, size_t size) except -1:
    cdef Py_ssize_t had = PyByteArray_GET_SIZE(data)
    PyByteArray_Resize(data, had + <Py_ssize_t>size)
    memcpy(PyByteArray_AS_STRING(data) + had, more, size)
    return 0


cdef size_t shift(bytearray data, size_t used) except? 0xFFFFFFFF:
    """Forget what was consumed once it is most of what there is; the new offset."""
    cdef size_t rest = left(data, used)
    if rest and used < rest + WINDOW:
        return used
    memmove(PyByteArray_AS_STRING(data), PyByteArray_AS_STRING(data) + used, rest)
    PyByteArray_Resize(data, rest)
    return 0


cdef class Wire(Source):
    def __cinit__(self, SimulatedNetwork network not None):
        self.network, self.loop = network, network.sim
        network.made += 1
        self.number = network.made
        self.inward, self.outward = bytearray(), bytearray()
        self.reading = True

    # -- the proxy's end --------------------------------------------------------------------------------------------

    cdef size_t part(self, size_t most) noexcept:
        """How much of it a call moves."""
        if self.network.dice.chance(self.network.short_in_1000):
            return 1 + self.network.dice.below(min(most, <size_t>40) if self.network.dice.roll() & 1 else most)
        return most

    cdef Py_ssize_t recv(self, uint8_t* into, size_t room) noexcept:
        cdef size_t there = self.arrived - self.read
        cdef int code = self.error
        if there == 0:
            self.error = 0
            return -code if code else 0 if self.broken or (self.inward_end and not left(self.inward, self.read)) else -EAGAIN
        there = self.part(min(there, room))
        memcpy(into, PyByteArray_AS_STRING(self.inward) + self.read, there)
        self.read += there
        return there

    cdef Py_ssize_t send_bytes(self, const uint8_t* data, size_t size) noexcept:
        cdef size_t waiting = left(self.outward, self.sent)
        cdef int code = self.error
        if self.broken or self.outward_end:
            self.error = 0
            return -code if code else -EPIPE
        if waiting >= self.network.window:
            return -EAGAIN
        size = self.part(min(size, self.network.window - waiting))
        if self.peer_gone:                # the first send after its end is taken, and answered with a reset
            self.broken, self.error = True, ECONNRESET
            return size
        try:
            put(self.outward, data, size)
            self.loop.offer(self)
        except BaseException:  # noqa: BLE001
            return -EBADF
        return size

    cdef int close_proxy(self) except -1:
        """With bytes unread a close is a reset, which the peer may see before our last bytes."""
        if self.closed:
            return 0
        self.closed, self.transport = True, None
        self.reads = self.writes = False
        self.network.open -= 1
        if (self.rude or left(self.inward, self.read)) and not self.peer_gone:
            self.broken = True
            if self.network.dice.roll() & 1:
                self.sent = left(self.outward, 0)
        self.outward_end = True
        self.loop.offer(self)
        return 0

    # -- what can happen --------------------------------------------------------------------------------------------

    cdef int events(self) noexcept:
        cdef int found = 0
        cdef size_t waiting = left(self.outward, self.sent)
        if self.reads and (self.arrived > self.read or self.error or self.broken
                           or (self.inward_end and self.arrived == left(self.inward, 0))):
            found |= READ
        if self.writes and not self.pending and (waiting < self.network.window or self.error or self.broken):
            found |= WRITE
        if self.peer is not None and not self.told and not self.pending and not self.peer_gone:
            if waiting and self.reading and not (self.broken and not self.closed):
                found |= GIVE
            elif not waiting and self.outward_end:
                found |= GIVE
        return found

    cdef bint ready(self) noexcept:
        return self.events() != 0

    cdef int happen(self) except -1:
        cdef int found = self.events()
        cdef int event = GIVE
        if found != GIVE:
            event = <int>(self.network.dice.roll() % 3)
            event = 1 << event
            while not found & event:
                event = event << 1 if event < GIVE else READ
        self.loop.note(self.number << 4 | event, self.arrived - self.read)
        if event == GIVE:
            return self.give()
        owner = self.transport.owner
        if event == READ:
            owner.readable()
        else:
            owner.writable()
        if self.read:
            before = self.read
            self.read = shift(self.inward, self.read)
            self.arrived -= before - self.read
        return 0

    cdef int give(self) except -1:
        """Bytes, or the end, reach the peer."""
        cdef size_t waiting = left(self.outward, self.sent)
        if not waiting:
            self.told = True
            self.peer.ended(self.broken)
            return 0
        waiting = self.part(waiting)
        data = PyBytes_FromStringAndSize(PyByteArray_AS_STRING(self.outward) + self.sent, waiting)
        self.sent = shift(self.outward, self.sent + waiting)
        self.peer.received(data)
        return 0

    # -- the peer's end ---------------------------------------------------------------------------------------------

    def send(self, bytes data not None, int64_t delay=0):
        """The proxy can read it after `delay` microseconds, and after all that was sent before."""
        cdef const uint8_t* start = data
        if self.closed or self.peer_gone or self.inward_end or self.broken:
            return
        put(self.inward, start, len(data))
        if delay:
            self.loop.call_later(delay / 1e6, self.arrive, len(data))
        elif self.arrived + len(data) == <size_t>PyByteArray_GET_SIZE(self.inward):
            self.arrived += len(data)
            self.loop.offer(self)
        else:
            self.loop.call_soon(self.arrive, len(data))

    def arrive(self, size_t size):
        if not self.closed and not self.broken:
            self.arrived += size
            self.loop.offer(self)

    def finish(self):
        """No more comes from the peer; it still reads."""
        if not self.peer_gone:
            self.inward_end = True
            self.loop.offer(self)

    def close(self):
        """The peer closes in order: what it sent arrives, what is sent to it is answered with a reset."""
        if not self.peer_gone:
            self.finish()
            self.peer_gone = True
            self.peer = None
            self.loop.offer(self)

    def reset(self):
        """The peer is gone at once; what is still under way is lost."""
        if self.peer_gone or self.closed:
            self.peer_gone = True
            return
        self.peer_gone = self.broken = True
        self.peer = None
        self.error = ECONNRESET
        PyByteArray_Resize(self.inward, self.arrived)
        self.loop.offer(self)

    def read_on(self, bint reading=True):
        self.reading = reading
        self.loop.offer(self)

    def settle(self, int refusal, peer):
        """The outcome of a connect: 0 and the peer, or an errno."""
        if self.pending:
            self.pending, self.refusal, self.peer = False, refusal, peer
            self.loop.offer(self)


cdef class SimulatedTransport(Transport):
    cdef Py_ssize_t recv(self, uint8_t* into, size_t room) noexcept:
        return -EBADF if self.wire.closed else self.wire.recv(into, room)

    cdef Py_ssize_t send(self, const uint8_t* data, size_t size) noexcept:
        return -EBADF if self.wire.closed else self.wire.send_bytes(data, size)

    cdef int watch_read(self, bint on) except -1:
        self.wire.reads = on and not self.wire.closed
        return self.wire.loop.offer(self.wire)

    cdef int watch_write(self, bint on) except -1:
        self.wire.writes = on and not self.wire.closed
        return self.wire.loop.offer(self.wire)

    cdef int connected(self) noexcept:
        return EBADF if self.wire.closed else self.wire.refusal

    cdef void end(self) noexcept:
        self.wire.outward_end = True
        try:
            self.wire.loop.offer(self.wire)
        except BaseException:  # noqa: BLE001, S110 - as a socket's shutdown, this tells nothing
            pass

    cdef void abort(self) noexcept:
        self.wire.rude = True

    cdef int close(self) except -1:
        self.owner = None
        return self.wire.close_proxy()

    cdef str peer(self):
        return self.wire.address


cdef class SimulatedNetwork(Network):
    def __init__(self, SimulatedLoop loop not None):
        self.sim, self.dice = loop, loop.dice
        self.hosts = {}
        self.window = WINDOW

    cdef SimulatedTransport transport(self, Wire wire):
        cdef SimulatedTransport made = SimulatedTransport.__new__(SimulatedTransport)
        made.wire, wire.transport = wire, made
        self.open += 1
        return made

    def listen(self, int fd):
        """A listening socket by this number."""
        Door(self.sim, fd)

    def dial(self, int fd, peer):
        """A client connects there: its end of the connection."""
        cdef Wire wire = Wire(self)
        cdef Door door = self.sim.doors[fd]
        wire.address, wire.peer = f"client {wire.number}", peer
        door.backlog.append(wire)
        self.sim.offer(door)
        return wire

    cdef Transport accept(self, int fd, int* error):
        cdef Door door = self.sim.doors[fd]
        if not door.backlog:
            error[0] = EAGAIN
            return None
        if self.full:
            error[0] = EMFILE
            return None
        return self.transport(door.backlog.popleft())

    cdef Transport connect(self, str address):
        """The host's `dialled(wire)` settles it, now or later or never; an errno fails it at once."""
        cdef Wire wire
        if self.full:
            raise OSError(errors.EMFILE, "connect")
        wire = Wire(self)
        wire.address, wire.pending = address, True
        code = self.hosts[address].dialled(wire)
        if code:
            raise OSError(code, f"connect to {address}")
        return self.transport(wire)
