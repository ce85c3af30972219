# How much of each cheap frame a peer may send: a bucket for each kind of flood.
from libc.stdint cimport int64_t

cdef enum Flood:
    FLOOD_RESETS, FLOOD_OWN_RESETS, FLOOD_SETTINGS, FLOOD_PINGS, FLOOD_PRIORITIES, FLOOD_EMPTIES, FLOOD_WINDOWS, FLOOD_UNKNOWN
    FLOODS

cdef enum Bound:                  # those that are no floods
    AT_STREAMS = FLOODS, AT_CONTINUATIONS, AT_BLOCK, AT_HEADERS, AT_CRUMBS, AT_STALLED
    BOUNDS

cdef struct floods_t:
    int64_t left[FLOODS]          # thousandths of a frame, beside what was refilled since
    int64_t since[FLOODS]         # microseconds; 0: none was taken
    int64_t seen[FLOODS]          # of `sent`, when it was last looked at
    int64_t sent                  # frames of header blocks and data that went to this peer, but for those that it made small

# One more of these. False: there were too many.
cdef bint within(floods_t* floods, int which, int64_t now) noexcept nogil
