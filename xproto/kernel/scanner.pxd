# Frames of one protocol, found in bytes and changed in place: what the datapath does for every frame.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from xproto.kernel.frame cimport Direction, frame_t, id_field_t, identity_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.program cimport Program
from xproto.kernel.run cimport progress_t

cdef class Scanner:
    cdef readonly int id_bits          # fresh ids are allocated modulo 2**id_bits, and have id_base beside
    cdef readonly uint64_t id_base
    cdef readonly bint numbered        # frames have ids; else one call at a time on a connection, answers in order
    cdef readonly bint moves           # another id may have another width: frames are written by `write_as`, not `set_id`
    cdef readonly int64_t frame_limit  # bytes
    cdef readonly bint headed          # messages: a head that each hop rewrites, and a body that goes by in pieces behind it
    cdef Program scanner
    cdef Program head                  # None where a frame is known only when all of it is there
    cdef Program rest                  # None where frames cannot be streamed
    cdef int32_t chunks_op             # where the scanner walks the chunks, if it does
    cdef int id_width
    cdef uint64_t id_mask              # the bits of it that are the id; the others stay what they are
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
    cdef bint crc_little
    cdef int scan(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil
    # The same for a frame that comes in pieces: no chunk is walked twice. `progress` is the caller's, zeroed before the
    # frame's first piece; `data` is always the frame's beginning, and what was there before is unchanged.
    # progress.at: the bytes before it are head and whole chunks (only where it is beyond body_at).
    cdef int scan_on(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out,
                     progress_t* progress) noexcept nogil
    # Where `headed`: the head of a message, as a frame of its own; what it says is its `echo` (see `http1_facts`), and it is
    # read into `head`. asked: of an answer, ASKED and the request's echo; 0: not known.
    cdef int scan_head(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out, progress_t* progress,
                       head_t* head, int64_t asked) noexcept nogil
    # A request of `size` bytes that was scanned before and is to be sent after all: its whole frame, or its head.
    cdef int whole(self, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil
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
    # not `moves`, `set_id` and `set_again` do the same in place. A frame without an id stays as it is.
    cdef int64_t size_as(self, const frame_t* at, const identity_t* who) noexcept nogil
    cdef void write_as(self, uint8_t* into, const uint8_t* frame, const frame_t* at, const identity_t* who) noexcept nogil
    cdef void set_again(self, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil
    # Rewrites the id in place; a checksum is patched by its linearity, so a corrupted frame stays corrupt. On a frame
    # that is known but not whole (crc_at -1) the checksum is left to fix_crc.
    cdef void set_id(self, Direction direction, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil
    # The id's part of a checksum that comes later: `distance` is from the id's end to the checksum.
    cdef void fix_crc(self, uint8_t* crc_bytes, uint64_t old_id, uint64_t new_id, int64_t distance) noexcept nogil
    # Rewrites the timeout likewise, clamped to what the field may hold and to at least 1: at most 0 would mean none.
    # Returns what was written; where timeout_at is -1 nothing is, and it returns 0.
    cdef int64_t set_timeout(self, uint8_t* frame, const frame_t* at, int64_t milliseconds) noexcept nogil
    cdef void fix_timeout_crc(self, uint8_t* crc_bytes, int64_t old, int64_t new, int64_t distance) noexcept nogil
    cdef void _fix(self, uint8_t* crc_bytes, uint64_t difference, int width, bint little, int64_t distance) noexcept nogil
