# Edits of whole frames (of HTTP: of heads) of one protocol.
from libc.stdint cimport int64_t, uint8_t

from xproto.kernel.codec cimport Codec
from xproto.kernel.edit_pairs cimport block_t
from xproto.kernel.edit_spots cimport Spot
from xproto.kernel.edits cimport edit_t
from xproto.kernel.frame cimport Direction, frame_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.region cimport Region, place_t
from xproto.kernel.room cimport room_t
from xproto.kernel.run cimport classes_t, span_t

cdef enum Role:               # what a call says of where it goes; the order of ROLES
    ROLE_SERVICE, ROLE_METHOD, ROLE_VERSION, ROLE_PATH, ROLE_HOST
    ROLE_COUNT

cdef enum:
    EDIT_SCRATCH = 65536      # bytes: texts that are not in one piece

cdef class Editor:
    cdef readonly Codec codec
    cdef readonly bint calls      # headers of requests can be edited
    cdef readonly bint answers    # and those of answers
    cdef readonly frozenset roles # names of those that can be rewritten
    cdef bint headed              # it is heads that are edited
    cdef tuple ways               # by Role: tuples of ways, each a tuple of Spots
    cdef Region call_block
    cdef Region answer_block
    cdef block_t kinds[2]         # of the blocks
    cdef room_t rooms[2]
    cdef room_t block
    cdef room_t text
    cdef classes_t classes
    cdef head_t* head
    cdef uint8_t* scratch
    cdef int free_room
    cdef Direction direction
    # What is edited: first as it came, then the editor's own. It lasts until the next `begin`.
    cdef const uint8_t* data
    cdef int64_t size
    cdef int64_t crc_at
    # `size` bytes are one whole frame that was scanned (crc_at as that said), or where `headed` one whole head, or (`cut`) a
    # message that begins with one. An EditOutcome: EDIT_DONE, or why it cannot be edited at all.
    cdef int begin(self, Direction direction, const uint8_t* data, int64_t size, int64_t crc_at, bint cut=*) noexcept
    cdef int edit(self, const edit_t* edits, int count) noexcept
    cdef int rewrite(self, int role, const uint8_t* value, int64_t size) noexcept
    # Scans what was made of a frame of which `before` was known. EDIT_VALUE: an edit made a frame of another kind of it.
    cdef int finish(self, const frame_t* before, frame_t* after) noexcept
    cdef room_t* target(self) noexcept
    cdef void taken(self, room_t* room) noexcept
    cdef int64_t body_at          # of what is edited, where it is cut: behind the head
    cdef int take_head(self, int outcome, room_t* room) noexcept
    cdef Region find_block(self, block_t* kind, path)
    cdef Region block_at(self, int which)
    cdef int locate_block(self, place_t* place) noexcept
    cdef int edit_in_block(self, const edit_t* edits, int count) noexcept
    cdef int put(self, Region region, const place_t* place, const room_t* bytes_) noexcept
    cdef int read_spot(self, Spot spot, span_t* text) noexcept
    cdef int read_key(self, Spot spot, span_t* text) noexcept
    cdef int write_spot(self, Spot spot, const span_t* text, const uint8_t* value, int64_t size) noexcept
    cdef int write_way(self, tuple way, const uint8_t* value, int64_t size) noexcept
