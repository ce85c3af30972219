# One direction of a call that is passed on in pieces: what may come next, and what is known of its frame.
from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    enum { XP_IDLE, XP_BODY, XP_TRAILED, XP_ENDED, XP_RESET, XP_NEVER };

    static const unsigned char xp_after[5][5] = {
        /*               HEAD      DATA      TRAILERS    END       ABORT    */
        /* IDLE    */ { XP_BODY,  XP_NEVER, XP_NEVER,   XP_NEVER, XP_IDLE  },
        /* BODY    */ { XP_NEVER, XP_BODY,  XP_TRAILED, XP_ENDED, XP_RESET },
        /* TRAILED */ { XP_NEVER, XP_NEVER, XP_NEVER,   XP_ENDED, XP_RESET },
        /* ENDED   */ { XP_BODY,  XP_NEVER, XP_NEVER,   XP_NEVER, XP_ENDED },
        /* RESET   */ { XP_NEVER, XP_NEVER, XP_NEVER,   XP_NEVER, XP_RESET },
    };
    """
    const unsigned char xp_after[5][5]

cdef enum Half:
    IDLE = 0                  # nothing was begun
    BODY = 1                  # the head is passed on, and chunks are
    TRAILED = 2               # the trailers are: only the end is missing
    ENDED = 3                 # all of it is; another may begin
    RESET = 4                 # it will never be whole
    NEVER = 5                 # not a state: this event cannot come now

cdef enum Event:
    HEAD = 0
    DATA = 1
    TRAILERS = 2
    END = 3
    ABORT = 4


cdef struct stream_t:
    Half half
    int64_t passed            # bytes of the frame that were let go
    uint64_t old_id           # as it came
    uint64_t new_id           # as it goes
    int64_t id_end            # offset behind the id
    int64_t old_timeout       # milliseconds
    int64_t new_timeout
    int64_t timeout_end       # offset behind the timeout; 0: it was not rewritten


cdef inline int step(stream_t* stream, Event event) except -1:
    """The next state. An event that cannot come now is a mistake of ours, and never passed on."""
    cdef unsigned char next = xp_after[<int>stream.half][<int>event]
    if next == NEVER:
        raise AssertionError(f"stream: event {<int>event} in state {<int>stream.half}")
    stream.half = <Half>next
    return 0
