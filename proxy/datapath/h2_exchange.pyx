"""One exchange on a stream of HTTP/2: its request and its answer, whose it is, and the ends that it may come to.

What its connection must do for it is here too, as a class to be filled in: so streams do not know their connections, and
`h2_connection` knows its streams.

What always holds: `stream.owner` is this exactly while `stream` is set; after both messages `stream` is NULL and another may
begin, or the owner is closed; whoever closes it in between resets the stream.
"""

from libc.stdint cimport int64_t, uint8_t

from proxy.datapath.buffers cimport buf_t, segment_t
from proxy.datapath.conn cimport CLOSED, Conn
from xproto.kernel.http2_streams cimport ENDED_WELL, RESET_BY_US


cdef class H2Connection(Conn):
    cdef int freed(self, H2Exchange stream) except -1:
        return 0

    cdef int left(self, H2Exchange stream) except -1:
        return 0

    cdef bint stream_for(self, H2Exchange stream) except -1:
        return False

    cdef bint translates(self) noexcept:
        return False

    cdef int doom(self, H2Exchange stream) except -1:
        """Its owner is to be closed, once whoever is at work with it now has finished."""
        self.doomed.append(stream)
        return self.touch()


cdef class H2Exchange(Transport):
    cdef int begin(self, h2stream_t* stream) except -1:
        self.stream = stream
        stream.owner = <void*>self
        self.stage, self.waiting, self.headed = AT_HEAD, 0, self.near
        self.keeps = not self.near
        self.grpc_status = -1
        return 0

    cdef int deliver(self, const uint8_t* data, int64_t size) except -1:
        """To the owner, as if it had been read from a socket."""
        cdef Conn owner = <Conn>self.owner
        if owner is None or owner.state == CLOSED or size == 0:
            return 0
        try:
            owner.heard = owner.core.now
            owner.feed(data, size)
        except Exception as error:  # noqa: BLE001 - one stream's trouble is not the others'
            owner.crash(error)
        return 0

    cdef int give_back(self) except -1:
        """What the owner has dealt with may come again."""
        cdef Conn owner = <Conn>self.owner
        cdef int64_t size = self.waiting
        if self.stream == NULL or size == 0 or owner is None or owner.paused:
            return 0
        self.waiting = 0
        return self.connection.session.consumed(self.stream, size)

    cdef int forget(self) noexcept:
        """The request will not be sent again."""
        self.keeps = False
        if self.asked.size:
            self.connection.core.buffers.drop(&self.asked)
        return 0

    cdef int give_up(self) except -1:
        cdef Conn owner = <Conn>self.owner
        if owner is None or owner.state == CLOSED or self.stream != NULL:
            return 0
        return owner.take_back(&self.asked, False)

    cdef int over(self) except -1:
        """Both messages came to their ends."""
        cdef h2stream_t* stream = self.stream
        self.stream = NULL
        self.stage = AT_HEAD
        self.forget()
        self.connection.session.close(stream, ENDED_WELL)
        return self.connection.freed(self)

    cdef int part(self) except -1:
        """What comes was whole by its length, and the stream's end has not come: that is not waited for."""
        if self.stream != NULL:
            self.stream.owner = NULL
            self.stream = NULL
        self.stage = AT_HEAD
        return 0

    cdef int reset(self, int code) except -1:
        cdef h2stream_t* stream = self.stream
        cdef Session session = self.connection.session
        if stream == NULL:
            return 0
        self.stream = NULL
        if not session.over:
            session.write_reset(stream.id, code)
        return session.close(stream, RESET_BY_US)

    cdef int send_rest(self) except -1:
        """What came before the reset that is passed on goes before it, as far as it may."""
        cdef Conn owner = <Conn>self.owner
        cdef segment_t* segment
        cdef buf_t* some
        if owner is None:
            return 0
        some, segment = &owner.out.first, owner.out.rest
        while some.size and self.send(some.data + some.head, some.size) == <Py_ssize_t>some.size and segment != NULL:
            some, segment = &segment.buf, segment.next
        return 0

    cdef int drop_owner(self, int code) except -1:
        cdef Conn owner = <Conn>self.owner   # ours may be the last that holds it
        if owner is None or owner.state == CLOSED:
            return 0
        return owner.broke(code) if code else owner.shut()

    cdef int go_on(self) except -1:
        """It may be able to send again."""
        cdef Conn owner = <Conn>self.owner
        if owner is not None and owner.state != CLOSED:
            owner.writable()
        return 0
