"""A stream of an HTTP/2 connection, as a transport: what is sent on it and read from it is the text of HTTP/1.1.

So whoever speaks messages (`messages.pyx`, `answers.pyx`) need not know by which version they come and go, and a call may
cross from either to either. Of what is sent the text is read again: a head becomes a header block, chunks become data, and
what follows the last one trailers. Of what comes the text is made (`xproto.kernel.http2_text`) and fed to the owner, who
keeps what it does not want yet; only what it has dealt with is given back to the stream's window.

One of these carries one exchange after another, each on a stream of its own, as a connection of HTTP/1.1 does.

What always holds: `stream.owner` is this exactly while `stream` is set; after both messages `stream` is NULL and another may
begin, or the owner is closed; whoever closes it in between resets the stream.
"""

from libc.errno cimport EAGAIN, ECONNREFUSED, ECONNRESET, EMSGSIZE, EPIPE
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp, memcpy, memset

from proxy.datapath.buffers cimport buf_t, segment_t
from proxy.datapath.conn cimport CLOSED, OPEN, Conn
from xproto.kernel.http1 cimport (
    BODY_CHUNKED, BODY_COUNTED, BODY_NONE, BODY_UNTIL_CLOSE, FINE, METHOD_HEAD, head_end, head_t, read_head,
)
from xproto.kernel.http1_chunked cimport CHUNK_DATA, CHUNK_DONE, CHUNK_NAME, CHUNK_TRAILER, CHUNK_TRAILER_LF, CHUNK_VALUE, pass_chunked
from xproto.kernel.http2_wire cimport CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR
from xproto.kernel.http2_streams cimport ENDED_WELL, GOT_END, GOT_HEAD, RESET_BY_US, SENT_END, stall
from xproto.kernel.http2_text cimport grpc_status_in, request_block, response_block, response_text, trailers_block, trailers_text

cdef enum Stage:              # of the text that is sent
    AT_HEAD, IN_BODY, AT_END

cdef enum:
    TOGETHER = 4096           # bytes of data up to which a chunk is put together before it is delivered
    KEPT = 64 * 1024          # bytes of a request that are kept, in case the server says that it has not looked at it


cdef const uint8_t* LAST = b"\r\n0\r\n\r\n"


cdef H2Stream new_stream(H2Connection connection, bint near):
    cdef H2Stream made = H2Stream.__new__(H2Stream)
    made.connection, made.near = connection, near
    made.streams = True
    return made


cdef int64_t write_hex(uint8_t* into, int64_t size) noexcept nogil:
    """A chunk's first line."""
    cdef int shift = 60
    cdef int64_t at = 0
    while shift and not size >> shift & 15:
        shift -= 4
    while shift >= 0:
        into[at] = b"0123456789abcdef"[size >> shift & 15]
        at += 1
        shift -= 4
    into[at], into[at + 1] = c'\r', c'\n'
    return at + 2


cdef class H2Connection(Conn):
    cdef int freed(self, H2Stream stream) except -1:
        return 0

    cdef int left(self, H2Stream stream) except -1:
        return 0

    cdef bint stream_for(self, H2Stream stream) except -1:
        return False

    cdef int doom(self, H2Stream stream) except -1:
        """Its owner is to be closed, once whoever is at work with it now has finished."""
        self.doomed.append(stream)
        return self.touch()


