"""The face of HTTP/2's compiled parts for Python: one end of a connection whose owner writes down what it hears, and messages
as text and back. For tests and the demo; the data path does not import it.

What always holds: an end answers nothing of its own accord but what the frame engine does.
"""

from collections import namedtuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from xproto.kernel.grpc_web cimport web_end
from xproto.kernel.hpack cimport HPACK_OK, INDEX, Decoder, Encoder, headers_t
from xproto.kernel.http1 cimport FINE, head_t, read_head
from xproto.kernel.http2 cimport Session
from xproto.kernel.http2_blocks cimport request_block, response_block, trailers_block
from xproto.kernel.http2_streams cimport ENDED_WELL, GOT_END, GOT_HEAD, RESET_BY_US, SENT_END, ending_of, find_stream, h2stream_t
from xproto.kernel.http2_text cimport TEXT_ROOM, message_t, request_text, response_text, trailers_text
from xproto.kernel.http2_wire cimport BLOCK_ROOM, MAX_LIST, free_scratch, new_scratch, scratch_t

from xproto.kernel.http1 import FORMS

Message = namedtuple("Message", "text form length status head")  # noqa: PYI024 - its types are in the .pyi


cdef list fields_of(const headers_t* headers):
    cdef int i
    return [
        (headers.text[headers.fields[i].name_at:headers.fields[i].name_at + headers.fields[i].name_size],
         headers.text[headers.fields[i].value_at:headers.fields[i].value_at + headers.fields[i].value_size])
        for i in range(headers.count)
    ]


cdef class End(Session):
    """One end. `events`: ("head", id, fields, ends), ("data", id, bytes, ends), ("reset", id, code, unprocessed),
    ("writable", id or 0), ("settings",), ("goaway", code), ("error", code, why), ("pong",), ("bound", which)."""
    cdef bytearray sent
    cdef bytearray under_way
    cdef readonly list events

    def __cinit__(self, bint server):
        self.server, self.scratch = server, new_scratch()
        self.sent, self.under_way, self.events = bytearray(), bytearray(), []

    def __dealloc__(self):
        free_scratch(self.scratch)

    cdef uint8_t* room(self, size_t size) except NULL:
        self.under_way = bytearray(size)
        return <uint8_t*>self.under_way

    cdef int filled(self, size_t size) except -1:
        self.sent += self.under_way[:size]
        return 0

    cdef int on_head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1:
        self.events.append(("head", stream.id, fields_of(headers), ends))
        stream.progress |= GOT_HEAD
        return self.maybe_over(stream)

    cdef int on_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1:
        self.events.append(("data", stream.id, data[:size], ends))
        return self.maybe_over(stream)

    cdef int maybe_over(self, h2stream_t* stream) except -1:
        if stream.progress & GOT_END and stream.progress & SENT_END:
            return self.close(stream, ENDED_WELL)
        return 0

    cdef int on_reset(self, h2stream_t* stream, int code, bint unprocessed) except -1:
        self.events.append(("reset", stream.id, code, unprocessed))
        return 0

    cdef int on_writable(self, h2stream_t* stream) except -1:
        self.events.append(("writable", 0 if stream == NULL else stream.id))
        return 0

    cdef int on_settings(self) except -1:
        self.events.append(("settings",))
        return 0

    cdef int on_goaway(self, int code) except -1:
        self.events.append(("goaway", code))
        return 0

    cdef int on_error(self, int code, str why) except -1:
        self.events.append(("error", code, why))
        return 0

    cdef int on_pong(self) except -1:
        self.events.append(("pong",))
        return 0

    cdef int on_bound(self, int which) except -1:
        self.events.append(("bound", which))
        return 0

    cdef h2stream_t* stream(self, uint32_t id) except NULL:
        cdef h2stream_t* found = find_stream(&self.streams, id)
        if found == NULL:
            raise KeyError(id)
        return found

    def feed(self, const uint8_t[::1] data not None, int64_t now=0):
        """Bytes that were used; the rest is to come again, with more."""
        cdef const uint8_t* at = b""
        if len(data):
            at = &data[0]
        self.now = now or self.now
        return self.take(at, len(data))

    def needs(self):
        return self.need

    def take_out(self):
        """What is to be sent since the last time."""
        found, self.sent = bytes(self.sent), bytearray()
        return found

    def begin(self):
        self.greet()

    def open_stream(self):
        """Its id; 0: none may be had."""
        cdef h2stream_t* made = self.open()
        return 0 if made == NULL else made.id

    def say_head(self, uint32_t id, fields, bint ends=False):
        cdef bytes block = self.encoder.encode_fields(fields)
        cdef h2stream_t* stream = self.stream(id)
        self.put_headers(stream, <const uint8_t*>block, len(block), ends)
        self.maybe_over(stream)

    def say_data(self, uint32_t id, bytes data not None, bint ends=False):
        """Bytes for which there was a window."""
        cdef h2stream_t* stream = self.stream(id)
        cdef int64_t went = self.put_data(stream, <const uint8_t*>data, len(data), ends)
        self.maybe_over(stream)
        return went

    def eat(self, uint32_t id, int64_t size):
        """So many bytes of data are dealt with."""
        self.consumed(self.stream(id), size)

    def reset_stream(self, uint32_t id, int code):
        """Of our own will."""
        self.write_reset(id, code)
        self.close(self.stream(id), RESET_BY_US)

    def say_goaway(self, bint last):
        self.goaway(last)

    def say_ping(self):
        self.ping()

    def expect_length(self, uint32_t id, int64_t size):
        self.stream(id).left = size

    def window_of(self, uint32_t id):
        """What may be sent of data now."""
        return self.sendable(self.stream(id))

    def ending(self, uint32_t id):
        return ending_of(&self.streams, id)


