"""TLS as a transport over a transport: whoever owns it sends and receives plaintext, and knows of nothing else.

OpenSSL works on memory here and never on the socket. So the bytes by which a connection was recognised go in first, a read
of the socket is one system call whatever records are in it, and the same code runs over a simulated network.

What always holds: nothing is read or sent for the owner before `handshake` is DONE; the last byte of what was encrypted
counts as sent only when the socket has all of it, so an owner that has nothing left to send has nothing left here either; an
end without TLS's own is a reset (RFC 8446, section 6.1), since what is missing may have been cut off by anybody; what OpenSSL
keeps for a connection is a few records, whatever is sent.
"""

import os
import ssl

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport EAGAIN, ECONNRESET, EPROTO
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from proxy.datapath.transport cimport DONE, FAILED, UNDER_WAY

from proxy.tls.failures import RejectedError, explain

WANTS_READ, ENDED = ssl.SSLWantReadError, ssl.SSLZeroReturnError
SSL_ERRORS = (ssl.SSLError, RejectedError, ValueError)

cdef extern from "Python.h":
    const int PyBUF_READ, PyBUF_WRITE

cdef uint8_t[CIPHER_ROOM] received    # of one event; a worker has one thread
cdef uint8_t[CIPHER_ROOM] records     # of one send


cdef inline object reading(const uint8_t* data, Py_ssize_t size):
    return PyMemoryView_FromMemory(<char*>data, size, PyBUF_READ)


cdef Tls new_tls(object loop, Transport inner, object side, str server_name, const uint8_t* data, Py_ssize_t size):
    """`data`: what was received already. `server_name`: what the client asked for; None for our own client."""
    cdef Tls made = Tls.__new__(Tls)
    made.loop, made.inner, made.side, made.server_name = loop, inner, side, server_name
    made.incoming, made.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    made.session = side.wrap(made.incoming, made.outgoing)
    made.step = UNDER_WAY
    if size:
        made.address = inner.peer()
        made.feed(data, size)
    return made


