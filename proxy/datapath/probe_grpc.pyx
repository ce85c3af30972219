"""A check by gRPC: one call of its health service, on a stream of the connection that the host's calls go by.

So it needs no other connection, and it fails where they would. What is asked and what the answer means is
`proxy.health.grpc`'s.

What always holds: no stream is waited for where the host gives none to calls either; a host that says goodbye before it has
looked at the call is not judged by that.
"""

import os

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from proxy.datapath.buffers cimport buf_t
from proxy.datapath.conn cimport CONNECTING, OPEN
from proxy.datapath.core cimport Core
from proxy.datapath.h2_stream cimport H2Stream
from proxy.datapath.h2_upstream cimport H2Upstream
from proxy.datapath.probe cimport Probe
from proxy.datapath.transport cimport Transport
from xproto.kernel.http1 cimport BODY_CHUNKED, FINE, head_end, head_t, read_head
from xproto.kernel.http1_body cimport is_whole, take_apart

from proxy.health.grpc import MAX_ANSWER, judge, judge_head, request
from proxy.health.verdict import Verdict
from xproto.kernel.http2_wire import NAMES

cdef enum:
    PIECE = 512               # bytes of a body that are looked at together


cdef class GrpcProbe(Probe):
    cdef bint start(self) except -1:
        cdef Transport io
        self.message = b""
        self.rx = self.tx = &self.core.nothing
        try:
            io = self.stream()
        except OSError as error:
            self.unconnected(error.strerror or str(error))
            self.shut()
            return True
        if io is not None:
            self.attach(io, CONNECTING)
        return io is not None

    cdef Transport stream(self):
        """Streams that are kept for calls, and rest, are no hindrance. None: all are at work. Raises `OSError`."""
        cdef H2Upstream each
        for each in self.host.shared:
            if each.state <= OPEN and each.session.has_room():
                return each.stream_of()
        return None if self.host.crowded() else self.host.stream()

    cdef int connected(self) except -1:
        cdef int code = self.io.connected()
        cdef object tls = self.host.tls
        cdef str address = self.host.address
        if code:
            return self.broke(code)
        self.state = OPEN
        self.io.watch_write(False)
        if self.host.failures:
            self.host.works()
        authority = self.kind.authority or (tls.server_name if tls is not None else "") or (
            "localhost" if address.startswith("unix:") else address)
        return self.send(request(self.kind.service, authority, self.timeout))

    cdef Py_ssize_t frames(self, const uint8_t* data, size_t size) except -1:
        cdef size_t used = 0
        while used < size and self.outcome is None:
            some = self.body_in(data + used, size - used) if self.headed else self.head_in(data + used, size - used)
            if some == 0:
                self.need = size - used + 1
                return used
            used += some
        return size

    cdef Py_ssize_t head_in(self, const uint8_t* data, size_t size) except -1:
        """An answer's head, or an interim one. 0: it is not whole."""
        cdef head_t* head = self.core.head
        cdef int64_t seen = 0, at = 0
        cdef int64_t whole = head_end(data, size, &seen)
        if whole == 0:
            return 0
        if whole < 0 or read_head(data, whole, True, head, &at) != FINE:
            self.settle(Verdict("malformed", "the head of its answer"))
            return size
        if head.status < 200:
            return whole
        self.headed = True
        verdict = judge_head(head.status, self.media(data, head))
        if verdict is not None:
            self.settle(verdict)
            return size
        memset(&self.body, 0, sizeof(self.body))
        self.body.form, self.body.left = head.form, <uint64_t>head.length
        if is_whole(&self.body):
            self.settle(judge(self.io.grpc_status, b""))
        elif head.form != BODY_CHUNKED:
            raise AssertionError("a stream of gRPC that is not in chunks")
        return whole

    cdef bytes media(self, const uint8_t* data, const head_t* head):
        cdef int i
        for i in range(head.count):
            if (<const char*>data)[head.fields[i].name_at:head.fields[i].name_at + head.fields[i].name_size] == b"content-type":
                return (<const char*>data)[head.fields[i].value_at:head.fields[i].value_at + head.fields[i].value_size]
        return b""

    cdef Py_ssize_t body_in(self, const uint8_t* data, size_t size) except -1:
        """The message, in chunks; the status is known when they are at their end."""
        cdef uint8_t[PIECE] piece
        cdef int64_t taken = 0
        cdef int64_t used = take_apart(&self.body, data, min(size, <size_t>PIECE), piece, &taken)
        if used > 0:
            self.message += (<const char*>piece)[:taken]
        if used < 0 or len(self.message) > MAX_ANSWER:
            self.settle(Verdict("malformed", "its answer is too long"))
            return size
        if is_whole(&self.body):
            self.settle(judge(self.io.grpc_status, self.message))
        return used

    cdef int take_back(self, buf_t* sent, bint elsewhere) except -1:
        self.unseen = not elsewhere
        return 0

    cdef int broke(self, int code) except -1:
        cdef H2Upstream bearer = <H2Upstream>(<H2Stream>self.io).connection
        cdef int reset = self.core.reset_code
        if self.unseen or self.outcome is not None:
            return self.shut()
        if self.state == CONNECTING and not bearer.made:
            self.unconnected(self.io.why or os.strerror(code))
        elif reset:
            self.settle(Verdict("closed", f"its stream was reset: {NAMES[reset] if reset < len(NAMES) else reset}"))
        else:
            self.settle(Verdict("closed", "the connection ended before the answer"))
        return self.shut()

    cdef int unconnected(self, str why) except -1:
        """The host hears of it too: no call need try."""
        self.settle(Verdict("connect", why))
        return self.host.failed(None, why)
