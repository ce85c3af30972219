"""Replaces the bytes of one field by more or fewer: the lengths that count it follow, and so does a checksum.

A length that the new size does not fit is refused, never wrapped. A checksum that was wrong stays wrong by the same
difference, so that corruption is not hidden from the peer.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from xproto.kernel.checksum cimport crc32
from xproto.kernel.codec cimport Codec
from xproto.kernel.frame cimport FROM_DOWNSTREAM, SCAN_OK, frame_t
from xproto.kernel.integers cimport xp_load, xp_store
from xproto.kernel.program cimport REGISTERS, RUN_OK, SLOTS, Program, outcome_t
from xproto.kernel.run cimport span_t

from xproto.errors import MalformedError


cdef class Splicer:
    """For one field of one protocol."""

    cdef Codec codec
    cdef Program program
    cdef readonly object plan

    def __cinit__(self, Codec codec, str path):
        self.codec = codec
        self.plan = codec.lowered.splice(path)
        self.program = Program(self.plan.plan)

    def find(self, bytes frame):
        """The bytes of the field, or None where the frame does not have it."""
        start, end, _ = self._locate(frame)
        return None if start is None else frame[start:end]

    def splice(self, bytes frame, bytes replacement):
        """A new frame. Raises `MalformedError` when `frame` is not one whole frame with that field, `OverflowError`
        when a length does not fit."""
        cdef frame_t scanned
        cdef bytearray changed
        cdef uint8_t* data
        cdef int64_t delta, crc_at
        cdef uint64_t wrong
        start, end, lengths = self._locate(frame)
        if start is None or self.codec.scan(FROM_DOWNSTREAM, <const uint8_t*>frame, len(frame), &scanned) != SCAN_OK:
            raise MalformedError(self.codec.name, self.plan.path, 0, "this frame does not have the field")
        if scanned.size != len(frame):
            raise MalformedError(self.codec.name, "frame", scanned.size, "more than one frame")
        delta = len(replacement) - (end - start)
        if scanned.size + delta > self.program.limit:
            raise OverflowError(f"{self.codec.name}: frame: {scanned.size + delta} is over the limit")
        changed = bytearray(frame[:start]) + replacement + frame[end:]
        data = changed
        for field, at, value in lengths:
            if not field.lo <= value + delta <= field.hi:
                raise OverflowError(f"{self.codec.name}: {field.path}: {value + delta} is not in {field.lo}..{field.hi}")
            xp_store(data + <int64_t>at, field.width, field.little, <uint64_t><int64_t>(value + delta))
        if scanned.crc_at >= 0:
            crc_at = scanned.crc_at
            wrong = xp_load(<const uint8_t*>frame + crc_at, 4, self.codec.crc_little) ^ crc32(<const uint8_t*>frame, crc_at)
            crc_at += delta
            xp_store(data + crc_at, 4, self.codec.crc_little, crc32(data, crc_at) ^ wrong)
        return bytes(changed)

    def _locate(self, bytes frame):
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef outcome_t outcome
        memset(slots, 0, sizeof(slots))
        if self.program.run(<const uint8_t*>frame, len(frame), regs, slots, NULL, 0, &outcome, NULL, 0) != RUN_OK:
            return None, None, ()
        if regs[<int>self.plan.end] == 0:
            return None, None, ()
        lengths = [(field, regs[<int>field.at], regs[<int>field.reg]) for field in self.plan.lengths]
        return regs[<int>self.plan.start], regs[<int>self.plan.end], lengths
