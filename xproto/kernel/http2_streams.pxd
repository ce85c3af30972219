# The streams of one connection that are not closed, and the ids of those that were lately.
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef enum Progress:
    GOT_HEAD = 1
    GOT_END = 2
    SENT_HEAD = 4
    SENT_END = 8
    STALLED = 16                  # there is something to send, and no window for it
    BODYLESS = 32                 # an answer to HEAD: a length says nothing of its data

cdef enum Ending:                 # how a stream was closed
    ENDED_WELL = 1                # by both ends
    RESET_BY_US = 2               # frames that were on their way are passed over
    RESET_BY_PEER = 3

cdef enum:
    REMEMBERED = 128              # closed streams: as many as may be reset at once

cdef struct h2stream_t:
    uint32_t id
    uint8_t progress              # bits of Progress
    int64_t send_window
    int64_t recv_window
    int64_t owed                  # bytes received and not given back yet
    int64_t left                  # of the data that content-length announced; -1: nothing was
    void* owner                   # borrowed; NULL: nobody listens
    h2stream_t* next              # of those that are stalled, or free
    h2stream_t* prev

cdef struct streams_t:
    h2stream_t** slots            # open addressing by id; NULL: none yet
    uint32_t room                 # a power of two
    uint32_t count
    h2stream_t* spare             # free ones
    int spares
    h2stream_t* stalled           # the one that waits longest; a ring
    uint32_t closed[REMEMBERED]   # a ring of ids
    uint8_t endings[REMEMBERED]
    uint32_t at

cdef h2stream_t* find_stream(const streams_t* streams, uint32_t id) noexcept nogil
cdef h2stream_t* add_stream(streams_t* streams, uint32_t id) noexcept nogil      # NULL: no memory
cdef void drop_stream(streams_t* streams, h2stream_t* stream, int how) noexcept nogil
cdef void remember(streams_t* streams, uint32_t id, int how) noexcept nogil
cdef int ending_of(const streams_t* streams, uint32_t id) noexcept nogil         # an Ending; 0: forgotten, or never there
cdef void stall(streams_t* streams, h2stream_t* stream) noexcept nogil
cdef void unstall(streams_t* streams, h2stream_t* stream) noexcept nogil
cdef void free_streams(streams_t* streams) noexcept nogil
