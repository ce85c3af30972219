"""The handshake of TLS at the door: from a ClientHello to a connection that may speak, as if nothing had come yet.

The hello is read here, before OpenSSL sees it: it decides the filter chain, and so the context, once and for all.

What always holds: between the hello and the handshake's end nothing else is read of the connection; it is counted among
those under way exactly then; a connection that fails is counted once, by its reason.
"""

from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.counters cimport add, observe, take
from proxy.datapath.port cimport Binding, Chain, Port
from proxy.datapath.filtered cimport Filtered
from proxy.datapath.tls cimport new_tls

from xproto.autodetect.client_hello import LONGEST as LONGEST_HELLO
from xproto.autodetect.client_hello import read as read_hello
from xproto.errors import MalformedError

ALPN = {"http/1.1": "http1", "http/1.0": "http1", "h2": "http2"}
"""Protocols that need not be detected any more, by what was negotiated."""

cdef const uint8_t* UNRECOGNISED = b"\x15\x03\x03\x00\x02\x02\x70"    # a fatal alert: unrecognized_name (RFC 6066)


cdef class Veiled(Filtered):
    cdef bint hello(self, const uint8_t* data, size_t size) except -1:
        """Does it begin with TLS? True: all of this is the handshake's. False: plaintext, where that is taken, or nothing is
        known yet, or it is closed."""
        cdef Port port = self.port
        cdef Chain chain
        if data[0] != HANDSHAKE or port.choice is None:
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
            self.offered = found.server_name, found.alpn
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

    cdef bint belongs(self) except -1:
        """Would its hello still find the chain that it has? A reload may give its name to another one, which wants more."""
        if self.offered is None or self.port.choice is None:
            return self.offered is None
        return self.port.choice.find(*self.offered) == self.chain.name

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
        if binding.carried:
            return self.share(binding, NULL, 0)
        self.speak(binding)
        return self.rest()

    cdef int insecure(self) except -1:
        return self.refuse_tls(self.io.reason, self.io.why)

    cdef int refuse_tls(self, str reason, str why) except -1:
        self.port.insecure(reason)
        self.core.tell(f"{self.label()}: closed: TLS: {why}")
        return self.shut()

    # -- what the whole connection does in its own way ----------------------------------------------------------
    cdef int wait(self) except -1:
        return 0

    cdef int more(self, Py_ssize_t wanted, Py_ssize_t seen, int64_t patience) except -1:
        return 0

    cdef int speak(self, Binding binding) except -1:
        return 0

    cdef int share(self, Binding binding, const uint8_t* data, size_t size) except -1:
        return 0

    cdef int stray(self, const uint8_t* data, size_t size, str why) except -1:
        return 0

    cdef int rest(self) except -1:
        return 0
