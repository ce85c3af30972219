"""One protocol, compiled: what the datapath calls for every frame, and the same for Python (tests, tools, the demo).

Ready-made frames are built once by construct for each (what, variant, echo) and then only get their id, so that a proxy
under overload answers in well under a microsecond. The cache is bounded, since a peer chooses what is echoed.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

from xproto.kernel.checksum cimport crc32_change
from xproto.kernel.integers cimport xp_load, xp_store
from xproto.kernel.lookup cimport Lookup, slice_t
from xproto.kernel.program cimport REGISTERS, RUN_BAD, RUN_NEED, RUN_OK, SLOTS, Program, outcome_t
from xproto.kernel.run cimport progress_t, span_t

from collections import namedtuple

from xproto.errors import MalformedError, NeedMore
from xproto.plan import OpCode
from xproto.spec import Fault, Kind
from xproto.templates import build_template

MAX_TEMPLATES = 1024

cdef enum:
    SCRATCH = 4096

cdef enum:
    R_KIND, R_ID, R_ID_AT, R_CRC_AT, R_VARIANT, R_TIMEOUT, R_ECHO, R_TIMEOUT_AT

Frame = namedtuple("Frame", "size kind id id_at crc_at variant timeout echo timeout_at body_at")


cdef class Codec:
    """A lowered protocol as the kernel runs it."""

    def __cinit__(self, lowered):
        self.lowered = lowered
        self.name = lowered.protocol.name
        self.pool = str(lowered.protocol.pool)
        self.id_width = lowered.id_width
        self.id_bits = 8 * lowered.id_width
        self.id_little = lowered.id_little
        self.crc_little = lowered.crc_little
        self.frame_limit = lowered.protocol.limits.frame
        if lowered.deadline is not None:
            self.timeout_width = lowered.deadline.width
            self.timeout_little = lowered.deadline.little
            self.timeout_least = lowered.deadline.least
            self.timeout_most = lowered.deadline.most
        self.timeout_key = lowered.timeout_key
        self.scanner = Program(lowered.scan)
        if lowered.scan.slots:
            raise ValueError("a scan has no slots")
        self.verifier = Program(lowered.verify)
        self.head = None if lowered.head is None else Program(lowered.head)
        self.rest = None if lowered.rest is None else Program(lowered.rest)
        for plan in (lowered.head, lowered.rest):
            if plan is not None and plan.slots:
                raise ValueError("a scan has no slots")
        self.streams = self.rest is not None
        self.chunks_op = next((i for i, op in enumerate(lowered.scan.ops) if op.code == OpCode.CHUNKS), 0)
        self.templates = {}

    cdef int scan(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil:
        return self.scan_on(direction, data, size, out, NULL)

    cdef int scan_on(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out,
                     progress_t* progress) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef outcome_t outcome
        cdef int result = self.scanner.run(data, size, regs, NULL, NULL, 0, &outcome, progress)
        out.size = outcome.size
        out.body_at = outcome.body_at
        if result == RUN_OK:
            out.crc_at = regs[R_CRC_AT]
            self._results(regs, out)
            return SCAN_OK
        out.crc_at = -1
        out.known = False
        if result == RUN_BAD:
            out.op = outcome.op
            return SCAN_BAD
        # The head's Plan reads only bytes that are there, and the same ones when more have come.
        if self.head is not None and self.head.run(data, size, regs, NULL, NULL, 0, &outcome, NULL) == RUN_OK:
            self._results(regs, out)
        return SCAN_NEED

    cdef void _results(self, const int64_t* regs, frame_t* out) noexcept nogil:
        out.known = True
        out.kind = regs[R_KIND]
        out.id = <uint64_t>regs[R_ID]
        out.id_at = regs[R_ID_AT]
        out.variant = regs[R_VARIANT]
        out.timeout = regs[R_TIMEOUT]
        out.timeout_at = regs[R_TIMEOUT_AT]
        out.echo = regs[R_ECHO]

    cdef int scan_rest(self, const uint8_t* data, int64_t size, int64_t passed, frame_t* out,
                       progress_t* progress) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef outcome_t outcome
        cdef int result = self.rest.run(data, size, regs, NULL, NULL, 0, &outcome, progress)
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

    cdef void set_id(self, Direction direction, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil:
        cdef uint8_t* place = frame + at.id_at
        cdef uint64_t old = xp_load(place, self.id_width, self.id_little)
        xp_store(place, self.id_width, self.id_little, new_id)
        if at.crc_at >= 0:
            self.fix_crc(frame + at.crc_at, old, new_id, at.crc_at - at.id_at - self.id_width)

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

    cpdef Lookup lookup(self, tuple keys):
        """A `Lookup` for routing keys; raises `SpecError` when they are too many."""
        return Lookup(self.lowered.lookup(keys))

    cpdef str explain_fault(self, int direction, int64_t offset, int op):
        """A refused frame as a line of text: the protocol, the field's path, what is wrong, the offset."""
        step = self.scanner.plan.ops[op]
        return f"{self.name}: {step.path}: {step.why or 'malformed'}, at offset {offset}"

    cdef bytes _template(self, object what, int64_t variant, int64_t echo, uint64_t id):
        cdef frame_t frame
        cdef bytes template
        cdef bytearray copy
        cdef uint8_t* data
        key = (type(what), what, variant, echo)    # a Fault and a Kind of one number are equal
        found = self.templates.get(key)
        if found is None:
            found = build_template(self.lowered, what, variant, echo)
            if len(self.templates) >= MAX_TEMPLATES:
                self.templates.clear()
            self.templates[key] = found
        template = found
        if not template:
            return template
        copy = bytearray(template)
        data = copy
        if self.scan(FROM_UPSTREAM, data, len(copy), &frame) != SCAN_OK:
            raise MalformedError(self.name, str(what), frame.size, "a template that does not scan")
        self.set_id(FROM_UPSTREAM, data, &frame, id)
        return bytes(copy)

    cpdef bytes reply(self, int fault, int64_t variant, int64_t echo, uint64_t id):
        """The protocol's own error reply for a `Fault`; b"" where it declares none."""
        return self._template(Fault(fault), variant, echo, id)

    cpdef bytes heartbeat(self, int64_t variant, uint64_t id):
        """A heartbeat; b"" where the protocol has none."""
        return self._template(Kind.HEARTBEAT, variant, 0, id)

    cpdef bytes heartbeat_ack(self, int64_t variant, int64_t echo, uint64_t id):
        """The answer to a heartbeat; b"" where the protocol has none."""
        return self._template(Kind.HEARTBEAT_ACK, variant, echo, id)

    def cached_templates(self):
        """How many ready-made frames are kept now."""
        return len(self.templates)

    def scan_bytes(self, const uint8_t[::1] data not None, int direction=0):
        """The frame that `data` begins with, as a `Frame`; `NeedMore`; or raises `MalformedError`."""
        cdef frame_t frame
        cdef uint8_t empty = 0
        cdef const uint8_t* start = &data[0] if data.shape[0] else &empty
        return self._told(self.scan(<Direction>direction, start, data.shape[0], &frame), &frame)

    cdef object _told(self, int outcome, const frame_t* frame):
        if outcome == SCAN_NEED:
            return NeedMore(frame.size)
        if outcome == SCAN_BAD:
            step = self.scanner.plan.ops[frame.op]
            raise MalformedError(self.name, step.path, frame.size, step.why or "malformed")
        return self._frame(frame)

    cdef object _frame(self, const frame_t* frame):
        return Frame(frame.size, Kind(frame.kind), frame.id, frame.id_at, frame.crc_at, frame.variant, frame.timeout,
                     frame.echo, frame.timeout_at, frame.body_at)

    def verify_bytes(self, const uint8_t[::1] data not None):
        """The size of the frame that `data` begins with after checking all of it; `NeedMore`; or raises."""
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef outcome_t outcome
        cdef uint8_t empty = 0
        cdef const uint8_t* start = &data[0] if data.shape[0] else &empty
        memset(slots, 0, sizeof(slots))
        cdef int result = self.verifier.run(start, data.shape[0], regs, slots, scratch, SCRATCH, &outcome, NULL)
        if result == RUN_NEED:
            return NeedMore(outcome.size)
        if result == RUN_BAD:
            step = self.verifier.plan.ops[outcome.op]
            raise MalformedError(self.name, step.path, outcome.size, step.why or "malformed")
        return outcome.size

    def with_id(self, const uint8_t[::1] data not None, uint64_t id):
        """A copy of the whole frame in `data` with another id, and its checksum moved along."""
        cdef frame_t frame
        cdef bytearray copy = bytearray(data)
        cdef uint8_t* start = copy
        if self.scan(FROM_DOWNSTREAM, start, len(copy), &frame) != SCAN_OK or frame.size != len(copy):
            raise MalformedError(self.name, "frame", 0, "not one whole frame")
        self.set_id(FROM_DOWNSTREAM, start, &frame, id)
        return bytes(copy)

    def measure(self, bytes data, int rounds, int product=0, Lookup lookup=None):
        """Runs one product (0 scan, 1 verify, 2 lookup) `rounds` times over `data`, for benchmarks; returns the sum of sizes."""
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef slice_t out[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef frame_t frame
        cdef outcome_t outcome
        cdef int64_t total = 0, size = len(data)
        cdef const uint8_t* start = <const uint8_t*>data
        cdef int i
        memset(slots, 0, sizeof(slots))
        for i in range(rounds):
            if product == 0:
                self.scan(FROM_DOWNSTREAM, start, size, &frame)
                total += frame.size
            elif product == 1:
                self.verifier.run(start, size, regs, slots, scratch, SCRATCH, &outcome, NULL)
                total += outcome.size
            else:
                lookup.find(start, size, out, scratch, SCRATCH)
                total += out[0].size
        return total
