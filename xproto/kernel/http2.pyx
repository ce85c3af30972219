"""HTTP/2 of one connection: what comes, frame by frame.

Source of the format: RFC 9113. Nothing here knows what messages mean: header blocks are decoded and handed on, data goes
by, and the owner (a subclass) says what is to be sent. Both ends are here; what only one of them may do, the other is
refused. Frames are looked at when they are whole: none is longer than 16 KiB.

What always holds: every header block that comes is decoded, in order, whatever becomes of its stream, or the connection
is over; whoever sends us more than the windows allow is told so; no frame of a peer makes us keep anything but a stream (of
which there are MAX_STREAMS at most), a header block (MAX_BLOCK bytes) and what the bounds of `http2_floods` allow.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy

from xproto.kernel.hpack cimport HPACK_BAD, HPACK_OK, HPACK_TOO_MUCH, Decoder, headers_t
from xproto.kernel.http2_floods cimport AT_BLOCK, AT_CONTINUATIONS, AT_HEADERS, AT_STREAMS, FLOOD_EMPTIES, FLOOD_UNKNOWN
from xproto.kernel.http2_memo cimport knows_block, mark_of, memo_t, remember
from xproto.kernel.http2_streams cimport GOT_END, GOT_HEAD, add_stream, ending_of, find_stream, h2stream_t
from xproto.kernel.http2_wire cimport (
    COMPRESSION_ERROR, CONNECTION_WINDOW, EARLY_STREAMS, ENHANCE_YOUR_CALM, FLAG_ACK, FLAG_END_HEADERS, FLAG_END_STREAM,
    FLAG_PADDED, FLAG_PRIORITY, FLOW_CONTROL_ERROR, FRAME_CONTINUATION, FRAME_DATA, FRAME_GOAWAY, FRAME_HEAD, FRAME_HEADERS,
    FRAME_PING, FRAME_PRIORITY, FRAME_PUSH_PROMISE, FRAME_RST_STREAM, FRAME_SETTINGS, FRAME_SIZE_ERROR, FRAME_WINDOW_UPDATE,
    INTERNAL_ERROR, LAST_ID, LEAST_MAX_FRAME, MAX_BLOCK, MAX_CONTINUATIONS, MAX_LIST, MAX_STREAMS, PREFACE, PREFACE_SIZE,
    PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED, STREAM_WINDOW,
)
from xproto.kernel.integers cimport xp_load

cdef enum:
    FIRST_BLOCK = 4096


cdef class Session(Control):
    def __cinit__(self):
        self.decoder = Decoder()
        self.recv_window = CONNECTION_WINDOW
        self.dependency = -1

    def __dealloc__(self):
        free(self.block)
        free(self.heard)

    # -- frames and their data ----------------------------------------------------------------------------------

    cdef Py_ssize_t take(self, const uint8_t* data, size_t size) except -1:
        cdef size_t used = 0, length
        if self.server and not self.greeted:
            length = min(size, <size_t>PREFACE_SIZE)
            if memcmp(data, PREFACE, length) != 0:
                self.fail(PROTOCOL_ERROR, "it does not begin with the preface")
                return size
            if size < PREFACE_SIZE:
                self.need = PREFACE_SIZE
                return 0
            self.greeted = True
            used = PREFACE_SIZE
        while not self.over:
            if size - used < FRAME_HEAD:
                self.need = FRAME_HEAD
                return used
            length = <size_t>xp_load(data + used, 3, False)
            if length > LEAST_MAX_FRAME:
                self.fail(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
                break
            if size - used < FRAME_HEAD + length:
                self.need = FRAME_HEAD + length
                return used
            self.frame(data[used + 3], data[used + 4], <uint32_t>xp_load(data + used + 5, 4, False) & LAST_ID,
                       data + used + FRAME_HEAD, length)
            used += FRAME_HEAD + length
        return size

    cdef int frame(self, int type, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1:
        if not self.settled and (type != FRAME_SETTINGS or flags & FLAG_ACK):
            return self.fail(PROTOCOL_ERROR, "its first frame is not SETTINGS")
        if self.block_id and (type != FRAME_CONTINUATION or id != self.block_id):
            return self.fail(PROTOCOL_ERROR, "a frame within a header block")
        if type == FRAME_DATA:
            return self.data_frame(flags, id, data, size)
        if type == FRAME_HEADERS:
            return self.headers_frame(flags, id, data, size)
        if type == FRAME_WINDOW_UPDATE:
            return self.window_frame(id, data, size)
        if type == FRAME_RST_STREAM:
            return self.reset_frame(id, data, size)
        if type == FRAME_SETTINGS:
            return self.settings_frame(flags, id, data, size)
        if type == FRAME_PING:
            return self.ping_frame(flags, id, data, size)
        if type == FRAME_GOAWAY:
            return self.goaway_frame(id, data, size)
        if type == FRAME_PRIORITY:
            return self.priority_frame(id, data, size)
        if type == FRAME_CONTINUATION:
            return self.continuation_frame(flags, id, data, size)
        if type == FRAME_PUSH_PROMISE:
            return self.fail(PROTOCOL_ERROR, "PUSH_PROMISE, which was not allowed")
        self.flooded(FLOOD_UNKNOWN)
        return 0

    cdef int data_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef h2stream_t* stream
        cdef int64_t whole = size
        cdef bint ends = flags & FLAG_END_STREAM
        if id == 0 or self.is_idle(id):
            return self.fail(PROTOCOL_ERROR, "DATA of no stream")
        if size > self.recv_window:
            return self.fail(FLOW_CONTROL_ERROR, "more data than the connection's window")
        self.received(size)
        if flags & FLAG_PADDED:
            if size == 0 or data[0] >= size:
                return self.fail(PROTOCOL_ERROR, "DATA with more padding than there is")
            size -= 1 + data[0]
            data += 1
        if size == 0 and not ends and self.flooded(FLOOD_EMPTIES):
            return 0
        stream = find_stream(&self.streams, id)
        if stream == NULL:
            return self.stray(id)
        if stream.progress & GOT_END or not stream.progress & GOT_HEAD:
            return self.reset(stream, STREAM_CLOSED if stream.progress & GOT_END else PROTOCOL_ERROR)
        if whole > stream.recv_window:
            return self.reset(stream, FLOW_CONTROL_ERROR)
        stream.recv_window -= whole
        if stream.left >= 0:
            stream.left -= size
            if stream.left < 0 or ends and stream.left > 0:
                return self.reset(stream, PROTOCOL_ERROR)
        if whole > size and not ends:
            self.consumed(stream, whole - size)
        if ends:
            stream.progress |= GOT_END
        self.on_data(stream, data, size, ends)
        return 0

    cdef int received(self, int64_t size) except -1:
        """The connection's window is given back as bytes come: what a stream does not take must not hold up the others."""
        self.recv_window -= size
        self.owed += size
        if self.owed >= CONNECTION_WINDOW // 2:
            self.put_window(0, self.owed)
            self.recv_window += self.owed
            self.owed = 0
        return 0

    cdef int consumed(self, h2stream_t* stream, int64_t size) except -1:
        stream.owed += size
        if stream.owed < STREAM_WINDOW // 2 or stream.progress & GOT_END or self.over:
            return 0
        self.put_window(stream.id, stream.owed)
        stream.recv_window += stream.owed
        stream.owed = 0
        return 0

    # -- header blocks ------------------------------------------------------------------------------------------

    cdef int headers_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef int64_t padding = 0
        if id == 0 or self.server and not id & 1 or not self.server and (not id & 1 or self.is_idle(id)):
            return self.fail(PROTOCOL_ERROR, "HEADERS of a stream that cannot be")
        self.dependency = -1
        if flags & FLAG_PADDED:
            if size == 0:
                return self.fail(FRAME_SIZE_ERROR, "HEADERS without the length of their padding")
            padding = data[0]
            data += 1
            size -= 1
        if flags & FLAG_PRIORITY:
            if size < 5:
                return self.fail(FRAME_SIZE_ERROR, "HEADERS without their priority")
            self.dependency = <int64_t>(xp_load(data, 4, False) & LAST_ID)
            data += 5
            size -= 5
        if padding > size:
            return self.fail(PROTOCOL_ERROR, "HEADERS with more padding than there is")
        size -= padding
        if flags & FLAG_END_HEADERS:
            return self.block_ends(id, flags, data, size)
        if size == 0 and self.flooded(FLOOD_EMPTIES):
            return 0
        self.block_id, self.block_flags, self.continuations = id, <uint8_t>flags, 0
        return self.keep_block(data, size)

    cdef int continuation_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1:
        if not self.block_id:
            return self.fail(PROTOCOL_ERROR, "CONTINUATION of nothing")
        self.continuations += 1
        if self.continuations > MAX_CONTINUATIONS:
            self.on_bound(AT_CONTINUATIONS)
            return self.fail(ENHANCE_YOUR_CALM, f"a header block of more than {MAX_CONTINUATIONS} frames")
        if size == 0 and not flags & FLAG_END_HEADERS and self.flooded(FLOOD_EMPTIES):
            return 0
        self.keep_block(data, size)
        if self.over or not flags & FLAG_END_HEADERS:
            return 0
        self.block_id = 0
        try:
            return self.block_ends(id, self.block_flags, self.block, self.block_size)
        finally:
            free(self.block)
            self.block, self.block_size, self.block_room = NULL, 0, 0

    cdef int keep_block(self, const uint8_t* data, int64_t size) except -1:
        cdef uint8_t* grown
        cdef int64_t room = max(self.block_room, FIRST_BLOCK)
        if self.block_size + size > MAX_BLOCK:
            self.on_bound(AT_BLOCK)
            return self.fail(ENHANCE_YOUR_CALM, f"a header block of more than {MAX_BLOCK} bytes")
        while room < self.block_size + size:
            room *= 2
        if room > self.block_room:
            grown = <uint8_t*>realloc(self.block, room)
            if grown == NULL:
                return self.fail(INTERNAL_ERROR, "no memory for a header block")
            self.block, self.block_room = grown, room
        memcpy(self.block + self.block_size, data, size)
        self.block_size += size
        return 0

    cdef int block_ends(self, uint32_t id, int flags, const uint8_t* data, int64_t size) except -1:
        """A whole header block: it is decoded whatever its stream is, and then its stream is asked for."""
        cdef const headers_t* headers = &self.scratch.headers
        cdef h2stream_t* stream
        cdef bint ends = flags & FLAG_END_STREAM
        cdef int outcome = HPACK_OK, ending
        self.last_block, self.last_size = data, size
        if not self.decoder.state.due and knows_block(self.heard, &self.decoder.state.table, data, size, ends):
            headers = NULL
        else:
            outcome = self.decode()
        if outcome == HPACK_BAD:
            return self.fail(COMPRESSION_ERROR, "a header block that cannot be decoded")
        stream = find_stream(&self.streams, id)
        if stream == NULL:
            if not self.server or id <= self.last_peer:
                if self.passed_over(id):
                    return 0
                ending = ending_of(&self.streams, id)
                if ending == 0 and not self.server:
                    return self.refuse(id, STREAM_CLOSED)        # many calls may have ended since it was
                return self.fail(STREAM_CLOSED if ending else PROTOCOL_ERROR, "HEADERS of a stream that is closed")
            self.last_peer = id
            if self.last_said:
                return 0
            if self.streaming >= (MAX_STREAMS if self.acknowledged else EARLY_STREAMS):
                self.on_bound(AT_STREAMS)
                return self.refuse(id, REFUSED_STREAM)
            stream = add_stream(&self.streams, id)
            if stream == NULL:
                return self.refuse(id, REFUSED_STREAM)
            self.streaming += 1
            stream.send_window, stream.recv_window = self.peer_window, STREAM_WINDOW
            stream.progress = GOT_HEAD
        elif stream.progress & GOT_END:
            return self.reset(stream, STREAM_CLOSED)
        elif self.server and not ends:
            return self.reset(stream, PROTOCOL_ERROR)        # trailers that do not end it
        if outcome == HPACK_TOO_MUCH:
            self.on_bound(AT_HEADERS)
        if self.dependency == id or outcome == HPACK_TOO_MUCH:
            return self.reset(stream, PROTOCOL_ERROR if self.dependency == id else ENHANCE_YOUR_CALM)
        if ends:
            stream.progress |= GOT_END
            if stream.left > 0:
                return self.reset(stream, PROTOCOL_ERROR)
        return self.on_head(stream, headers, ends)

    cdef int decode(self) noexcept:
        self.before = mark_of(&self.decoder.state.table)
        return self.decoder.decode(self.last_block, self.last_size, &self.scratch.headers, MAX_LIST)

    cdef const headers_t* decoded(self) noexcept:
        self.decode()
        return &self.scratch.headers

    cdef memo_t* keep(self, const uint8_t* text, int64_t size, bint ends) noexcept:
        cdef memo_t* made = remember(
            &self.heard, &self.before, &self.decoder.state.table, self.last_block, self.last_size, text, size)
        if made != NULL:
            made.ends = ends
        return made

    # -- for the owner to say -----------------------------------------------------------------------------------

    cdef int on_head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1:
        return 0

    cdef int on_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1:
        return 0
