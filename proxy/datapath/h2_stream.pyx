"""A stream of an HTTP/2 connection, as a transport: what is sent on it and read from it is the text of HTTP/1.1.

So whoever speaks messages (`messages.pyx`, `answers.pyx`) need not know by which version they come and go, and a call may
cross from either to either. Of what is sent the text is read again. Of what comes the text is made
(`xproto.kernel.http2_text`) and fed to the owner, who keeps what it does not want yet; only what it has dealt with is given
back to the stream's window.

One of these carries one exchange after another (`h2_exchange.pyx`), each on a stream of its own, as a connection of HTTP/1.1
does. What is sent is in `h2_sender.pyx`; here is what comes, and what a transport must do besides.

What always holds: what was received and not dealt with is in `waiting`; a message ends once, by `received`.
"""

from libc.errno cimport EAGAIN, ECONNREFUSED, ECONNRESET
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from proxy.datapath.conn cimport CLOSED, OPEN, Conn
from proxy.datapath.h2_exchange cimport CROWDED, IN_BODY
from xproto.kernel.grpc_web cimport WEB_PIECE, web_chunk, web_end
from xproto.kernel.http1 cimport BODY_CHUNKED, BODY_COUNTED, BODY_NONE, BODY_UNTIL_CLOSE
from xproto.kernel.http2 cimport Session
from xproto.kernel.http2_fields cimport WEB_NONE, WEB_TEXT, grpc_status_in
from xproto.kernel.http2_memo cimport memo_t
from xproto.kernel.http2_streams cimport GOT_HEAD, SENT_END, h2stream_t, stall
from xproto.kernel.http2_text cimport put_line, response_text, trailers_text
from xproto.kernel.http2_wire cimport CANCEL, INTERNAL_ERROR, PROTOCOL_ERROR

cdef enum:
    TOGETHER = 4096           # bytes of data up to which a chunk is put together before it is delivered

cdef const uint8_t* LAST = b"\r\n0\r\n\r\n"


cdef H2Stream new_stream(H2Connection connection, bint near):
    cdef H2Stream made = H2Stream.__new__(H2Stream)
    made.connection, made.near = connection, near
    made.streams = True
    return made


cdef class H2Stream(H2Sender):
    cdef int head_in(self, const headers_t* headers, bint ends) except -1:
        """Of an answer, interim ones too; or trailers."""
        cdef h2stream_t* stream = self.stream
        cdef uint8_t* text = self.connection.core.text
        cdef int64_t size
        self.forget()
        if headers == NULL:
            if not ends and not self.headed and not self.web and self.connection.session.heard.message.head == self.message.head:
                return self.heard_again()
            headers = self.connection.session.decoded()
        if ends and not self.near:
            self.grpc_status = grpc_status_in(headers)
        if self.headed:
            if not ends:
                return self.connection.session.reset(stream, PROTOCOL_ERROR)
            if self.message.form != BODY_CHUNKED:
                return self.received()       # there is no place for trailers behind what was counted
            size = web_end(self.wanted, headers, text) if self.message.web else trailers_text(headers, text)
        else:
            size = response_text(headers, ends, self.message.head, self.wanted if self.web else <int>WEB_NONE, text, &self.message)
            if size > 0 and self.message.status >= 200:
                self.headed = True
                stream.progress |= GOT_HEAD
                if self.message.form == BODY_COUNTED:
                    stream.left = self.message.length
                if not ends and not self.web:
                    self.keep(text, size)
        if size < 0:
            return self.connection.session.reset(stream, PROTOCOL_ERROR)
        self.deliver(text, size)
        return self.received() if ends else 0

    cdef int keep(self, const uint8_t* text, int64_t size) noexcept:
        cdef memo_t* memo = self.connection.session.keep(text, size, False)
        if memo != NULL:
            memo.message = self.message
            memo.message.media = NULL
        return 0

    cdef int heard_again(self) except -1:
        """The head of an answer that is the last one's."""
        cdef const memo_t* memo = self.connection.session.heard
        cdef uint8_t* text = self.connection.core.text
        self.message = memo.message
        self.headed = True
        self.stream.progress |= GOT_HEAD
        if memo.message.form == BODY_COUNTED:
            self.stream.left = memo.message.length
        memcpy(text, memo.text, memo.text_size)
        return self.deliver(text, memo.text_size)

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
        elif self.message.web and (ends or self.wanted == WEB_TEXT):
            self.web_in(data, size, ends)
        elif size <= TOGETHER:
            at = put_line(text, size) - text if size else 0
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
            self.deliver(text, put_line(text, size) - text)
            self.deliver(data, size)
            self.deliver(LAST, 7 if ends else 2)
        if ends:
            return self.received()
        return self.give_back()

    cdef int web_in(self, const uint8_t* data, int64_t size, bint ends) except -1:
        """A part of an answer of gRPC-Web. At its end, without trailers, it says that there were none."""
        cdef uint8_t* text = self.connection.core.text
        cdef int64_t done = 0, some
        while done < size:
            some = min(size - done, <int64_t>WEB_PIECE)
            self.deliver(text, web_chunk(self.wanted, data + done, some, text))
            done += some
        return self.deliver(text, web_end(self.wanted, NULL, text)) if ends else 0

    cdef int received(self) except -1:
        """The message that comes is whole."""
        if self.stream != NULL and self.stream.progress & SENT_END:
            return self.over()
        return 0

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

    cdef void abort(self) noexcept:
        self.aborts = True

    cdef int close(self) except -1:
        cdef H2Connection connection = self.connection
        cdef int code
        if connection is None:
            return 0
        if self.near and self.stream != NULL and connection.core.reset_code:
            self.send_rest()
        self.owner = None
        if self.blocked:
            self.blocked = False
            if self in connection.blocked:
                connection.blocked.remove(self)
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
