"""What one end of a connection of HTTP/2 sends: settings, header blocks, data, resets, goodbyes.

Source of the format: RFC 9113.

What always holds: nobody sends more than the windows allow, in frames no longer than the peer takes; a header block's
frames follow each other; after `fail` nothing more is sent.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from xproto.kernel.hpack cimport Encoder
from xproto.kernel.http2_streams cimport SENT_END, SENT_HEAD, h2stream_t
from xproto.kernel.http2_wire cimport (
    CONNECTION_WINDOW, FIRST_WINDOW, FLAG_END_HEADERS, FLAG_END_STREAM, FRAME_CONTINUATION, FRAME_DATA, FRAME_GOAWAY,
    FRAME_HEAD, FRAME_HEADERS, FRAME_PING, FRAME_RST_STREAM, FRAME_SETTINGS, FRAME_WINDOW_UPDATE, LAST_ID, LEAST_MAX_FRAME,
    MAX_LIST, MAX_STREAMS, NO_ERROR, OWN_PING, PREFACE, PREFACE_SIZE, SETTING_ENABLE_PUSH, SETTING_INITIAL_WINDOW_SIZE,
    SETTING_MAX_CONCURRENT_STREAMS, SETTING_MAX_HEADER_LIST_SIZE, STREAM_WINDOW, write_head, write_setting, write_u32,
)

cdef enum:
    WORTH = 1024              # bytes of data that earn the peer something where its own window cuts them short


cdef class Writer:
    def __cinit__(self):
        self.encoder = Encoder()
        self.peer_window, self.peer_frame = FIRST_WINDOW, LEAST_MAX_FRAME
        self.send_window = FIRST_WINDOW

    def __dealloc__(self):
        free(self.said)

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
            self.floods.sent += 1
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
            if some >= WORTH or went + some == size:
                self.floods.sent += 1
            went += some
            left -= some
            self.send_window -= some
            stream.send_window -= some
            if left == 0:
                break
        if ends and went == size:
            stream.progress |= SENT_END
        return went

    cdef int put_window(self, uint32_t id, int64_t more) except -1:
        cdef uint8_t* into = self.room(FRAME_HEAD + 4)
        write_head(into, 4, FRAME_WINDOW_UPDATE, 0, id)
        write_u32(into + FRAME_HEAD, <uint32_t>more)
        return self.filled(FRAME_HEAD + 4)

    cdef int write_reset(self, uint32_t id, int code) except -1:
        cdef uint8_t* into = self.room(FRAME_HEAD + 4)
        write_head(into, 4, FRAME_RST_STREAM, 0, id)
        write_u32(into + FRAME_HEAD, code)
        return self.filled(FRAME_HEAD + 4)

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

    cdef int on_error(self, int code, str why) except -1:
        return 0
