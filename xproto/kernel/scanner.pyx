"""Frames of one protocol, found in bytes and changed in place.

What always holds: nothing is read that is not there, and nothing is allocated; a checksum that was wrong stays wrong by
the same bits, whatever is rewritten; a whole frame under other ids has the length that its own beginning says; into a
frame without an id none is written.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from xproto.kernel.checksum cimport crc32_change
from xproto.kernel.frame cimport FROM_DOWNSTREAM, SCAN_BAD, SCAN_NEED, SCAN_OK, Direction, frame_t, identity_t
from xproto.kernel.http1 cimport head_t
from xproto.kernel.identity cimport FIXED, id_size, put_id
from xproto.kernel.integers cimport xp_load, xp_store
from xproto.kernel.program cimport REGISTERS, RUN_BAD, RUN_NEED, RUN_OK, Program, outcome_t
from xproto.kernel.run cimport progress_t

from xproto.plan import OpCode, Result

cdef enum:
    R_KIND, R_ID, R_ID_AT, R_CRC_AT, R_VARIANT, R_TIMEOUT, R_ECHO, R_TIMEOUT_AT, R_ID_END, R_AGAIN, R_AGAIN_AT, R_AGAIN_END
    R_DIRECTION, R_COUNT

if R_COUNT != len(Result):
    raise ImportError("the kernel and xproto.plan differ: build again")


cdef inline void results(Scanner scanner, const int64_t* regs, frame_t* out) noexcept nogil:
    out.known = True
    out.kind = regs[R_KIND]
    out.id = <uint64_t>regs[R_ID]
    out.id_at = regs[R_ID_AT]
    if scanner.first.form == FIXED:
        out.id_end = out.id_at + scanner.first.width if out.id_at >= 0 else -1
    else:
        out.id_end = regs[R_ID_END] if out.id_at >= 0 else -1
    if scanner.twice:
        out.again = <uint64_t>regs[R_AGAIN]
        out.again_at = regs[R_AGAIN_AT]
        out.again_end = regs[R_AGAIN_END] if scanner.second.form != FIXED else out.again_at + scanner.second.width
    out.variant = regs[R_VARIANT]
    out.timeout = regs[R_TIMEOUT]
    out.timeout_at = regs[R_TIMEOUT_AT]
    out.echo = regs[R_ECHO]


cdef inline int scan_frame(Scanner scanner, Direction direction, const uint8_t* data, int64_t size, frame_t* out,
                           progress_t* progress) noexcept nogil:
    cdef int64_t regs[REGISTERS]
    cdef outcome_t outcome
    cdef int result = scanner.scanner.run(data, size, regs, NULL, NULL, 0, &outcome, progress, direction)
    out.size = outcome.size
    out.body_at = outcome.body_at
    if result == RUN_OK:
        out.crc_at = regs[R_CRC_AT]
        results(scanner, regs, out)
        return SCAN_OK
    out.crc_at = -1
    out.known = False
    if result == RUN_BAD:
        out.op = outcome.op
        return SCAN_BAD
    # The head's Plan reads only bytes that are there, and the same ones when more have come.
    if scanner.head is not None and scanner.head.run(data, size, regs, NULL, NULL, 0, &outcome, NULL, direction) == RUN_OK:
        results(scanner, regs, out)
    return SCAN_NEED


cdef class Scanner:
    """A lowered protocol's scan, and the places that a proxy rewrites."""

    def __cinit__(self, lowered):
        self._ids(lowered.identity)
        self.crc_little = lowered.crc_little
        self.frame_limit = lowered.protocol.limits.frame
        if lowered.deadline is not None:
            self.timeout_width = lowered.deadline.width
            self.timeout_little = lowered.deadline.little
            self.timeout_least = lowered.deadline.least
            self.timeout_most = lowered.deadline.most
        for plan in (lowered.scan, lowered.head, lowered.rest):
            if plan is not None and plan.slots:
                raise ValueError("a scan has no slots")
        self.scanner = Program(lowered.scan)
        self.head = None if lowered.head is None else Program(lowered.head)
        self.rest = None if lowered.rest is None else Program(lowered.rest)
        self.headed = any(op.code == OpCode.HTTP_BODY for op in lowered.scan.ops)
        if self.headed and self.head is None:
            raise ValueError("a head behind which nothing is known")
        self.chunks_op = next((i for i, op in enumerate(lowered.scan.ops) if op.code == OpCode.CHUNKS), 0)

    def _ids(self, ids):
        self.numbered = ids.id is not None
        if not self.numbered:
            self.id_bits = 32                # of numbers that no frame carries
            return
        self.id_width, self.id_little = ids.id.width, ids.id.little
        self.id_mask = (1 << ids.id.bits) - 1
        self.id_bits = min(field.bits for field in ids.fields)
        self.id_base = max(field.base for field in ids.fields)
        self.moves, self.twice = ids.moves, ids.again is not None
        self.first.form, self.first.width, self.first.little = int(ids.id.form), ids.id.width, ids.id.little
        if ids.again is not None:
            self.second.form, self.second.width, self.second.little = int(ids.again.form), ids.again.width, ids.again.little
        if ids.length is not None:
            self.length_width, self.length_little = ids.length.width, ids.length.little

    cdef int scan(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil:
        return scan_frame(self, direction, data, size, out, NULL)

    cdef int scan_on(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out,
                     progress_t* progress) noexcept nogil:
        return scan_frame(self, direction, data, size, out, progress)

    cdef int scan_head(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out, progress_t* progress,
                       head_t* head, int64_t asked) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef outcome_t outcome
        cdef int result
        progress.head, progress.asked, progress.read = head, asked, False
        result = self.head.run(data, size, regs, NULL, NULL, 0, &outcome, progress, direction)
        out.size, out.body_at, out.crc_at = outcome.size, -1, -1
        out.known = False
        if result == RUN_BAD:
            out.op = outcome.op
            return SCAN_BAD
        if result == RUN_NEED:
            return SCAN_NEED
        results(self, regs, out)
        out.length = head.length
        return SCAN_OK

    cdef int whole(self, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil:
        if not self.headed:
            return self.scan(FROM_DOWNSTREAM, data, size, out)
        memset(out, 0, sizeof(frame_t))
        out.size = size
        out.crc_at = out.body_at = out.timeout_at = -1
        return SCAN_OK

    cdef int scan_rest(self, const uint8_t* data, int64_t size, int64_t passed, frame_t* out,
                       progress_t* progress) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef outcome_t outcome
        cdef int result = self.rest.run(data, size, regs, NULL, NULL, 0, &outcome, progress, FROM_DOWNSTREAM)
        out.size = outcome.size
        out.body_at = outcome.body_at
        out.crc_at = -1
        out.known = False
        if result == RUN_BAD or outcome.size > self.frame_limit - passed:
            out.size = passed + outcome.size
            out.op = self.chunks_op + outcome.op if outcome.op < self.rest.count - 1 else self.scanner.count - 1
            return SCAN_BAD
        if result == RUN_NEED:
            return SCAN_NEED
        out.crc_at = regs[R_CRC_AT]
        return SCAN_OK

    cdef identity_t identity(self, const frame_t* at) noexcept nogil:
        cdef identity_t found
        found.id, found.id_size = at.id, <uint8_t>(at.id_end - at.id_at)
        found.again, found.again_size = 0, 0
        if self.twice:
            found.again, found.again_size = at.again, <uint8_t>(at.again_end - at.again_at)
        return found

    cdef identity_t fresh(self, uint64_t id) noexcept nogil:
        cdef identity_t made
        made.id, made.id_size = id, <uint8_t>id_size(&self.first, id)
        made.again, made.again_size = 0, 0
        if self.twice:
            made.again, made.again_size = id, <uint8_t>id_size(&self.second, id)
        return made

    cdef int64_t size_as(self, const frame_t* at, const identity_t* who) noexcept nogil:
        cdef int64_t size = at.size - (at.id_end - at.id_at) + who.id_size if at.id_at >= 0 else at.size
        return size - (at.again_end - at.again_at) + who.again_size if self.twice else size

    cdef void write_as(self, uint8_t* into, const uint8_t* frame, const frame_t* at, const identity_t* who) noexcept nogil:
        cdef int64_t grown = self.size_as(at, who) - at.size
        cdef int64_t here = at.id_end
        cdef uint8_t* to = into
        if not self.moves or at.id_at < 0:
            memcpy(into, frame, <size_t>at.size)
            self.set_id(FROM_DOWNSTREAM, into, at, who.id)
            if self.twice:
                self.set_again(into, at, who.again)
            return
        memcpy(to, frame, <size_t>at.id_at)
        to = put_id(&self.first, to + at.id_at, frame + at.id_at, who.id, who.id_size)
        if self.twice:
            memcpy(to, frame + here, <size_t>(at.again_at - here))
            to = put_id(&self.second, to + at.again_at - here, frame + at.again_at, who.again, who.again_size)
            here = at.again_end
        memcpy(to, frame + here, <size_t>(at.size - here))
        if grown and self.length_width:
            xp_store(into, self.length_width, self.length_little,
                     xp_load(into, self.length_width, self.length_little) + <uint64_t>grown)

    cdef void set_again(self, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil:
        xp_store(frame + at.again_at, self.second.width, self.second.little, new_id)

    cdef void set_id(self, Direction direction, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil:
        cdef uint8_t* place = frame + at.id_at
        cdef uint64_t old, new
        if at.id_at < 0:
            return
        old = xp_load(place, self.id_width, self.id_little)
        new = old & ~self.id_mask | new_id & self.id_mask
        xp_store(place, self.id_width, self.id_little, new)
        if at.crc_at >= 0:
            self.fix_crc(frame + at.crc_at, old, new, at.crc_at - at.id_at - self.id_width)

    cdef void fix_crc(self, uint8_t* crc_bytes, uint64_t old_id, uint64_t new_id, int64_t distance) noexcept nogil:
        self._fix(crc_bytes, old_id ^ new_id, self.id_width, self.id_little, distance)

    cdef int64_t set_timeout(self, uint8_t* frame, const frame_t* at, int64_t milliseconds) noexcept nogil:
        cdef uint8_t* place = frame + at.timeout_at
        cdef int64_t new = min(max(milliseconds, self.timeout_least), self.timeout_most)
        cdef uint64_t old
        if at.timeout_at < 0:
            return 0
        old = xp_load(place, self.timeout_width, self.timeout_little)
        xp_store(place, self.timeout_width, self.timeout_little, <uint64_t>new)
        if at.crc_at >= 0:
            self.fix_timeout_crc(frame + at.crc_at, <int64_t>old, new, at.crc_at - at.timeout_at - self.timeout_width)
        return new

    cdef void fix_timeout_crc(self, uint8_t* crc_bytes, int64_t old, int64_t new, int64_t distance) noexcept nogil:
        self._fix(crc_bytes, <uint64_t>(old ^ new), self.timeout_width, self.timeout_little, distance)

    cdef void _fix(self, uint8_t* crc_bytes, uint64_t difference, int width, bint little, int64_t distance) noexcept nogil:
        # A CRC is linear: what it becomes depends only on which bits changed, and how far they are from its end.
        cdef uint8_t delta[8]
        cdef uint64_t checksum = xp_load(crc_bytes, 4, self.crc_little)
        xp_store(delta, width, little, difference)
        checksum ^= crc32_change(delta, width, distance)
        xp_store(crc_bytes, 4, self.crc_little, checksum)