# -- messages as text ---------------------------------------------------------------------------------------------------

cdef object written(bytes block, int kind, bint ends, bint to_head, int web=0):
    cdef scratch_t* scratch = new_scratch()
    cdef uint8_t* text = <uint8_t*>malloc(TEXT_ROOM)
    cdef Decoder decoder = Decoder()
    cdef message_t out
    cdef int64_t size
    try:
        if text == NULL:
            raise MemoryError
        if decoder.decode(<const uint8_t*>block, len(block), &scratch.headers, MAX_LIST) != HPACK_OK:
            raise ValueError("a block that cannot be decoded, or is too much")
        if kind == 2:
            size = web_end(web, &scratch.headers, text) if web else trailers_text(&scratch.headers, text)
            return None if size < 0 else text[:size]
        size = response_text(&scratch.headers, ends, to_head, web, text, &out) if kind else request_text(&scratch.headers, ends, text, &out)
        return size if size < 0 else Message(text[:size], FORMS[<int>out.form], out.length, out.status, bool(out.head))
    finally:
        free(text)
        free_scratch(scratch)


def request_text_of(bytes block not None, bint ends=True):
    """Below 0: refused."""
    return written(block, 0, ends, False)


def response_text_of(bytes block not None, bint ends=False, bint to_head=False, int web=0):
    """Below 0: refused. `web`: the form of gRPC-Web that an answer of gRPC becomes."""
    return written(block, 1, ends, to_head, web)


def trailers_text_of(bytes block not None, int web=0):
    """None: refused. `web`: as the last frame of an answer of this form of gRPC-Web."""
    return written(block, 2, True, False, web)


cdef bytes packed(bytes text, int kind, bint secure, bint web=False):
    cdef uint8_t* block = <uint8_t*>malloc(BLOCK_ROOM)
    cdef head_t* head = <head_t*>malloc(sizeof(head_t))
    cdef Encoder encoder = Encoder()
    cdef const uint8_t* data = <const uint8_t*>text
    cdef int64_t size, at = 0
    try:
        if block == NULL or head == NULL:
            raise MemoryError
        if kind == 2:
            size = trailers_block(encoder, block, data, len(text))
        elif read_head(data, len(text), kind == 1, head, &at) != FINE:
            raise ValueError("a head that cannot be read")
        elif kind:
            size = response_block(encoder, block, data, head)
        else:
            size = request_block(encoder, block, data, head, secure, web)
        return PyBytes_FromStringAndSize(<const char*>block, size)
    finally:
        free(block)
        free(head)


def request_block_of(bytes text not None, bint secure=False, bint web=False):
    """`web`: a call of gRPC-Web becomes one of gRPC."""
    return packed(text, 0, secure, web)


def response_block_of(bytes text not None):
    return packed(text, 1, False)


def trailers_block_of(bytes text not None):
    """Of the lines between a last chunk and the empty line."""
    return packed(text, 2, False)
