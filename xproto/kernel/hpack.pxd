# Header blocks of HTTP/2, read and written: one Decoder and one Encoder for each connection.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from xproto.kernel.hpack_block cimport (
    HPACK_BAD, HPACK_OK, HPACK_TOO_MUCH, INDEX, LITERAL, NEVER, Compression, How, header_t, headers_t,
)
from xproto.kernel.hpack_decode cimport decoding_t
from xproto.kernel.hpack_encode cimport BEGIN_ROOM, FIELD_MORE, encoding_t


cdef inline int64_t field_room(int64_t name_size, int64_t value_size) noexcept nogil:
    """Bytes that `Encoder.field` may overwrite; `Encoder.begin` needs `BEGIN_ROOM`."""
    return name_size + value_size + FIELD_MORE


cdef class Decoder:           # of what the peer sends
    cdef decoding_t state
    # Reads a whole block into `into`, of which text, room, fields and most are given, and the others begin at 0. `most` is
    # the limit of its size. After HPACK_BAD every block is bad.
    cdef int decode(self, const uint8_t* block, int64_t size, headers_t* into, int64_t most) noexcept nogil
    # Our SETTINGS_HEADER_TABLE_SIZE (65,536 at most), once the peer has acknowledged it; 4,096 until then.
    cdef void allow(self, int64_t size) noexcept nogil

cdef class Encoder:           # of what we send
    cdef encoding_t state
    # At the start of each block; returns where to go on.
    cdef uint8_t* begin(self, uint8_t* into) noexcept nogil
    # Writes a field, its name in lower case; returns where to go on. `how` is a How.
    cdef uint8_t* field(self, uint8_t* into, const uint8_t* name, int64_t name_size, const uint8_t* value,
                        int64_t value_size, int how) noexcept nogil
    # The peer's SETTINGS_HEADER_TABLE_SIZE, from the next block on. We use 4,096 bytes at most.
    cdef void allow(self, int64_t size) noexcept nogil
