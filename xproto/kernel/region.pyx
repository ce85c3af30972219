"""One field of a frame by other bytes, more or fewer: the lengths that count it follow, and so does a checksum.

A length that the new size does not fit is refused, never wrapped; one that stays the same keeps its bytes, however many it
has. A checksum that was wrong stays wrong by the same difference, so that corruption is not hidden from the peer.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from xproto.kernel.checksum cimport crc32
from xproto.kernel.edits cimport EDIT_DONE, EDIT_MEMORY, EDIT_OVER
from xproto.kernel.frame cimport Direction
from xproto.kernel.integers cimport xp_load, xp_store
from xproto.kernel.program cimport REGISTERS, RUN_OK, SLOTS, Program, outcome_t
from xproto.kernel.room cimport make_room, put_bytes, room_t
from xproto.kernel.run cimport classes_t, progress_t, span_t

cdef enum:
    SCRATCH = 4096
    VARINT = 10               # bytes, at most


cdef int put_varint(uint8_t* into, uint64_t number) noexcept nogil:
    cdef int size = 0
    while number > 0x7F:
        into[size] = <uint8_t>(number & 0x7F | 0x80)
        number >>= 7
        size += 1
    into[size] = <uint8_t>number
    return size + 1


cdef class Region:
    """For one field of one protocol; raises `SpecError` where it cannot get another size."""

    def __cinit__(self, lowered, str path):
        cdef int i
        self.plan = lowered.splice(path)
        self.program = Program(self.plan.plan)
        self.start_reg, self.end_reg, self.count = self.plan.start, self.plan.end, len(self.plan.lengths)
        if self.count > MAX_LENGTHS:
            raise ValueError(f"{path}: more than {MAX_LENGTHS} lengths around it")
        for i in range(self.count):
            length = self.plan.lengths[i]
            self.lengths[i].reg, self.lengths[i].at, self.lengths[i].end = length.reg, length.at, length.end
            self.lengths[i].width, self.lengths[i].little = length.width, length.little
            self.lengths[i].lo, self.lengths[i].hi, self.lengths[i].scale = length.lo, length.hi, length.scale

    cdef bint find(self, Direction direction, const uint8_t* frame, int64_t size, place_t* out, classes_t* classes) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef outcome_t outcome
        cdef progress_t progress
        cdef int i
        memset(slots, 0, sizeof(slots))
        memset(&progress, 0, sizeof(progress_t))
        progress.classes = classes
        if self.program.run(frame, size, regs, slots, scratch, SCRATCH, &outcome, &progress if classes != NULL else NULL,
                            direction) != RUN_OK or regs[self.end_reg] == 0:
            return False
        out.start, out.end = regs[self.start_reg], regs[self.end_reg]
        for i in range(self.count):
            out.values[i], out.at[i] = regs[self.lengths[i].reg], regs[self.lengths[i].at]
            out.ends[i] = out.at[i] + self.lengths[i].width if self.lengths[i].width else regs[self.lengths[i].end]
        return True

    cdef int put(self, const uint8_t* frame, int64_t size, const place_t* place, const uint8_t* bytes_, int64_t length,
                 int64_t crc_at, bint crc_little, room_t* into, int* wrong, int64_t* value) noexcept nogil:
        cdef int64_t grown = length - (place.end - place.start)
        cdef int64_t[MAX_LENGTHS] new
        cdef uint8_t[VARINT] varint
        cdef int varint_of = -1, varint_size = 0, i
        for i in range(self.count):
            new[i] = place.values[i] + grown // self.lengths[i].scale
            if wrong != NULL:
                wrong[0], value[0] = i, new[i]
            if grown % self.lengths[i].scale or not self.lengths[i].lo <= new[i] <= self.lengths[i].hi:
                return EDIT_OVER
            if not self.lengths[i].width and new[i] != place.values[i]:      # it stands before the field, and inside of what all others count
                varint_of, varint_size = i, put_varint(varint, <uint64_t>new[i])
                grown += varint_size - (place.ends[i] - place.at[i])
        if wrong != NULL:
            wrong[0], value[0] = -1, size + grown
        if size + grown > self.program.limit:
            return EDIT_OVER
        if not make_room(into, size + grown):
            return EDIT_MEMORY
        into.size = 0
        if varint_of >= 0:
            put_bytes(into, frame, place.at[varint_of])
            put_bytes(into, varint, varint_size)
            put_bytes(into, frame + place.ends[varint_of], place.start - place.ends[varint_of])
        else:
            put_bytes(into, frame, place.start)
        put_bytes(into, bytes_, length)
        put_bytes(into, frame + place.end, size - place.end)
        for i in range(self.count):
            if self.lengths[i].width:
                xp_store(into.data + self.moved(place, place.at[i], varint_of, varint_size, grown), self.lengths[i].width,
                         self.lengths[i].little, <uint64_t>new[i])
        if crc_at >= 0:
            fix_checksum(frame, crc_at, into.data, crc_at + grown, crc_little)
        return EDIT_DONE

    cdef int64_t moved(self, const place_t* place, int64_t at, int varint_of, int varint_size, int64_t grown) noexcept nogil:
        """Where it is now, what was at `at`."""
        if at >= place.end:
            return at + grown
        if varint_of >= 0 and at >= place.ends[varint_of]:
            return at + varint_size - (place.ends[varint_of] - place.at[varint_of])
        return at


cdef void fix_checksum(const uint8_t* before, int64_t before_at, uint8_t* data, int64_t at, bint little) noexcept nogil:
    cdef uint64_t off = xp_load(before + before_at, 4, little) ^ crc32(before, before_at)
    xp_store(data + at, 4, little, crc32(data, at) ^ off)
