"""Replaces the bytes of one field by more or fewer, for Python: what tests and tools call where an editor calls `Region`."""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free

from xproto.kernel.codec cimport Codec
from xproto.kernel.edits cimport EDIT_DONE, EDIT_MEMORY
from xproto.kernel.frame cimport FROM_DOWNSTREAM, SCAN_OK, Direction, frame_t
from xproto.kernel.region cimport Region, place_t
from xproto.kernel.room cimport room_t

from xproto.errors import MalformedError


cdef class Splicer:
    """For one field of one protocol."""

    cdef Codec codec
    cdef Region region
    cdef room_t room
    cdef readonly object plan

    def __cinit__(self, Codec codec, str path):
        self.codec = codec
        self.region = Region(codec.lowered, path)
        self.plan = self.region.plan

    def __dealloc__(self):
        free(self.room.data)

    def find(self, bytes frame, int direction=0):
        """The bytes of the field, or None where the frame does not have it."""
        cdef place_t place
        if not self.region.find(<Direction>direction, <const uint8_t*>frame, len(frame), &place, NULL):
            return None
        return frame[place.start:place.end]

    def splice(self, bytes frame, bytes replacement, int direction=0):
        """A new frame. Raises `MalformedError` when `frame` is not one whole frame with that field, `OverflowError`
        when a length does not fit."""
        cdef frame_t scanned
        cdef place_t place
        cdef int outcome, wrong = 0
        cdef int64_t value = 0
        cdef const uint8_t* start = <const uint8_t*>frame
        if not self.region.find(<Direction>direction, start, len(frame), &place, NULL) or self.codec.scan(
                <Direction>direction, start, len(frame), &scanned) != SCAN_OK:
            raise MalformedError(self.codec.name, self.plan.path, 0, "this frame does not have the field")
        if scanned.size != len(frame):
            raise MalformedError(self.codec.name, "frame", scanned.size, "more than one frame")
        outcome = self.region.put(start, len(frame), &place, <const uint8_t*>replacement, len(replacement), scanned.crc_at,
                                  self.codec.crc_little, &self.room, &wrong, &value)
        if outcome == EDIT_MEMORY:
            raise MemoryError
        if outcome != EDIT_DONE and wrong < 0:
            raise OverflowError(f"{self.codec.name}: frame: {value} is over the limit")
        if outcome != EDIT_DONE:
            field = self.plan.lengths[wrong]
            raise OverflowError(f"{self.codec.name}: {field.path}: {value} is not in {field.lo}..{field.hi}")
        return (<const char*>self.room.data)[:self.room.size]
