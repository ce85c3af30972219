"""HTTP/2 of one connection: frames in and out, the states of its streams, windows, settings, and the floods' bounds.

Source of the format: RFC 9113. Nothing here knows what messages mean: header blocks are decoded and handed on, data goes
by, and the owner (a subclass) says what is to be sent. Both ends are here; what only one of them may do, the other is
refused. Frames are looked at when they are whole: none is longer than 16 KiB.

What always holds: every header block that comes is decoded, in order, whatever becomes of its stream, or the connection
is over; a stream is in the table from its first frame to its last, and its owner hears of its end once; nobody sends more
than the windows allow, and whoever sends us more is told so; no frame of a peer makes us keep anything but a stream (of
which there are MAX_STREAMS at most), a header block (MAX_BLOCK bytes) and what the bounds of `http2_floods` allow.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from xproto.kernel.hpack cimport HPACK_BAD, HPACK_TOO_MUCH, Decoder, Encoder, header_t, headers_t
from xproto.kernel.http2_floods cimport (
    AT_BLOCK, AT_CONTINUATIONS, AT_HEADERS, AT_STREAMS, FLOOD_EMPTIES, FLOOD_OWN_RESETS, FLOOD_PINGS, FLOOD_PRIORITIES, FLOOD_RESETS, FLOOD_SETTINGS, FLOOD_UNKNOWN, FLOOD_WINDOWS, within,
)
from xproto.kernel.http2_streams cimport (
    ENDED_WELL, GOT_END, GOT_HEAD, RESET_BY_PEER, RESET_BY_US, SENT_END, SENT_HEAD, STALLED, add_stream, drop_stream, ending_of,
    find_stream, free_streams, h2stream_t, remember, unstall,
)
from xproto.kernel.integers cimport xp_load

cdef enum SettingName:
    SETTING_HEADER_TABLE_SIZE = 1
    SETTING_ENABLE_PUSH, SETTING_MAX_CONCURRENT_STREAMS, SETTING_INITIAL_WINDOW_SIZE, SETTING_MAX_FRAME_SIZE
    SETTING_MAX_HEADER_LIST_SIZE

cdef enum:
    MAX_WINDOW = 0x7FFFFFFF
    MOST_MAX_FRAME = 0xFFFFFF
    FIRST_BLOCK = 4096
    UNLIMITED = 1 << 30           # streams, where the peer says nothing
    OWN_PING = 0x78

cdef const uint8_t* PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

NAMES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
    "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)
"""Of error codes, in their order."""


cdef scratch_t* new_scratch() except NULL:
    cdef scratch_t* made = <scratch_t*>calloc(1, sizeof(scratch_t))
    if made == NULL:
        raise MemoryError
    made.headers.text, made.headers.room = <uint8_t*>malloc(MAX_LIST), MAX_LIST
    made.headers.fields, made.headers.most = <header_t*>malloc(MAX_LIST_FIELDS * sizeof(header_t)), MAX_LIST_FIELDS
    made.block, made.waste = <uint8_t*>malloc(BLOCK_ROOM), <uint8_t*>malloc(FRAME_HEAD + LEAST_MAX_FRAME)
    if made.headers.text == NULL or made.headers.fields == NULL or made.block == NULL or made.waste == NULL:
        free_scratch(made)
        raise MemoryError
    return made


cdef void free_scratch(scratch_t* scratch) noexcept:
    if scratch != NULL:
        free(scratch.headers.text)
        free(scratch.headers.fields)
        free(scratch.block)
        free(scratch.waste)
        free(scratch)


cdef inline void write_head(uint8_t* into, int64_t size, int type, int flags, uint32_t id) noexcept nogil:
    into[0], into[1], into[2] = <uint8_t>(size >> 16), <uint8_t>(size >> 8), <uint8_t>size
    into[3], into[4] = <uint8_t>type, <uint8_t>flags
    write_u32(into + 5, id)


cdef inline void write_u32(uint8_t* into, uint32_t value) noexcept nogil:
    into[0], into[1], into[2], into[3] = <uint8_t>(value >> 24), <uint8_t>(value >> 16), <uint8_t>(value >> 8), <uint8_t>value


cdef inline uint8_t* write_setting(uint8_t* into, int name, uint32_t value) noexcept nogil:
    into[0], into[1] = 0, <uint8_t>name
    write_u32(into + 2, value)
    return into + 6


cdef class Session:
    def __cinit__(self):
        self.decoder, self.encoder = Decoder(), Encoder()
        self.peer_streams, self.peer_window, self.peer_frame = UNLIMITED, FIRST_WINDOW, LEAST_MAX_FRAME
        self.send_window = FIRST_WINDOW
        self.recv_window = CONNECTION_WINDOW
        self.next_id = 1
        self.dependency = -1

    def __dealloc__(self):
        free_streams(&self.streams)
        free(self.block)

    # -- bytes in -----------------------------------------------------------------------------------------------

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

    cdef bint flooded(self, int which) except -1:
        """One more of these: were there too many? Then the connection is over."""
        if within(&self.floods, which, self.now):
            return False
        self.on_bound(which)
        self.fail(ENHANCE_YOUR_CALM, "a flood of frames")
        return True

    cdef bint is_idle(self, uint32_t id) noexcept:
        """A stream that nobody has opened yet."""
        if (id & 1) == (1 if self.server else 0):
            return id > self.last_peer
        return id >= self.next_id

    cdef int stray(self, uint32_t id) except -1:
        """A frame of a stream that is not there any more. One that we have reset may have frames on their way."""
        if self.passed_over(id):
            return 0
        return self.refuse(id, STREAM_CLOSED)

    cdef bint passed_over(self, uint32_t id) noexcept:
        """Was it reset by us, or not taken since we had said goaway?"""
        return self.server and self.last_said and id > self.last_taken or ending_of(&self.streams, id) == RESET_BY_US

    # -- data ---------------------------------------------------------------------------------------------------

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
        cdef uint8_t* into
        self.recv_window -= size
        self.owed += size
        if self.owed >= CONNECTION_WINDOW // 2:
            into = self.room(FRAME_HEAD + 4)
            write_head(into, 4, FRAME_WINDOW_UPDATE, 0, 0)
            write_u32(into + FRAME_HEAD, <uint32_t>self.owed)
            self.filled(FRAME_HEAD + 4)
            self.recv_window += self.owed
            self.owed = 0
        return 0

    cdef int consumed(self, h2stream_t* stream, int64_t size) except -1:
        cdef uint8_t* into
        stream.owed += size
        if stream.owed < STREAM_WINDOW // 2 or stream.progress & GOT_END or self.over:
            return 0
        into = self.room(FRAME_HEAD + 4)
        write_head(into, 4, FRAME_WINDOW_UPDATE, 0, stream.id)
        write_u32(into + FRAME_HEAD, <uint32_t>stream.owed)
        stream.recv_window += stream.owed
        stream.owed = 0
        return self.filled(FRAME_HEAD + 4)

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
        cdef headers_t* headers = &self.scratch.headers
        cdef h2stream_t* stream
        cdef bint ends = flags & FLAG_END_STREAM
        cdef int outcome, ending
        outcome = self.decoder.decode(data, size, headers, MAX_LIST)
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

    # -- other frames -------------------------------------------------------------------------------------------

    cdef int priority_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef h2stream_t* stream
        if id == 0:
            return self.fail(PROTOCOL_ERROR, "PRIORITY of no stream")
        if self.flooded(FLOOD_PRIORITIES):
            return 0
        stream = find_stream(&self.streams, id)
        if size != 5:
            return self.reset(stream, FRAME_SIZE_ERROR) if stream != NULL else self.refuse(id, FRAME_SIZE_ERROR)
        if <uint32_t>(xp_load(data, 4, False) & LAST_ID) == id:
            return self.reset(stream, PROTOCOL_ERROR) if stream != NULL else self.refuse(id, PROTOCOL_ERROR)
        return 0

    cdef int reset_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef h2stream_t* stream
        cdef int code
        if size != 4:
            return self.fail(FRAME_SIZE_ERROR, f"RST_STREAM of {size} bytes")
        if id == 0 or self.is_idle(id):
            return self.fail(PROTOCOL_ERROR, "RST_STREAM of no stream")
        if self.server and self.flooded(FLOOD_RESETS):
            return 0
        stream = find_stream(&self.streams, id)
        if stream == NULL:
            return 0
        code = <int>min(xp_load(data, 4, False), <uint32_t>0x7FFFFFFF)
        self.on_reset(stream, code, code == REFUSED_STREAM)
        return self.close(stream, RESET_BY_PEER)

    cdef int settings_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef uint8_t* into
        cdef int64_t at, window = self.peer_window
        if id:
            return self.fail(PROTOCOL_ERROR, "SETTINGS of a stream")
        if flags & FLAG_ACK:
            self.acknowledged = True
            return self.fail(FRAME_SIZE_ERROR, "SETTINGS that acknowledge and set") if size else 0
        if size % 6:
            return self.fail(FRAME_SIZE_ERROR, f"SETTINGS of {size} bytes")
        if self.settled and self.flooded(FLOOD_SETTINGS):
            return 0
        for at in range(0, size, 6):
            self.setting(<int>xp_load(data + at, 2, False), <int64_t>xp_load(data + at + 2, 4, False))
            if self.over:
                return 0
        into = self.room(FRAME_HEAD)
        write_head(into, 0, FRAME_SETTINGS, FLAG_ACK, 0)
        self.filled(FRAME_HEAD)
        self.settled = True
        if self.peer_window > window:
            self.on_writable(NULL)           # behind the ACK: until then the window is the old one to the peer
        return self.on_settings()

    cdef int setting(self, int name, int64_t value) except -1:
        cdef h2stream_t* stream
        cdef int64_t change
        cdef uint32_t i
        if name == SETTING_HEADER_TABLE_SIZE:
            self.encoder.allow(value)
        elif name == SETTING_ENABLE_PUSH:
            if value > 1 or value and not self.server:
                return self.fail(PROTOCOL_ERROR, f"SETTINGS_ENABLE_PUSH of {value}")
        elif name == SETTING_MAX_CONCURRENT_STREAMS:
            self.peer_streams = min(value, <int64_t>UNLIMITED)
        elif name == SETTING_INITIAL_WINDOW_SIZE:
            if value > MAX_WINDOW:
                return self.fail(FLOW_CONTROL_ERROR, f"SETTINGS_INITIAL_WINDOW_SIZE of {value}")
            change = value - self.peer_window
            self.peer_window = value
            for i in range(self.streams.room):
                stream = self.streams.slots[i]
                if stream == NULL:
                    continue
                stream.send_window += change
                if stream.send_window > MAX_WINDOW:
                    return self.fail(FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE that overflows a window")
        elif name == SETTING_MAX_FRAME_SIZE:
            if not LEAST_MAX_FRAME <= value <= MOST_MAX_FRAME:
                return self.fail(PROTOCOL_ERROR, f"SETTINGS_MAX_FRAME_SIZE of {value}")
        return 0

    cdef int ping_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef uint8_t* into
        if size != 8:
            return self.fail(FRAME_SIZE_ERROR, f"PING of {size} bytes")
        if id:
            return self.fail(PROTOCOL_ERROR, "PING of a stream")
        if flags & FLAG_ACK:
            if self.pinged and data[0] == OWN_PING:
                self.pinged = 0
                self.on_pong()
            return 0
        if self.flooded(FLOOD_PINGS):
            return 0
        into = self.room(FRAME_HEAD + 8)
        write_head(into, 8, FRAME_PING, FLAG_ACK, 0)
        memcpy(into + FRAME_HEAD, data, 8)
        return self.filled(FRAME_HEAD + 8)

    cdef int goaway_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef h2stream_t* stream
        cdef uint32_t last, i
        cdef list late = []
        if size < 8:
            return self.fail(FRAME_SIZE_ERROR, f"GOAWAY of {size} bytes")
        if id:
            return self.fail(PROTOCOL_ERROR, "GOAWAY of a stream")
        last = <uint32_t>xp_load(data, 4, False) & LAST_ID
        self.drains = True
        if not self.server:
            for i in range(self.streams.room):
                stream = self.streams.slots[i]
                if stream != NULL and stream.id > last:
                    late.append(stream.id)
        self.on_goaway(<int>min(xp_load(data + 4, 4, False), <uint32_t>0x7FFFFFFF))
        for each in sorted(late):            # it has not seen these: they may be sent to somebody else
            stream = find_stream(&self.streams, each)
            if stream != NULL:
                self.on_reset(stream, REFUSED_STREAM, True)
                self.close(stream, RESET_BY_PEER)
        return 0

    cdef int window_frame(self, uint32_t id, const uint8_t* data, int64_t size) except -1:
        cdef h2stream_t* stream
        cdef int64_t more
        if size != 4:
            return self.fail(FRAME_SIZE_ERROR, f"WINDOW_UPDATE of {size} bytes")
        more = <int64_t>(xp_load(data, 4, False) & LAST_ID)
        if self.flooded(FLOOD_WINDOWS):
            return 0
        if id == 0:
            if more == 0 or self.send_window + more > MAX_WINDOW:
                return self.fail(FLOW_CONTROL_ERROR if more else PROTOCOL_ERROR, f"WINDOW_UPDATE by {more}")
            self.send_window += more
            return self.on_writable(NULL)
        if self.is_idle(id):
            return self.fail(PROTOCOL_ERROR, "WINDOW_UPDATE of no stream")
        stream = find_stream(&self.streams, id)
        if stream == NULL:
            return 0
        if more == 0 or stream.send_window + more > MAX_WINDOW:
            return self.reset(stream, FLOW_CONTROL_ERROR if more else PROTOCOL_ERROR)
        stream.send_window += more
        return self.on_writable(stream) if stream.progress & STALLED else 0

    # -- bytes out ----------------------------------------------------------------------------------------------

    cdef int greet(self) except -1:
        cdef uint8_t* into
        cdef uint8_t* at
        cdef size_t size = FRAME_HEAD + 4 * 6 + FRAME_HEAD + 4
        if not self.server:
            into = self.room(PREFACE_SIZE)
            memcpy(into, PREFACE, PREFACE_SIZE)
            self.filled(PREFACE_SIZE)
        into = self.room(size)
        write_head(into, 4 * 6, FRAME_SETTINGS, 0, 0)
        at = write_setting(into + FRAME_HEAD, SETTING_INITIAL_WINDOW_SIZE, STREAM_WINDOW)
        at = write_setting(at, SETTING_MAX_HEADER_LIST_SIZE, MAX_LIST)
        at = write_setting(at, SETTING_MAX_CONCURRENT_STREAMS, MAX_STREAMS if self.server else 0)
        at = write_setting(at, SETTING_ENABLE_PUSH, 0)
        write_head(at, 4, FRAME_WINDOW_UPDATE, 0, 0)
        write_u32(at + FRAME_HEAD, CONNECTION_WINDOW - FIRST_WINDOW)
        return self.filled(size)

    cdef bint has_room(self) noexcept:
        return not self.over and not self.drains and self.streaming < self.peer_streams and self.next_id <= LAST_ID

    cdef h2stream_t* open(self) noexcept:
        cdef h2stream_t* stream
        if not self.has_room():
            return NULL
        stream = add_stream(&self.streams, self.next_id)
        if stream == NULL:
            return NULL
        self.next_id += 2
        self.streaming += 1
        stream.send_window, stream.recv_window = self.peer_window, STREAM_WINDOW
        return stream

    cdef int put_headers(self, h2stream_t* stream, const uint8_t* block, int64_t size, bint ends) except -1:
        cdef int type = FRAME_HEADERS, flags = FLAG_END_STREAM if ends else 0
        cdef uint8_t* into
        cdef int64_t some
        while True:
            some = min(size, self.peer_frame)
            if some == size:
                flags |= FLAG_END_HEADERS
            into = self.room(FRAME_HEAD + some)
            write_head(into, some, type, flags, stream.id)
            memcpy(into + FRAME_HEAD, block, some)
            self.filled(FRAME_HEAD + some)
            block += some
            size -= some
            type, flags = FRAME_CONTINUATION, 0
            if size == 0:
                break
        stream.progress |= SENT_HEAD
        if ends:
            stream.progress |= SENT_END
        return 0

    cdef int64_t sendable(self, const h2stream_t* stream) noexcept:
        cdef int64_t some = min(self.send_window, stream.send_window)
        return some if some > 0 else 0

    cdef int64_t put_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1:
        """Bytes that went; `ends` counts only if all of them do."""
        cdef int64_t left = min(size, self.sendable(stream)), some, went = 0
        cdef uint8_t* into
        cdef bint last
        while left or size == 0:
            some = min(left, self.peer_frame)
            last = ends and went + some == size
            into = self.room(FRAME_HEAD + some)
            write_head(into, some, FRAME_DATA, FLAG_END_STREAM if last else 0, stream.id)
            if some:
                memcpy(into + FRAME_HEAD, data + went, some)
            self.filled(FRAME_HEAD + some)
            went += some
            left -= some
            self.send_window -= some
            stream.send_window -= some
            if left == 0:
                break
        if ends and went == size:
            stream.progress |= SENT_END
        return went

    cdef int write_reset(self, uint32_t id, int code) except -1:
        cdef uint8_t* into = self.room(FRAME_HEAD + 4)
        write_head(into, 4, FRAME_RST_STREAM, 0, id)
        write_u32(into + FRAME_HEAD, code)
        return self.filled(FRAME_HEAD + 4)

    cdef int refuse(self, uint32_t id, int code) except -1:
        """A stream that is not in the table."""
        if self.server and self.flooded(FLOOD_OWN_RESETS):
            return 0
        if find_stream(&self.streams, id) == NULL and not self.is_idle(id):
            remember(&self.streams, id, RESET_BY_US)             # once is enough
        return self.write_reset(id, code)

    cdef int reset(self, h2stream_t* stream, int code) except -1:
        """The peer has done something wrong with this stream."""
        if self.refuse(stream.id, code) or self.over:
            return 0
        self.on_reset(stream, code, False)
        return self.close(stream, RESET_BY_US)

    cdef int close(self, h2stream_t* stream, int how) except -1:
        self.streaming -= 1
        stream.owner = NULL
        drop_stream(&self.streams, stream, how)
        return 0

    cdef int goaway(self, bint last) except -1:
        cdef uint8_t* into
        if self.over or self.last_said:
            return 0
        self.last_said, self.last_taken = last, self.last_peer
        into = self.room(FRAME_HEAD + 8)
        write_head(into, 8, FRAME_GOAWAY, 0, 0)
        write_u32(into + FRAME_HEAD, self.last_peer if last else LAST_ID)
        write_u32(into + FRAME_HEAD + 4, NO_ERROR)
        return self.filled(FRAME_HEAD + 8)

    cdef int ping(self) except -1:
        cdef uint8_t* into = self.room(FRAME_HEAD + 8)
        self.pinged = self.now if self.now > 0 else 1
        write_head(into, 8, FRAME_PING, 0, 0)
        memset(into + FRAME_HEAD, OWN_PING, 8)
        return self.filled(FRAME_HEAD + 8)

    cdef int fail(self, int code, str why) except -1:
        cdef uint8_t* into
        if self.over:
            return 0
        into = self.room(FRAME_HEAD + 8)
        write_head(into, 8, FRAME_GOAWAY, 0, 0)
        write_u32(into + FRAME_HEAD, self.last_peer)
        write_u32(into + FRAME_HEAD + 4, code)
        self.filled(FRAME_HEAD + 8)
        self.over = True
        return self.on_error(code, why)

    # -- for the owner to say -----------------------------------------------------------------------------------

    cdef uint8_t* room(self, size_t size) except NULL:
        raise NotImplementedError

    cdef int filled(self, size_t size) except -1:
        return 0

    cdef int on_head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1:
        return 0

    cdef int on_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1:
        return 0

    cdef int on_reset(self, h2stream_t* stream, int code, bint unprocessed) except -1:
        return 0

    cdef int on_writable(self, h2stream_t* stream) except -1:
        return 0

    cdef int on_settings(self) except -1:
        return 0

    cdef int on_goaway(self, int code) except -1:
        return 0

    cdef int on_error(self, int code, str why) except -1:
        return 0

    cdef int on_pong(self) except -1:
        return 0

    cdef int on_bound(self, int which) except -1:
        return 0
