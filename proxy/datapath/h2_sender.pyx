"""What is sent on a stream of HTTP/2: the text of HTTP/1.1 is read again, and goes out in frames.

A head becomes a header block, chunks become data, and what follows the last one trailers.

What always holds: bytes that were taken have gone, or are kept in `trailers`; nothing is taken for which there is no window.
"""

from libc.errno cimport EAGAIN, EILSEQ, EMSGSIZE, EPIPE
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp, memset

from proxy.datapath.buffers cimport Buffers
from proxy.datapath.h2_exchange cimport AT_END, AT_HEAD, CROWDED, IN_BODY
from xproto.kernel.grpc_web cimport base64_t, from_base64, web_asked, web_wanted
from xproto.kernel.http1 cimport BODY_CHUNKED, BODY_COUNTED, BODY_NONE, FINE, METHOD_HEAD, head_end, head_t, read_head
from xproto.kernel.http1_body cimport body_t
from xproto.kernel.http1_chunked cimport CHUNK_DATA, CHUNK_DONE, CHUNK_NAME, CHUNK_TRAILER, CHUNK_TRAILER_LF, CHUNK_VALUE, pass_chunked
from xproto.kernel.http2 cimport Session
from xproto.kernel.http2_wire cimport NO_ERROR
from xproto.kernel.http2_blocks cimport request_block, response_block, trailers_block
from xproto.kernel.http2_fields cimport WEB_NONE, WEB_TEXT
from xproto.kernel.http2_memo cimport knows_text, mark_of, mark_t, memo_t, remember
from xproto.kernel.http2_streams cimport GOT_END

cdef enum:
    KEPT = 64 * 1024          # bytes of a request that are kept, in case the server says that it has not looked at it
    PLAIN = 12 * 1024         # bytes of a body that were base64, at a time

cdef const uint8_t* LAST = b"\r\n0\r\n\r\n"


cdef class H2Sender(H2Exchange):
    cdef Py_ssize_t send(self, const uint8_t* data, size_t size) noexcept:
        cdef Buffers buffers
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
            buffers = self.connection.core.buffers
            if self.asked.size + used > KEPT or not buffers.ample() or not buffers.append(&self.asked, data, used, 0):
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
        if self.near and not session.encoder.state.changed and knows_text(session.said, &session.encoder.state.table, data, whole):
            return self.said_again(session.said)
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
            session.put_headers(self.stream, block, self.answer(data, head), ends)
            if head.status < 200:
                return whole
        else:
            self.message.head = head.method == METHOD_HEAD
            self.gave = web_asked(data, head) if head.media >= 0 and self.connection.translates() else WEB_NONE
            self.web = self.gave != WEB_NONE
            if self.web:
                self.wanted = web_wanted(data, head)
                memset(&self.group, 0, sizeof(base64_t))
                self.spoilt = False
            ends = head.form == BODY_NONE or head.form == BODY_COUNTED and head.length == 0
            session.put_headers(self.stream, block, request_block(session.encoder, block, data, head, self.connection.by_tls, self.web), ends)
        self.stage = IN_BODY
        if ends:
            self.sent()
        return whole

    cdef int64_t answer(self, const uint8_t* text, const head_t* head) noexcept:
        """The block of an answer's head. One that may come again as it is, and has a body, is remembered."""
        cdef Session session = self.connection.session
        cdef mark_t before = mark_of(&session.encoder.state.table)
        cdef int64_t size
        cdef memo_t* memo
        if session.encoder.state.changed or head.status < 200 or head.status in (204, 304) or self.message.head:
            return response_block(session.encoder, session.scratch.block, text, head)
        size = response_block(session.encoder, session.scratch.block, text, head)
        memo = remember(&session.said, &before, &session.encoder.state.table, session.scratch.block, size, text, head.size)
        if memo != NULL:
            memo.message.form, memo.message.length = head.form, head.length
        return size

    cdef Py_ssize_t said_again(self, const memo_t* memo) except? -1000:
        """The head of an answer that is the last one's."""
        cdef bint counted = memo.message.form == BODY_COUNTED
        cdef bint ends = self.message.head or memo.message.form == BODY_NONE or counted and memo.message.length == 0
        memset(&self.body, 0, sizeof(body_t))
        self.body.form, self.body.left = memo.message.form, memo.message.length if counted else 0
        self.connection.session.put_headers(self.stream, memo.block, memo.block_size, ends)
        self.stage = IN_BODY
        if ends:
            self.sent()
        return memo.text_size

    cdef Py_ssize_t body_out(self, const uint8_t* data, size_t size) except? -1000:
        cdef Session session = self.connection.session
        cdef int64_t some = size, went
        if self.gave == WEB_TEXT and self.spoilt:
            return -EILSEQ
        if self.body.form == BODY_CHUNKED:
            return self.chunk_out(data, size)
        if self.body.form == BODY_COUNTED:
            some = min(some, <int64_t>self.body.left)
        if self.gave == WEB_TEXT:
            went = self.text_out(data, some, self.body.form == BODY_COUNTED and some == <int64_t>self.body.left)
        else:
            went = session.put_data(self.stream, data, some, self.body.form == BODY_COUNTED and some == <int64_t>self.body.left)
        if went < 0:
            return went
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
            if self.gave == WEB_TEXT:
                went = self.text_out(data, some, False)
                if went > 0 and pass_chunked(&self.body.chunks, data, went) < 0:
                    raise AssertionError("chunks of our own that cannot be read")
                return went
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
            if self.gave == WEB_TEXT and self.group.count:
                return self.spoil()
            self.end_out()
        return 1

    cdef int64_t text_out(self, const uint8_t* data, int64_t size, bint ends) except? -1000:
        """A part of a body as base64, as far as there is a window for its bytes."""
        cdef Session session = self.connection.session
        cdef uint8_t[PLAIN] plain
        cdef int64_t done = 0, used, made, room
        while done < size:
            room = min(<int64_t>PLAIN, session.sendable(self.stream))
            if room <= 0:
                break
            made = from_base64(&self.group, data + done, size - done, &used, plain, room)
            if made < 0 or ends and done + used == size and self.group.count:
                return self.spoil()
            done += used
            if made or ends and done == size:
                session.put_data(self.stream, plain, made, ends and done == size)
        return done

    cdef int spoil(self) noexcept:
        """Nobody can read this request."""
        self.spoilt = True
        return -EILSEQ

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
