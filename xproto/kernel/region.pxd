# Where one field lies in a frame, and what must follow when it gets another size.
from libc.stdint cimport int64_t, uint8_t, uint64_t

from xproto.kernel.frame cimport Direction
from xproto.kernel.program cimport Program
from xproto.kernel.room cimport room_t
from xproto.kernel.run cimport classes_t

cdef enum:
    MAX_LENGTHS = 12

cdef struct length_t:         # an integer that counts the field, see xproto.lower.locate.LengthField
    int reg
    int at
    int end
    int width                 # 0: a varint
    bint little
    int64_t lo
    int64_t hi
    int64_t scale

cdef struct place_t:          # where it was found in one frame
    int64_t start
    int64_t end
    int64_t at[MAX_LENGTHS]
    int64_t ends[MAX_LENGTHS]
    int64_t values[MAX_LENGTHS]

cdef class Region:
    cdef readonly object plan # xproto.lower.SplicePlan
    cdef Program program
    cdef int start_reg
    cdef int end_reg
    cdef int count
    cdef length_t lengths[MAX_LENGTHS]
    # False: the frame does not have the field. classes: what it defines in Hessian2; may be NULL.
    cdef bint find(self, Direction direction, const uint8_t* frame, int64_t size, place_t* out, classes_t* classes) noexcept nogil
    # The frame with other bytes in that place, into an empty room; an EditOutcome. crc_at: of the frame's checksum; -1: none.
    # wrong: the index of the length that does not fit, -1: the frame's limit. Either pointer may be NULL.
    cdef int put(self, const uint8_t* frame, int64_t size, const place_t* place, const uint8_t* bytes_, int64_t length,
                 int64_t crc_at, bint crc_little, room_t* into, int* wrong, int64_t* value) noexcept nogil
    cdef int64_t moved(self, const place_t* place, int64_t at, int varint_of, int varint_size, int64_t grown) noexcept nogil
