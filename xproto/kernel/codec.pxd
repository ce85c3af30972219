# The compiled face of one protocol, as the datapath sees it. Offsets and sizes are bytes; ids are unsigned.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from xproto.kernel.program cimport Program
from xproto.kernel.run cimport span_t

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

cdef struct frame_t:
    int64_t size      # SCAN_OK: the frame's length
    int64_t kind
    uint64_t id
    int64_t id_at     # offset of the id's first byte
    int64_t crc_at    # offset of the trailing checksum, -1 where the frame has none
    int64_t variant   # opaque: frames of different variants must not share an upstream connection
    int64_t timeout   # milliseconds, <= 0 where the frame carries none
    int64_t echo      # opaque: what a local reply repeats of its request
    int32_t op        # SCAN_BAD: index of the op that refused

ctypedef span_t slice_t
# data: NULL where the key is absent; points into the frame or into the scratch space. size: bytes.

cdef struct source_t:
    int32_t slot
    int32_t unless_count
    span_t* unless        # values that count as absent

cdef class Lookup:
    # Finds the values of a fixed tuple of keys in one whole frame that came from downstream.
    cdef readonly tuple keys
    cdef Program program
    cdef int count
    cdef int* starts          # of each key's sources in `sources`
    cdef source_t* sources    # in order of preference
    cdef object _keep
    # `out` has one slice for each key. Returns SCAN_OK or SCAN_BAD (a malformed header block).
    cdef int find(self, const uint8_t* frame, int64_t size, slice_t* out,
                  uint8_t* scratch, int64_t scratch_size) noexcept nogil

cdef class Codec:
    cdef readonly str name
    cdef readonly int id_bits          # 16, 32 or 64: fresh ids are allocated modulo 2**id_bits
    cdef readonly str pool             # "multiplexed" or "ping_pong"
    cdef readonly object lowered
    cdef Program scanner
    cdef Program verifier
    cdef int id_width
    cdef bint id_little
    cdef bint crc_little
    cdef dict templates
    cdef bytes _template(self, object what, int64_t variant, int64_t echo, uint64_t id)
    cdef readonly object timeout_key   # a lookup key that holds the call's timeout as decimal milliseconds, or None
    cdef int scan(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil
    # Rewrites the id in place; a checksum is patched by its linearity, so a corrupted frame stays corrupt.
    cdef void set_id(self, Direction direction, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil
    cpdef Lookup lookup(self, tuple keys)
    cpdef str explain_fault(self, int direction, int64_t offset, int op)   # "bolt: content_len: ... at offset 18"
    # Ready-made frames, cached by their arguments; b"" where the protocol declares none.
    cpdef bytes reply(self, int fault, int64_t variant, int64_t echo, uint64_t id)
    cpdef bytes heartbeat(self, int64_t variant, uint64_t id)
    cpdef bytes heartbeat_ack(self, int64_t variant, int64_t echo, uint64_t id)