cdef class Tls(Transport):
    # -- the handshake ------------------------------------------------------------------------------------------

    cdef int handshake(self) except -2:
        if self.step != UNDER_WAY:
            return self.step
        try:
            self.step = self.shake()
        except SSL_ERRORS as error:
            self.failed(error)
        return self.step

    cdef int shake(self) except -2:
        cdef Py_ssize_t got
        while True:
            try:
                self.session.do_handshake()
            except WANTS_READ:
                self.push()
                got = self.inner.recv(received, SLICE)
                if got == -EAGAIN:
                    return UNDER_WAY
                if got <= 0:
                    self.reason, self.why = "closed", f"it went away: {os.strerror(<int>-got)}" if got else "it went away"
                    return FAILED
                self.feed(received, got)
                continue
            self.push()
            self.identity = self.side.judge(self.session, self.server_name)
            self.more = True                # what came with the last of the handshake
            return DONE

    cdef int failed(self, object error) except -2:
        """Says why, to the peer by its alert too."""
        self.step = FAILED
        self.reason, self.why = explain(error)
        try:
            if isinstance(error, RejectedError):
                self.bye = True
                try:
                    self.session.unwrap()   # OpenSSL knows no alert of ours
                except WANTS_READ:
                    pass
            self.push()
        except SSL_ERRORS:
            pass
        return 0

    # -- reading ------------------------------------------------------------------------------------------------

    cdef Py_ssize_t recv(self, uint8_t* into, size_t room) noexcept:
        cdef Py_ssize_t got
        if self.step != DONE:
            return -EPROTO if self.step == FAILED else -EAGAIN
        try:
            got = self.pull(into, room)
            if self.more:
                self.stir()
            elif self.ends:
                self.end()
            return got
        except Exception as error:  # noqa: BLE001 - nothing goes through the noexcept of a transport
            self.more = False
            try:
                self.failed(error)
            except Exception:  # noqa: BLE001, S110 - it is told of what came first
                pass
            return -EPROTO

    cdef Py_ssize_t pull(self, uint8_t* into, size_t room) except? -1:
        """What is here first, then one read of the socket. 0: the peer's end, said by TLS."""
        cdef Py_ssize_t got, taken = 0, at = 0
        if self.wrong is not None:
            raise self.wrong
        if self.over:
            return 0
        if self.more:
            self.more = False
            taken = self.take(into, room)
            if taken or self.over:
                return taken
        got = self.inner.recv(received, min(room, <size_t>CIPHER_ROOM))
        if got == 0:
            self.reason, self.why = "closed", "it ended without TLS's own end: what it sent may have been cut off"
            return -ECONNRESET
        if got < 0:
            return got
        while at < got and not self.over and self.wrong is None:
            self.feed(received + at, min(got - at, <Py_ssize_t>SLICE))
            at += min(got - at, <Py_ssize_t>SLICE)
            try:
                taken += self.take(into + taken, room - taken)
            except SSL_ERRORS as error:
                if not taken:
                    raise
                self.wrong = error          # what came before it counts
                break
        self.more = self.more or taken > 0 and (self.over or self.wrong is not None)
        if self.outgoing.pending:
            self.push()                     # an answer of OpenSSL's own: to a change of keys
            if self.outgoing.pending > PLAIN_RECORD:
                raise RejectedError("protocol", "it asks for answers of TLS and does not read them")
        if not self.remembers:
            self.remembers = True
            self.side.remember(self.session)
        return taken if taken or self.over else -EAGAIN

    cdef Py_ssize_t take(self, uint8_t* into, size_t room) except? -1:
        """Plaintext of the records that are here, as far as there is room."""
        cdef Py_ssize_t taken = 0, got
        while room > <size_t>taken:
            try:
                got = self.session.read(room - taken, PyMemoryView_FromMemory(<char*>into + taken, room - taken, PyBUF_WRITE))
            except WANTS_READ:
                return taken
            except ENDED:
                got = 0
            except SSL_ERRORS as error:
                if not taken:
                    raise
                self.wrong = error          # what came before it counts
                self.more = True
                return taken
            taken += got
            if got == 0:
                self.over = True
                self.more = taken > 0       # told next time
                return taken
            if not self.incoming.pending and not self.session.pending():
                return taken
        self.more = True
        return taken

    cdef int feed(self, const uint8_t* data, Py_ssize_t size) except -1:
        self.incoming.write(reading(data, size))
        return 0

    cdef int stir(self) except -1:
        """No event will tell of what is here already: the loop is asked to."""
        if self.reads and not self.soon:
            self.soon = True
            self.loop.call_soon(self.again)
        return 0

    def again(self):
        self.soon = False
        if self.more and self.reads and self.owner is not None:
            self.owner.readable()

    # -- writing ------------------------------------------------------------------------------------------------

    cdef Py_ssize_t send(self, const uint8_t* data, size_t size) noexcept:
        if self.step != DONE:
            return -EPROTO if self.step == FAILED else -EAGAIN
        try:
            return self.put(data, size)
        except Exception as error:  # noqa: BLE001 - as in recv
            try:
                self.failed(error)
            except Exception:  # noqa: BLE001, S110
                pass
            return -EPROTO

    cdef Py_ssize_t put(self, const uint8_t* data, size_t size) except? -1:
        cdef size_t done = 0, part
        cdef Py_ssize_t filled = 0, put
        cdef bytes record
        cdef int count = 0
        if self.left is not None:
            put = self.push_left()
            if put:
                return put
        if self.owed:
            self.owed = False
            done = 1
        while done < size and count < RECORDS:
            part = min(size - done, <size_t>PLAIN_RECORD)
            self.session.write(reading(data + done, part))
            done += part
            count += 1
            record = self.outgoing.read()
            if filled + PyBytes_GET_SIZE(record) > CIPHER_ROOM:
                raise AssertionError("records that are longer than records can be")
            memcpy(records + filled, PyBytes_AS_STRING(record), PyBytes_GET_SIZE(record))
            filled += PyBytes_GET_SIZE(record)
        if filled == 0:
            return done
        put = self.inner.send(records, filled)
        if put < 0 and put != -EAGAIN:
            return put
        if put < filled:
            put = max(put, 0)
            self.left, self.left_at = (<char*>records)[put:filled], 0
            self.owed = True
            done -= 1
        return done

    cdef int push(self) except? -1:
        """What OpenSSL has to say goes out; 0, or an errno."""
        cdef bytes record
        if self.left is not None and self.push_left():
            return 0                        # it goes behind that
        record = self.outgoing.read()
        if not record:
            return 0
        self.left, self.left_at = record, 0
        return self.push_left()

    cdef int push_left(self) except? -1:
        """0 when it is all in the socket, or -errno."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.left), put
        while self.left_at < size:
            put = self.inner.send(<const uint8_t*>PyBytes_AS_STRING(self.left) + self.left_at, size - self.left_at)
            if put <= 0:
                if put == 0 or put == -EAGAIN:
                    if self.step == UNDER_WAY:
                        self.inner.watch_write(True)
                    return -EAGAIN
                return <int>put
            self.left_at += put
        self.left = None
        return 0

    # -- the rest -----------------------------------------------------------------------------------------------

    cdef int watch_read(self, bint on) except -1:
        self.reads = on
        self.inner.owner = self.owner
        self.inner.watch_read(on)
        return self.stir() if on and self.more else 0

    cdef int watch_write(self, bint on) except -1:
        self.inner.owner = self.owner
        if not on and self.left is not None and self.step == DONE:
            self.push_left()
        return self.inner.watch_write(on or self.left is not None)

    cdef int connected(self) noexcept:
        return self.inner.connected()

    cdef void give_up_after(self, int64_t microseconds) noexcept:
        self.inner.give_up_after(microseconds)

    cdef void abort(self) noexcept:
        self.aborted = True
        self.inner.abort()

    cdef int say_bye(self) except -1:
        """That nothing more comes from here."""
        if self.bye or self.aborted or self.step != DONE:
            return 0
        self.bye = True
        try:
            self.session.unwrap()
        except SSL_ERRORS:
            pass                            # it waits for the peer's own; we do not
        if self.outgoing.pending:
            self.push()
        return 0

    cdef void end(self) noexcept:
        self.ends = self.more               # saying it would throw away what was not read yet
        if self.ends:
            return
        try:
            self.say_bye()
        except Exception:  # noqa: BLE001, S110 - the socket's end says it too
            pass
        self.inner.end()

    cdef int close(self) except -1:
        try:
            self.say_bye()
        finally:
            self.reads = self.more = False
            self.owner = None
            self.inner.close()
        return 0

    cdef str peer(self):
        return self.inner.peer() if self.address is None else self.address
