# What is known of a frame. Offsets and sizes are bytes; ids are unsigned.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cdef enum Outcome:
    SCAN_OK = 0      # a whole frame is there
    SCAN_NEED = 1    # frame_t.size says how many bytes in total must be there before asking again
    SCAN_BAD = 2     # malformed: frame_t.size is the offset, frame_t.op the Plan's op that refused

cdef enum Direction:
    FROM_DOWNSTREAM = 0   # requests, oneways, heartbeats
    FROM_UPSTREAM = 1     # responses, heartbeats and their acks, goaway

cdef enum FrameKind:      # the values of xproto.spec.Kind
    KIND_REQUEST = 1
    KIND_ONEWAY = 2
    KIND_RESPONSE = 3
    KIND_HEARTBEAT = 4
    KIND_HEARTBEAT_ACK = 5
    KIND_GOAWAY = 6
    KIND_WRAPPED = 7
    KIND_HANDSHAKE = 8
    KIND_HANDSHAKE_ACK = 9
    KIND_INTERIM = 10
    KIND_PART = 11
    KIND_CONTROL = 12

cdef struct frame_t:
    int64_t size      # SCAN_OK: the frame's length
    int64_t body_at   # offset of the body's first chunk, -1 where the frame has no chunked body (or it is not reached)
    int64_t crc_at    # offset of the trailing checksum, -1 where the frame has none; on SCAN_NEED always -1
    bint known        # the fields below are valid. SCAN_OK: always. SCAN_NEED: the head is there, and they are the whole
                      # frame's. SCAN_BAD: never
    int64_t kind
    uint64_t id
    int64_t id_at     # offset of the id's first byte; -1 where this frame has none (of kind CONTROL, say): then id is 0
    int64_t id_end    # and behind its last one
    uint64_t again    # the same of the second id, where the protocol has one
    int64_t again_at
    int64_t again_end
    int64_t variant   # opaque: frames of different variants must not share an upstream connection
    int64_t timeout   # milliseconds, <= 0 where the frame carries none
    int64_t timeout_at   # offset of the timeout's field; -1 where the frame has none that may be rewritten
    int64_t echo      # opaque: what a local reply repeats of its request
    int64_t length    # of the counted body behind a head, in bytes; after `scan_head` only
    int32_t op        # SCAN_BAD: index of the op that refused

cdef struct identity_t:   # what a frame's ids are, or are to become
    uint64_t id
    uint64_t again
    uint8_t id_size       # bytes on the wire
    uint8_t again_size

cdef struct id_field_t:
    int form              # of xproto.plan.Form
    int width
    bint little
