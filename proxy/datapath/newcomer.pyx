"""A client's connection until its protocol is known: a PROXY header, then the first bytes, then somebody who takes it on.

    accepted --header of a trusted peer--> the same, with the client's address
             --a ClientHello--> a handshake, then the same inside it
             --a protocol--> OPEN
             --nobody's, or nothing in time--> the fallback's tunnel, or closed

The deadline counts from the first byte, and no later byte sets it back; while it runs the kernel wakes nobody for fewer
bytes than could change the answer. A connection that says nothing at all is a pool's, and is left alone, unless there is
a fallback: there the server may be the one to speak first, so silence is an answer too, counted from the accept.

What always holds: bytes that were looked at go to whoever takes the connection on, all of them and nothing twice; a
connection is counted in `detected_total` once by what it began with.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from proxy.datapath.conn cimport CLOSED, DETECTING, OPEN, Conn
from proxy.datapath.core cimport READ_SIZE
from proxy.datapath.counters cimport add, observe
from proxy.datapath.h2_downstream cimport new_h2_downstream
from proxy.datapath.opening cimport Opening
from proxy.datapath.order cimport Order
from proxy.datapath.port cimport Binding, Port
from proxy.datapath.veiled cimport HANDSHAKE, Veiled
from proxy.datapath.transport cimport Transport
from proxy.datapath.tunnel cimport new_tunnel

from xproto.autodetect.proxy_protocol import LONGEST, read
from xproto.autodetect.strangers import PROXY1, PROXY2
from xproto.errors import MalformedError

BEGINNINGS = (PROXY1, PROXY2)


cdef class Newcomer(Veiled):
    cdef int arrive(self) except -1:
        """It was accepted."""
        self.headed = self.port.opening.trusts(self.io)
        if self.port.choice is None:
            self.chain = self.port.chains[None]
        return self.wait()

    cdef int wait(self) except -1:
        """Nothing is here yet of what it will speak."""
        self.need = 0
        self.since = 0
        if self.timed:
            self.timed = False
            self.io.low_water(1)
        if self.chain is not None and self.chain.only is not None and not self.headed and not self.chain.only.carried:
            self.speak(self.chain.only)
        elif self.port.opening.fallback is not None and not self.veils():
            return self.core.wheel.set(&self.alarm, self.core.now + self.port.detect_timeout)
        return self.rest()

    cdef int feed(self, const uint8_t* data, size_t size) except -1:
        """What came until it is known whose it is stays together: a tunnel gets all of it."""
        if self.state == DETECTING and self.tail.size:
            self.keep(data, size, READ_SIZE)
            return Conn.feed(self, NULL, 0) if self.state == DETECTING else 0
        return Conn.feed(self, data, size)

    cdef Py_ssize_t opened(self, const uint8_t* data, size_t size) except -1:
        """Bytes used, those of a header. The state says what is known now; if nothing is, `need` says when to ask again."""
        cdef Py_ssize_t used = 0
        if not self.since:
            self.since = self.core.now
        if self.headed:
            used = self.header(data, size)
        if self.state == DETECTING and not self.headed and used < <Py_ssize_t>size:
            self.since = self.since or self.core.now
            if self.chain is None and self.hello(data + used, size - used):
                return size
            if self.state == DETECTING and self.chain is not None:
                self.judged(data + used, size - used)
        return used

    cdef Py_ssize_t header(self, const uint8_t* data, size_t size) except -1:
        cdef Port port = self.port
        cdef Py_ssize_t seen = min(<Py_ssize_t>size, <Py_ssize_t>LONGEST)
        try:
            found = read(data[:seen])
        except MalformedError as error:
            add(port.count.headers_malformed, 1)
            self.core.tell(f"{self.label()}: closed: malformed header: {error}")
            self.shut()
            return 0
        if type(found) is int:
            self.more(found, seen, port.detect_timeout)
            return 0
        if found is None and port.opening.required:
            add(port.count.headers_missing, 1)
            self.core.tell(f"{self.label()}: closed: no PROXY header, which is required of this peer")
            self.shut()
            return 0
        self.headed = False
        if found is None:
            return 0
        add(port.count.headers_accepted, 1)
        if found.source is not None:
            self.client = str(found.source)
        self.wait()
        return found.size

    # -- detection ----------------------------------------------------------------------------------------------

    cdef int judged(self, const uint8_t* data, size_t size) except -1:
        cdef Port port = self.port
        cdef Binding binding
        cdef Py_ssize_t seen = min(<Py_ssize_t>size, port.detect_bytes)
        answer = self.chain.only.codec.name if self.chain.only is not None else self.chain.detect(data[:seen])
        if type(answer) is int and seen < port.detect_bytes:
            return self.more(min(<Py_ssize_t>answer, port.detect_bytes), seen, port.detect_timeout)
        binding = self.chain.bindings.get(answer) if type(answer) is str else None
        if binding is None:
            return self.unknown(answer, data, size)
        if self.chain.only is None:
            observe(&port.count.detection, self.core.now - self.since)
        if binding.carried:
            return self.share(binding, data, size)
        self.speak(binding)
        return self.rest()

    cdef int more(self, Py_ssize_t wanted, Py_ssize_t seen, int64_t patience) except -1:
        """So many bytes in all are needed to say more, within a time that counts from the first one."""
        self.need = max(wanted, seen + 1)
        self.io.low_water(self.need - seen)
        if not self.timed:
            self.timed = True
            self.core.wheel.set(&self.alarm, self.since + patience)
        return 0

    cdef int speak(self, Binding binding) except -1:
        """From now on the connection has a protocol."""
        if self.timed:
            self.io.low_water(1)
        self.binding, self.codec = binding, binding.codec
        if self.codec.in_order and not self.codec.headed:        # messages have one call at a time
            self.order = Order(self.core.buffers)
        self.need = 0
        self.state = OPEN
        add(binding.count.detected, 1)
        return 0

    cdef int share(self, Binding binding, const uint8_t* data, size_t size) except -1:
        """Its connection has streams from now on, each of which is a connection of its own to us."""
        cdef Transport io = self.io
        if self.timed:
            io.low_water(1)
        self.binding, self.codec = binding, (<Binding>binding.carried[0]).codec
        add(binding.count.detected, 1)
        self.io = None
        io.watch_read(False)                 # it was for us
        new_h2_downstream(self, self.client, io, data, size)
        return self.shut()

    # -- strangers ----------------------------------------------------------------------------------------------

    cdef int unknown(self, object answer, const uint8_t* data, size_t size) except -1:
        """It is nobody's, or of a protocol that is known and not spoken here."""
        cdef Port port = self.port
        cdef Py_ssize_t seen = min(<Py_ssize_t>size, port.detect_bytes)
        start = data[:min(seen, 16)]
        if answer == "tls":
            add(port.count.detected_tls, 1)
        elif answer == "http1":
            add(port.count.detected_http1, 1)
        elif answer == "http2":
            add(port.count.detected_http2, 1)
        else:
            add(port.count.detected_none, 1)
            if start.startswith(BEGINNINGS):
                add(port.count.headers_untrusted, 1)
        return self.stray(data, size, f"no protocol of this listener begins with {start!r}")

    cdef int stray(self, const uint8_t* data, size_t size, str why) except -1:
        """The fallback takes it on, with what has come; without one it is closed."""
        cdef Transport io = self.io
        if self.port.opening.fallback is None:
            self.core.tell(f"{self.label()}: closed: {why}")
            return self.shut()
        add(self.port.count.detected_fallback, 1)
        self.io = None
        new_tunnel(self.port, io, self.client, data, size)
        return self.shut()

    cdef int late(self) except -1:
        """No protocol known in time."""
        if self.securing or self.veils():
            return self.refuse_tls("timeout", "the handshake was not over in time")
        cdef Py_ssize_t rest
        if not self.timed:
            self.read()                  # what has come in the meantime counts
            if self.state != DETECTING or self.heard == self.core.now:
                return 0
        if self.port.opening.fallback is None or self.owes_header():
            add(self.port.count.detected_timeout, 1)
            rest = self.io.recv(self.core.incoming, READ_SIZE)       # what is left unread would make our end a reset
            self.core.tell(f"{self.label()}: closed: no protocol known in time, after {self.tail.size + max(rest, 0)} bytes")
            return self.shut()
        add(self.port.count.detected_timeout, 1)
        return self.stray(self.tail.data + self.tail.head, self.tail.size, "")

    cdef int ended(self) except -1:
        """Its end, before a protocol: what there is of it may mean something to the fallback."""
        if self.veils() and self.tail.size:
            return self.refuse_tls("closed", "it went away within its hello")
        if not self.tail.size or self.port.opening.fallback is None or self.owes_header():
            self.eof = True
            return self.shut()
        add(self.port.count.detected_none, 1)
        return self.stray(self.tail.data + self.tail.head, self.tail.size, "")

    cdef bint owes_header(self) except -1:
        """It has begun one, or has to: no fallback may see a half of it."""
        start = self.tail.data[self.tail.head:self.tail.head + min(self.tail.size, <size_t>16)] if self.tail.size else b""
        return self.headed and (self.port.opening.required or start.startswith(BEGINNINGS))

    cdef bint veils(self) noexcept:
        """Has it begun a hello, or to begin with one? Then nobody but OpenSSL may see what it says."""
        return self.chain is None and not self.headed and (
            None not in self.port.chains
            or self.tail.size > 0 and self.tail.data[self.tail.head] == HANDSHAKE and self.port.choice is not None)

    cdef bint undecided(self) noexcept:
        """Does its alarm mean that no protocol was known in time?"""
        return self.state == DETECTING and (self.timed or self.port.opening.fallback is not None and not self.veils())

    cdef str name_of_client(self):
        """For logs and filters: its address, as the kernel or a trusted peer says."""
        cdef str peer = "gone" if self.io is None else self.io.peer()
        return f"{self.client} (by {peer})" if self.client else peer
