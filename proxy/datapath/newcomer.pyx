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
from proxy.datapath.counters cimport add, observe, take
from proxy.datapath.opening cimport Opening
from proxy.datapath.order cimport Order
from proxy.datapath.port cimport Binding, Chain, Port
from proxy.datapath.requester cimport Requester
from proxy.datapath.tls cimport new_tls
from proxy.datapath.transport cimport Transport
from proxy.datapath.tunnel cimport new_tunnel

from xproto.autodetect.client_hello import LONGEST as LONGEST_HELLO
from xproto.autodetect.client_hello import read as read_hello
from xproto.autodetect.proxy_protocol import LONGEST, read
from xproto.autodetect.strangers import PROXY1, PROXY2
from xproto.errors import MalformedError

BEGINNINGS = (PROXY1, PROXY2)
ALPN = {"http/1.1": "http1", "http/1.0": "http1", "h2": "http2"}
"""Protocols that need not be detected any more, by what was negotiated."""

cdef enum:
    HANDSHAKE = 0x16          # the first byte of a ClientHello's record
cdef const uint8_t* UNRECOGNISED = b"\x15\x03\x03\x00\x02\x02\x70"    # a fatal alert: unrecognized_name (RFC 6066)


cdef class Newcomer(Requester):
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
        if self.chain is not None and self.chain.only is not None and not self.headed:
            self.speak(self.chain.only)
        elif self.port.opening.fallback is not None:
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

    # -- TLS ----------------------------------------------------------------------------------------------------

    cdef bint hello(self, const uint8_t* data, size_t size) except -1:
        """Does it begin with TLS? True: all of this is the handshake's. False: plaintext, where that is taken, or nothing is
        known yet, or it is closed."""
        cdef Port port = self.port
        cdef Chain chain
        if data[0] != HANDSHAKE:
            chain = port.chains.get(None)
            if chain is None:
                self.refuse_tls("plaintext", f"TLS is required, and it begins with {data[:min(size, <size_t>16)]!r}")
                return False
            self.chain = chain
            return False
        try:
            found = read_hello(data[:min(size, <size_t>LONGEST_HELLO)])
        except MalformedError as error:
            self.refuse_tls("protocol", f"malformed: {error}")
            return False
        if type(found) is int:
            self.more(found, size, port.handshake_timeout)
            return False
        name = port.choice.find(found.server_name, found.alpn)
        if name is not None:
            self.go_secret(port.chains[name], found.server_name, data, size)
            return True
        why = f"no filter chain is for the server name {found.server_name!r} with the protocols {found.alpn!r}"
        if port.opening.fallback is not None:
            self.stray(data, size, why)
            return True
        self.io.send(UNRECOGNISED, 7)
        self.refuse_tls("no_chain", why)
        return False

    cdef int go_secret(self, Chain chain, str server_name, const uint8_t* data, size_t size) except -1:
        """The handshake begins, with the hello that was read."""
        if self.core.shaking >= MOST_SHAKING:
            return self.refuse_tls("overload", f"{self.core.shaking} handshakes are under way")
        if self.timed:
            self.io.low_water(1)
        self.io = new_tls(self.core.loop, self.io, chain.side, server_name, data, size)
        self.io.owner = self
        self.chain = chain
        self.need = 0
        self.timed = self.shaking = True
        self.core.shaking += 1
        add(self.port.secure_count.under_way, 1)
        if self.port.handshake_timeout > 0:
            self.core.wheel.set(&self.alarm, self.since + self.port.handshake_timeout)
        return self.secure()

    cdef int shaken(self) except -1:
        """Its handshake is over, one way or another."""
        if self.shaking:
            self.shaking = self.securing = False
            self.core.shaking -= 1
            take(self.port.secure_count.under_way, 1)
        return 0

    cdef int secured(self) except -1:
        cdef Binding binding
        identity = self.io.identity
        self.shaken()
        add(self.port.secure_count.handshakes, 1)
        if identity.resumed:
            add(self.port.secure_count.resumed, 1)
        observe(&self.port.secure_count.duration, self.core.now - self.since)
        self.sni = None if identity.server_name is None else identity.server_name.encode()
        self.san = None if identity.principal is None else identity.principal.encode()
        self.since = 0
        self.io.watch_read(True)
        binding = self.chain.bindings.get(ALPN.get(identity.alpn))
        if binding is None:
            return self.wait()
        self.timed = False
        self.speak(binding)
        return self.rest()

    cdef int insecure(self) except -1:
        return self.refuse_tls(self.io.reason, self.io.why)

    cdef int refuse_tls(self, str reason, str why) except -1:
        self.port.insecure(reason)
        self.core.tell(f"{self.label()}: closed: TLS: {why}")
        return self.shut()

    # -- detection ----------------------------------------------------------------------------------------------

    cdef int judged(self, const uint8_t* data, size_t size) except -1:
        cdef Port port = self.port
        cdef Py_ssize_t seen = min(<Py_ssize_t>size, port.detect_bytes)
        answer = self.chain.only.codec.name if self.chain.only is not None else self.chain.detect(data[:seen])
        if type(answer) is int and seen < port.detect_bytes:
            return self.more(min(<Py_ssize_t>answer, port.detect_bytes), seen, port.detect_timeout)
        binding = self.chain.bindings.get(answer) if type(answer) is str else None
        if binding is None:
            return self.unknown(answer, data, size)
        if self.chain.only is None:
            observe(&port.count.detection, self.core.now - self.since)
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
        if self.securing:
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
        if not self.tail.size or self.port.opening.fallback is None or self.owes_header():
            self.eof = True
            return self.shut()
        add(self.port.count.detected_none, 1)
        return self.stray(self.tail.data + self.tail.head, self.tail.size, "")

    cdef bint owes_header(self) except -1:
        """It has begun one, or has to: no fallback may see a half of it."""
        start = self.tail.data[self.tail.head:self.tail.head + min(self.tail.size, <size_t>16)] if self.tail.size else b""
        return self.headed and (self.port.opening.required or start.startswith(BEGINNINGS))

    cdef bint undecided(self) noexcept:
        """Does its alarm mean that no protocol was known in time?"""
        return self.state == DETECTING and (self.timed or self.port.opening.fallback is not None)

    cdef int rest(self) except -1:
        return 0

    cdef str name_of_client(self):
        """For logs and filters: its address, as the kernel or a trusted peer says."""
        cdef str peer = "gone" if self.io is None else self.io.peer()
        return f"{self.client} (by {peer})" if self.client else peer
