# The compiled face of one protocol, as the datapath sees it. Offsets and sizes are bytes; ids are unsigned.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from xproto.kernel.lookup cimport Lookup, slice_t
from xproto.kernel.program cimport Program
from xproto.kernel.run cimport progress_t

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

cdef struct frame_t:
    int64_t size      # SCAN_OK: the frame's length
    int64_t body_at   # offset of the body's first chunk, -1 where the frame has no chunked body (or it is not reached)
    int64_t crc_at    # offset of the trailing checksum, -1 where the frame has none; on SCAN_NEED always -1
    bint known        # the fields below are valid. SCAN_OK: always. SCAN_NEED: the head is there, and they are the whole
                      # frame's. SCAN_BAD: never
    int64_t kind
    uint64_t id
    int64_t id_at     # offset of the id's first byte
    int64_t id_end    # and behind its last one
    uint64_t again    # the same of the second id, where the protocol has one
    int64_t again_at
    int64_t again_end
    int64_t variant   # opaque: frames of different variants must not share an upstream connection
    int64_t timeout   # milliseconds, <= 0 where the frame carries none
    int64_t timeout_at   # offset of the timeout's field; -1 where the frame has none that may be rewritten
    int64_t echo      # opaque: what a local reply repeats of its request
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

cdef class Codec:
    cdef readonly str name
    cdef readonly int id_bits          # fresh ids are allocated modulo 2**id_bits, and have id_base beside
    cdef readonly uint64_t id_base
    cdef readonly bint moves           # another id may have another width: frames are written by `write_as`, not `set_id`
    cdef readonly bint echoes_text
    cdef readonly str pool             # "multiplexed" or "ping_pong"
    cdef readonly bint alone           # the same of the pool: one call at a time on a connection
    cdef readonly bint in_order        # answers keep the order of their requests
    cdef readonly int64_t frame_limit  # bytes
    cdef readonly bint streams         # a frame may be passed on in pieces: head, whole chunks, a rest of fixed size
    cdef readonly object lowered
    cdef Program scanner
    cdef Program verifier
    cdef Program head                  # None where a frame is known only when all of it is there
    cdef Program rest                  # None where frames cannot be streamed
    cdef int32_t chunks_op             # where the scanner walks the chunks, if it does
    cdef int id_width
    cdef int timeout_width
    cdef bint timeout_little
    cdef int64_t timeout_least
    cdef int64_t timeout_most
    cdef bint id_little
    cdef bint twice                    # there is a second id
    cdef id_field_t first
    cdef id_field_t second
    cdef int length_width              # of the length at a frame's beginning that follows when ids change their width
    cdef bint length_little
    cdef Lookup echoed
    cdef object unwrap
    cdef bint crc_little
    cdef dict templates
    cdef bytes _template(self, object what, int64_t variant, int64_t echo, bytes text, const identity_t* who)
    cdef readonly object timeout_key   # a lookup key that holds the call's timeout as decimal milliseconds, or None
    cdef int scan(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil
    # The same for a frame that comes in pieces: no chunk is walked twice. `progress` is the caller's, zeroed before the
    # frame's first piece; `data` is always the frame's beginning, and what was there before is unchanged.
    # progress.at: the bytes before it are head and whole chunks (only where it is beyond body_at).
    cdef int scan_on(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out,
                     progress_t* progress) noexcept nogil
    # Where `streams`: what is left of a frame whose first `passed` bytes were let go, up to a chunk's beginning
    # (progress.at of `scan_on`, or `passed` + progress.at of this). `data` begins there. Sets size, crc_at and progress,
    # counted from `data`; op; and known to false. SCAN_BAD: size is the offset in the frame. Zero `progress` whenever
    # `passed` changes.
    cdef int scan_rest(self, const uint8_t* data, int64_t size, int64_t passed, frame_t* out,
                       progress_t* progress) noexcept nogil
    # The ids of a frame that was scanned; and those of a frame that the proxy gives `id` to.
    cdef identity_t identity(self, const frame_t* at) noexcept nogil
    cdef identity_t fresh(self, uint64_t id) noexcept nogil
    # A copy of a whole frame under other ids: how long it gets, and the copy itself, its checksum moved along. Where
    # not `moves`, `set_id` and `set_again` do the same in place.
    cdef int64_t size_as(self, const frame_t* at, const identity_t* who) noexcept nogil
    cdef void write_as(self, uint8_t* into, const uint8_t* frame, const frame_t* at, const identity_t* who) noexcept nogil
    cdef void set_again(self, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil
    # The plain form of a frame of kind WRAPPED, and what a scan says of it; raises MalformedError.
    cdef bytes plain(self, Direction direction, const uint8_t* frame, const frame_t* at, frame_t* out)
    # The text that a local reply to this request repeats; at most MAX_ECHO bytes, else none.
    cdef bytes text_of(self, const uint8_t* frame, int64_t size)
    cdef bytearray _copy(self, const uint8_t* frame, const frame_t* at, const identity_t* who)
    # Rewrites the id in place; a checksum is patched by its linearity, so a corrupted frame stays corrupt. On a frame
    # that is known but not whole (crc_at -1) the checksum is left to fix_crc.
    cdef void set_id(self, Direction direction, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil
    # The id's part of a checksum that comes later: `distance` is from the id's end to the checksum.
    cdef void fix_crc(self, uint8_t* crc_bytes, uint64_t old_id, uint64_t new_id, int64_t distance) noexcept nogil
    # Rewrites the timeout likewise, clamped to what the field may hold and to at least 1: at most 0 would mean none.
    # Returns what was written; where timeout_at is -1 nothing is, and it returns 0.
    cdef int64_t set_timeout(self, uint8_t* frame, const frame_t* at, int64_t milliseconds) noexcept nogil
    cdef void fix_timeout_crc(self, uint8_t* crc_bytes, int64_t old, int64_t new, int64_t distance) noexcept nogil
    cdef void _results(self, const int64_t* regs, frame_t* out) noexcept nogil
    cdef void _fix(self, uint8_t* crc_bytes, uint64_t difference, int width, bint little, int64_t distance) noexcept nogil
    cpdef Lookup lookup(self, tuple keys)
    cpdef str explain_fault(self, int direction, int64_t offset, int op)   # "bolt: content_len: ... at offset 18"
    # Ready-made frames, cached by their arguments; b"" where the protocol declares none.
    cdef bytes answer(self, int fault, int64_t variant, int64_t echo, bytes text, const identity_t* who)
    cpdef bytes reply(self, int fault, int64_t variant, int64_t echo, uint64_t id, bytes text=*)
    cpdef bytes heartbeat(self, int64_t variant, uint64_t id)
    cpdef bytes heartbeat_ack(self, int64_t variant, int64_t echo, uint64_t id)
    cdef object _told(self, int outcome, const frame_t* frame)    # the same, for Python
    cdef object _frame(self, const frame_t* frame)
