# HTTP/2 of one connection, either side of it: frames, streams, windows, settings. No I/O, no clock of its own.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack cimport Decoder, headers_t
from xproto.kernel.http2_control cimport Control
from xproto.kernel.http2_memo cimport mark_t, memo_t
from xproto.kernel.http2_streams cimport h2stream_t

cdef class Session(Control):
    cdef bint greeted                     # server: the preface is here
    cdef int64_t recv_window              # of the connection
    cdef int64_t owed                     # bytes received and not given back to that window yet
    cdef size_t need                      # of the bytes that are there: ask again when there are so many
    cdef Decoder decoder
    cdef uint8_t* block                   # the header block that is under way, where it has several frames; else NULL
    cdef int64_t block_size, block_room
    cdef int continuations
    cdef uint32_t block_id                # 0: none is under way
    cdef uint8_t block_flags
    cdef int64_t dependency               # of the HEADERS that began it; -1: none
    cdef memo_t* heard                    # the last head that was worth it; NULL: none was
    cdef mark_t before                    # the table, when the block that is here began to be decoded
    cdef const uint8_t* last_block        # that one, until its owner has dealt with it
    cdef int64_t last_size

    cdef Py_ssize_t take(self, const uint8_t* data, size_t size) except -1     # bytes used, whole frames; sets `need`
    cdef int consumed(self, h2stream_t* stream, int64_t size) except -1        # the peer may send so many more
    # -- frames
    cdef int frame(self, int type, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int data_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int received(self, int64_t size) except -1
    cdef int headers_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int continuation_frame(self, int flags, uint32_t id, const uint8_t* data, int64_t size) except -1
    cdef int keep_block(self, const uint8_t* data, int64_t size) except -1
    cdef int block_ends(self, uint32_t id, int flags, const uint8_t* data, int64_t size) except -1
    cdef int decode(self) noexcept
    cdef const headers_t* decoded(self) noexcept                               # what `heard` stands for
    cdef memo_t* keep(self, const uint8_t* text, int64_t size, bint ends) noexcept     # what the block that is here became
    # -- for the owner to say
    # Opens, answers, or trailers. NULL: it is `heard` once more, which there is only if the owner called `keep`.
    cdef int on_head(self, h2stream_t* stream, const headers_t* headers, bint ends) except -1
    cdef int on_data(self, h2stream_t* stream, const uint8_t* data, int64_t size, bint ends) except -1