cdef class H2Stream(Transport):
    # -- what comes ---------------------------------------------------------------------------------------------

    cdef int begin(self, h2stream_t* stream) except -1:
        self.stream = stream
        stream.owner = <void*>self
        self.stage, self.waiting, self.headed = AT_HEAD, 0, self.near
        self.keeps = not self.near
        self.grpc_status = -1
        return 0

    cdef int head_in(self, const headers_t* headers, bint ends) except -1:
        """Of an answer, interim ones too; or trailers."""
        cdef h2stream_t* stream = self.stream
        cdef uint8_t* text = self.connection.core.text
        cdef int64_t size
        self.forget()
        if ends and not self.near:
            self.grpc_status = grpc_status_in(headers)
        if self.headed:
            if not ends:
                return self.connection.session.reset(stream, PROTOCOL_ERROR)
            if self.message.form != BODY_CHUNKED:
                return self.received()       # there is no place for trailers behind what was counted
            size = trailers_text(headers, text)
        else:
            size = response_text(headers, ends, self.message.head, text, &self.message)
            if size > 0 and self.message.status >= 200:
                self.headed = True
                stream.progress |= GOT_HEAD
                if self.message.form == BODY_COUNTED:
                    stream.left = self.message.length
        if size < 0:
            return self.connection.session.reset(stream, PROTOCOL_ERROR)
        self.deliver(text, size)
        return self.received() if ends else 0

    cdef int data_in(self, const uint8_t* data, int64_t size, bint ends) except -1:
        cdef uint8_t* text = self.connection.core.text
        cdef int64_t at
        if size == 0 and not ends:
            return 0
        self.waiting += size
        if self.message.form != BODY_CHUNKED:
            if size and self.message.form == BODY_NONE:
                return self.connection.session.reset(self.stream, PROTOCOL_ERROR)
            if size:
                self.deliver(data, size)
        elif size <= TOGETHER:
            at = write_hex(text, size) if size else 0
            memcpy(text + at, data, size)
            at += size
            if ends:
                memcpy(text + at, LAST if size else LAST + 2, 7 if size else 5)
                at += 7 if size else 5
            else:
                text[at], text[at + 1] = c'\r', c'\n'
                at += 2
            self.deliver(text, at)
        else:
            self.deliver(text, write_hex(text, size))
            self.deliver(data, size)
            self.deliver(LAST, 7 if ends else 2)
        if ends:
            return self.received()
        return self.give_back()

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

    cdef int received(self) except -1:
        """The message that comes is whole."""
        if self.stream != NULL and self.stream.progress & SENT_END:
            return self.over()
        return 0

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

    cdef int broken(self, int code, bint unprocessed) except -1:
        """The stream was reset, for which `code` is the reason, or its connection has ended (0)."""
        cdef Conn owner = <Conn>self.owner
        self.stream = NULL
        if owner is None or owner.state == CLOSED:
            return 0
        owner.core.reset_code = code
        try:
            if unprocessed and self.asked.size:
                owner.take_back(&self.asked, not self.connection.session.drains)
            owner.broke(ECONNRESET)
        except Exception as error:  # noqa: BLE001
            owner.crash(error)
        finally:
            owner.core.reset_code = 0
        return 0

    # -- what is sent -------------------------------------------------------------------------------------------

    cdef Py_ssize_t send(self, const uint8_t* data, size_t size) noexcept:
        cdef size_t used = 0
        cdef Py_ssize_t some
        try:
            while used < size:
                if self.connection is None or self.near and self.stream == NULL or self.connection.session.over:
                    return -EPIPE
                if self.connection.out.size > CROWDED:
                    break
                if self.stage == AT_END and not self.near:
                    self.part()
                if self.stage == AT_HEAD:
                    some = self.head_out(data + used, size - used)
                elif self.stage == IN_BODY:
                    some = self.body_out(data + used, size - used)
                else:
                    return -EPIPE
                if some < 0:
                    return some
                if some == 0:
                    break
                used += some
        except Exception as error:  # noqa: BLE001
            self.connection.crash(error)
            return -EPIPE
        if self.keeps and used:
            if self.asked.size + used > KEPT or not self.connection.core.buffers.append(&self.asked, data, used, 0):
                self.forget()
        return used if used else -EAGAIN

    cdef Py_ssize_t head_out(self, const uint8_t* data, size_t size) except? -1000:
        """The head that stands here goes; 0: not now; below: it never can."""
        cdef Session session = self.connection.session
        cdef uint8_t* block = session.scratch.block
        cdef head_t* head = self.connection.core.sent_head
        cdef int64_t seen = 0, wrong_at = 0
        cdef int64_t whole = head_end(data, size, &seen)
        cdef bint ends
        if whole == 0:
            return 0
        if whole < 0 or read_head(data, whole, self.near, head, &wrong_at) != FINE:
            self.connection.core.tell(f"{self.connection.label()}: not sent: with what was added to it a head is too long")
            return -EMSGSIZE
        if self.stream == NULL and not self.connection.stream_for(self):
            return 0
        memset(&self.body, 0, sizeof(body_t))
        self.body.form, self.body.left = head.form, head.length if head.form == BODY_COUNTED else 0
        if self.near:
            ends = head.status >= 200 and (self.message.head or head.status in (204, 304))
            ends = ends or head.status >= 200 and (head.form == BODY_NONE or head.form == BODY_COUNTED and head.length == 0)
            session.put_headers(self.stream, block, response_block(session.encoder, block, data, head), ends)
            if head.status < 200:
                return whole
        else:
            self.message.head = head.method == METHOD_HEAD
            ends = head.form == BODY_NONE or head.form == BODY_COUNTED and head.length == 0
            session.put_headers(self.stream, block, request_block(session.encoder, block, data, head, self.connection.by_tls), ends)
        self.stage = IN_BODY
        if ends:
            self.sent()
        return whole

    cdef Py_ssize_t body_out(self, const uint8_t* data, size_t size) except? -1000:
        cdef Session session = self.connection.session
        cdef int64_t some = size, went
        if self.body.form == BODY_CHUNKED:
            return self.chunk_out(data, size)
        if self.body.form == BODY_COUNTED:
            some = min(some, <int64_t>self.body.left)
        went = session.put_data(self.stream, data, some, self.body.form == BODY_COUNTED and some == <int64_t>self.body.left)
        if self.body.form == BODY_COUNTED:
            self.body.left -= went
            if self.body.left == 0:
                self.sent()
        return went

    cdef Py_ssize_t chunk_out(self, const uint8_t* data, size_t size) except? -1000:
        """A part of a chunked body, as far as it is of one kind."""
        cdef Session session = self.connection.session
        cdef int before = self.body.chunks.state
        cdef int64_t some, went
        cdef bint last
        if before == CHUNK_DATA:
            some = min(<int64_t>size, <int64_t>self.body.chunks.left)
            last = some == <int64_t>self.body.chunks.left and some + 7 <= <int64_t>size and memcmp(data + some, LAST, 7) == 0 and (
                session.sendable(self.stream) >= some)
            went = session.put_data(self.stream, data, some, last)
            some = went + 7 if last else went
            if pass_chunked(&self.body.chunks, data, some) < 0:
                raise AssertionError("chunks of our own that cannot be read")
            if last:
                self.sent()
            return some
        if pass_chunked(&self.body.chunks, data, 1) < 0:
            raise AssertionError("chunks of our own that cannot be read")
        if before in (CHUNK_TRAILER, CHUNK_NAME, CHUNK_VALUE, CHUNK_TRAILER_LF) and not (
                self.connection.core.buffers.append(&self.trailers, data, 1, 0)):
            raise MemoryError
        if self.body.chunks.state == CHUNK_DONE:
            self.end_out()
        return 1

    cdef int end_out(self) except -1:
        """The end of what is sent, with its trailers."""
        cdef Session session = self.connection.session
        cdef uint8_t* block = session.scratch.block
        cdef int64_t size = 0
        if self.trailers.size:
            size = trailers_block(session.encoder, block, self.trailers.data + self.trailers.head, self.trailers.size)
            self.connection.core.buffers.drop(&self.trailers)
        if size:
            session.put_headers(self.stream, block, size, True)
        else:
            session.put_data(self.stream, NULL, 0, True)
        return self.sent()

    cdef int sent(self) except -1:
        """The message that is sent is whole. An answer before its request's end leaves nobody who wants the rest."""
        self.stage = AT_END
        if self.stream == NULL:
            return 0
        if self.stream.progress & GOT_END:
            return self.over()
        if self.near and self.stream.left == 0:      # all of it is here, but for the stream's end
            self.part()
            return self.connection.freed(self)
        if self.near:
            self.reset(NO_ERROR)
            self.connection.doom(self)
        return 0

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

    # -- as a transport -----------------------------------------------------------------------------------------

    cdef Py_ssize_t recv(self, uint8_t* into, size_t room) noexcept:
        return -EAGAIN                # what comes is delivered

    cdef int watch_read(self, bint on) except -1:
        if on:
            self.give_back()
        return 0

    cdef int watch_write(self, bint on) except -1:
        """Its owner waits until it can send: for a window, a stream, or room in the connection's queue."""
        cdef Session session = self.connection.session if self.connection is not None else None
        if not on or session is None or session.over:
            return 0
        if self.stream != NULL and session.sendable(self.stream) == 0 and self.connection.out.size <= CROWDED:
            stall(&session.streams, self.stream)
        else:
            if not self.blocked:
                self.blocked = True
                self.connection.blocked.append(self)
            if self.stream != NULL or session.has_room():
                self.connection.touch()      # else it is looked at when a stream has ended
        return 0

    cdef int go_on(self) except -1:
        """It may be able to send again."""
        cdef Conn owner = <Conn>self.owner
        if owner is not None and owner.state != CLOSED:
            owner.writable()
        return 0

    cdef int drop_owner(self, int code) except -1:
        cdef Conn owner = <Conn>self.owner   # ours may be the last that holds it
        if owner is None or owner.state == CLOSED:
            return 0
        return owner.broke(code) if code else owner.shut()

    cdef int connected(self) noexcept:
        return 0 if self.connection is not None and self.connection.state == OPEN else ECONNREFUSED

    cdef void end(self) noexcept:
        """The owner has no more to say: an answer that lasts as long as its connection ends so."""
        try:
            if self.connection is None:
                return
            if self.stream != NULL and self.stage == IN_BODY and self.body.form == BODY_UNTIL_CLOSE:
                self.end_out()
            self.connection.doom(self)
        except Exception as error:  # noqa: BLE001
            self.connection.crash(error)

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

    cdef void abort(self) noexcept:
        self.aborts = True

    cdef bint conclude(self, bytes reply) except -1:
        """The answer ends here, with what a whole one would say of how a call of gRPC ended. Its message may be cut."""
        cdef Session session = self.connection.session if self.connection is not None else None
        cdef uint8_t* block
        cdef int64_t size
        if not self.near or self.stream == NULL or session is None or session.over or self.stage != IN_BODY:
            return False
        lines = b"".join([line for line in reply.splitlines(True) if line.startswith(b"grpc-")])
        if not lines:
            return False
        block = session.scratch.block
        size = trailers_block(session.encoder, block, <const uint8_t*>lines, len(lines))
        session.put_headers(self.stream, block, size, True)
        self.sent()
        return True

    cdef int close(self) except -1:
        cdef H2Connection connection = self.connection
        cdef int code
        if connection is None:
            return 0
        if self.near and self.stream != NULL and connection.core.reset_code:
            self.send_rest()
        self.owner = None
        self.forget()
        connection.core.buffers.drop(&self.trailers)
        if self.stream != NULL:
            code = connection.core.reset_code
            if not code:
                code = INTERNAL_ERROR if self.near or self.aborts else CANCEL
            self.reset(code)
        self.connection = None
        return connection.left(self)

    cdef str peer(self):
        return "gone" if self.connection is None or self.connection.io is None else self.connection.io.peer()
