"""The streams of one end of a connection of HTTP/2, and the frames that are not messages: settings, windows, pings, resets.

Source of the format: RFC 9113.

What always holds: a stream is in the table from its first frame to its last, and its owner hears of its end once; what the
peer sends beyond the bounds of `http2_floods` ends the connection.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from xproto.kernel.http2_floods cimport (
    FLOOD_OWN_RESETS, FLOOD_PINGS, FLOOD_PRIORITIES, FLOOD_RESETS, FLOOD_SETTINGS, FLOOD_UNKNOWN, FLOOD_WINDOWS, within,
)
from xproto.kernel.http2_streams cimport (
    RESET_BY_PEER, RESET_BY_US, STALLED, add_stream, drop_stream, ending_of, find_stream, free_streams, h2stream_t, remember,
)
from xproto.kernel.http2_wire cimport (
    ENHANCE_YOUR_CALM, FLAG_ACK, FLOW_CONTROL_ERROR, FRAME_HEAD, FRAME_PING, FRAME_SETTINGS, FRAME_SIZE_ERROR, LAST_ID,
    LEAST_MAX_FRAME, MAX_WINDOW, MOST_MAX_FRAME, OWN_PING, PROTOCOL_ERROR, REFUSED_STREAM, SETTING_ENABLE_PUSH,
    SETTING_HEADER_TABLE_SIZE, SETTING_INITIAL_WINDOW_SIZE, SETTING_MAX_CONCURRENT_STREAMS, SETTING_MAX_FRAME_SIZE,
    STREAM_CLOSED, STREAM_WINDOW, UNLIMITED, write_head,
)
from xproto.kernel.integers cimport xp_load

cdef enum:
    MOST_SETTINGS = 32        # of one frame: each may change the windows of all streams


cdef class Control(Writer):
    def __cinit__(self):
        self.peer_streams = UNLIMITED
        self.next_id = 1

    def __dealloc__(self):
        free_streams(&self.streams)

    # -- streams ------------------------------------------------------------------------------------------------

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
        return self.break_off(stream, code, False, RESET_BY_US)

    cdef int break_off(self, h2stream_t* stream, int code, bint unprocessed, int how) except -1:
        """Its owner hears of it, and may end the whole connection upon that: then the stream is no more."""
        cdef uint32_t id = stream.id
        self.on_reset(stream, code, unprocessed)
        return self.close(stream, how) if find_stream(&self.streams, id) == stream else 0

    cdef int close(self, h2stream_t* stream, int how) except -1:
        self.streaming -= 1
        stream.owner = NULL
        drop_stream(&self.streams, stream, how)
        return 0

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

    # -- frames -------------------------------------------------------------------------------------------------

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
        return self.break_off(stream, code, code == REFUSED_STREAM, RESET_BY_PEER)

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
        if size > 6 * MOST_SETTINGS:
            self.on_bound(FLOOD_SETTINGS)
            return self.fail(ENHANCE_YOUR_CALM, f"{size // 6} settings in a frame")
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
        if self.drains and self.flooded(FLOOD_UNKNOWN):      # who leaves may say so twice
            return 0
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
                self.break_off(stream, REFUSED_STREAM, True, RESET_BY_PEER)
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

    cdef bint flooded(self, int which) except -1:
        """One more of these: were there too many? Then the connection is over."""
        if within(&self.floods, which, self.now):
            return False
        self.on_bound(which)
        self.fail(ENHANCE_YOUR_CALM, "a flood of frames")
        return True

    # -- for the owner to say -----------------------------------------------------------------------------------

    cdef int on_reset(self, h2stream_t* stream, int code, bint unprocessed) except -1:
        return 0

    cdef int on_writable(self, h2stream_t* stream) except -1:
        return 0

    cdef int on_settings(self) except -1:
        return 0

    cdef int on_goaway(self, int code) except -1:
        return 0

    cdef int on_pong(self) except -1:
        return 0

    cdef int on_bound(self, int which) except -1:
        return 0
