"""One protocol, compiled: what the datapath calls for every frame, and the same for Python (tests, tools, the demo).

Ready-made frames are built once by construct for each (what, variant, echo) and then only get their id, so that a proxy
under overload answers in well under a microsecond. The cache is bounded, since a peer chooses what is echoed.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from xproto.kernel.checksum cimport crc32_change
from xproto.kernel.identity cimport FIXED, id_size, put_id
from xproto.kernel.integers cimport xp_load, xp_store
from xproto.kernel.lookup cimport FIND_OK, Lookup, slice_t
from xproto.kernel.program cimport REGISTERS, RUN_BAD, RUN_NEED, RUN_OK, SLOTS, Program, outcome_t
from xproto.kernel.run cimport progress_t, span_t

from collections import namedtuple

from xproto.errors import MalformedError, NeedMore
from xproto.lower.roles import ECHO_TEXT
from xproto.plan import OpCode, Result
from xproto.spec import Fault, Kind, Order, Pool
from xproto.templates import build_template

MAX_TEMPLATES = 1024
MAX_ECHO = 255

cdef enum:
    SCRATCH = 4096

cdef enum:
    R_KIND, R_ID, R_ID_AT, R_CRC_AT, R_VARIANT, R_TIMEOUT, R_ECHO, R_TIMEOUT_AT, R_ID_END, R_AGAIN, R_AGAIN_AT, R_AGAIN_END
    R_DIRECTION, R_COUNT

if R_COUNT != len(Result):
    raise ImportError("the kernel and xproto.plan differ: build again")

Frame = namedtuple("Frame", "size kind id id_at crc_at variant timeout echo timeout_at body_at id_end")


cdef class Codec:
    """A lowered protocol as the kernel runs it."""

    def __cinit__(self, lowered):
        self.lowered = lowered
        self.name = lowered.protocol.name
        self.pool, self.in_order = str(lowered.protocol.pool), lowered.protocol.order == Order.IN_ORDER
        self._ids(lowered.identity)
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
        self.alone = lowered.protocol.pool == Pool.PING_PONG
        self.streams = self.rest is not None and not self.in_order
        self.chunks_op = next((i for i, op in enumerate(lowered.scan.ops) if op.code == OpCode.CHUNKS), 0)
        self.templates = {}
        self.unwrap = lowered.protocol.unwrap
        self.echoes_text = lowered.protocol.echo_text is not None
        if self.echoes_text:
            self.echoed = Lookup(lowered.lookup((ECHO_TEXT,)))

    def _ids(self, ids):
        self.id_width, self.id_little = ids.id.width, ids.id.little
        self.id_bits = min(field.bits for field in ids.fields)
        self.id_base = max(field.base for field in ids.fields)
        self.moves, self.twice = ids.moves, ids.again is not None
        self.first.form, self.first.width, self.first.little = int(ids.id.form), ids.id.width, ids.id.little
        if ids.again is not None:
            self.second.form, self.second.width, self.second.little = int(ids.again.form), ids.again.width, ids.again.little
        if ids.length is not None:
            self.length_width, self.length_little = ids.length.width, ids.length.little

    cdef int scan(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil:
        return self.scan_on(direction, data, size, out, NULL)

    cdef int scan_on(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out,
                     progress_t* progress) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef outcome_t outcome
        cdef int result = self.scanner.run(data, size, regs, NULL, NULL, 0, &outcome, progress, direction)
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
        if self.head is not None and self.head.run(data, size, regs, NULL, NULL, 0, &outcome, NULL,
                                                direction) == RUN_OK:
            self._results(regs, out)
        return SCAN_NEED

    cdef void _results(self, const int64_t* regs, frame_t* out) noexcept nogil:
        out.known = True
        out.kind = regs[R_KIND]
        out.id = <uint64_t>regs[R_ID]
        out.id_at = regs[R_ID_AT]
        out.id_end = regs[R_ID_END] if self.first.form != FIXED else out.id_at + self.first.width
        if self.twice:
            out.again = <uint64_t>regs[R_AGAIN]
            out.again_at = regs[R_AGAIN_AT]
            out.again_end = regs[R_AGAIN_END] if self.second.form != FIXED else out.again_at + self.second.width
        out.variant = regs[R_VARIANT]
        out.timeout = regs[R_TIMEOUT]
        out.timeout_at = regs[R_TIMEOUT_AT]
        out.echo = regs[R_ECHO]

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
        cdef int64_t size = at.size - (at.id_end - at.id_at) + who.id_size
        return size - (at.again_end - at.again_at) + who.again_size if self.twice else size

    cdef void write_as(self, uint8_t* into, const uint8_t* frame, const frame_t* at, const identity_t* who) noexcept nogil:
        cdef int64_t grown = self.size_as(at, who) - at.size
        cdef int64_t here = at.id_end
        cdef uint8_t* to = into
        if not self.moves:
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

    cdef bytes plain(self, Direction direction, const uint8_t* frame, const frame_t* at, frame_t* out):
        cdef bytes found = self.unwrap((<const char*>frame)[:at.size])
        cdef int outcome = self.scan(direction, <const uint8_t*>found, len(found), out)
        if outcome != SCAN_OK or out.size != len(found) or out.kind == KIND_WRAPPED:
            raise MalformedError(self.name, "unwrap", 0, "what it holds is no frame in its plain form")
        return found

    cdef bytes text_of(self, const uint8_t* frame, int64_t size):
        cdef slice_t found
        cdef uint8_t[SCRATCH] scratch
        if self.echoed is None or self.echoed.find(frame, size, &found, scratch, SCRATCH) != FIND_OK:
            return b""
        return (<const char*>found.data)[:found.size] if found.data != NULL and found.size <= MAX_ECHO else b""

    cdef bytes _template(self, object what, int64_t variant, int64_t echo, bytes text, const identity_t* who):
        cdef frame_t frame
        cdef bytes template
        cdef bytearray copy
        cdef uint8_t* data
        cdef Direction direction = FROM_DOWNSTREAM if what is Kind.HEARTBEAT else FROM_UPSTREAM
        key = (type(what), what, variant, echo, text)    # a Fault and a Kind of one number are equal
        found = self.templates.get(key)
        if found is None:
            found = build_template(self.lowered, what, variant, echo, text)
            if len(self.templates) >= MAX_TEMPLATES:
                self.templates.clear()
            self.templates[key] = found
        template = found
        if not template:
            return template
        data = <uint8_t*><const uint8_t*>template
        if self.scan(direction, data, len(template), &frame) != SCAN_OK:
            raise MalformedError(self.name, str(what), frame.size, "a template that does not scan")
        copy = self._copy(data, &frame, who)
        return bytes(copy)

    cdef bytearray _copy(self, const uint8_t* frame, const frame_t* at, const identity_t* who):
        """A whole frame under other ids, its checksum moved along."""
        cdef bytearray copy = bytearray(self.size_as(at, who))
        self.write_as(copy, frame, at, who)
        return copy

    cdef bytes answer(self, int fault, int64_t variant, int64_t echo, bytes text, const identity_t* who):
        return self._template(Fault(fault), variant, echo, text, who)

    cpdef bytes reply(self, int fault, int64_t variant, int64_t echo, uint64_t id, bytes text=b""):
        """The protocol's own error reply for a `Fault`; b"" where it declares none."""
        cdef identity_t who = self.fresh(id)
        return self._template(Fault(fault), variant, echo, text, &who)

    cpdef bytes heartbeat(self, int64_t variant, uint64_t id):
        """A heartbeat; b"" where the protocol has none."""
        cdef identity_t who = self.fresh(id)
        return self._template(Kind.HEARTBEAT, variant, 0, b"", &who)

    cpdef bytes heartbeat_ack(self, int64_t variant, int64_t echo, uint64_t id):
        """The answer to a heartbeat; b"" where the protocol has none."""
        cdef identity_t who = self.fresh(id)
        return self._template(Kind.HEARTBEAT_ACK, variant, echo, b"", &who)

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
                     frame.echo, frame.timeout_at, frame.body_at, frame.id_end)

    def verify_bytes(self, const uint8_t[::1] data not None, int direction=0):
        """The size of the frame that `data` begins with after checking all of it; `NeedMore`; or raises."""
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef outcome_t outcome
        cdef uint8_t empty = 0
        cdef const uint8_t* start = &data[0] if data.shape[0] else &empty
        memset(slots, 0, sizeof(slots))
        cdef int result = self.verifier.run(start, data.shape[0], regs, slots, scratch, SCRATCH, &outcome, NULL, direction)
        if result == RUN_NEED:
            return NeedMore(outcome.size)
        if result == RUN_BAD:
            step = self.verifier.plan.ops[outcome.op]
            raise MalformedError(self.name, step.path, outcome.size, step.why or "malformed")
        return outcome.size

    def with_id(self, const uint8_t[::1] data not None, uint64_t id, int direction=0):
        """A copy of the whole frame in `data` with another id, and its checksum moved along."""
        cdef frame_t frame
        cdef identity_t who = self.fresh(id)
        cdef uint8_t empty = 0
        cdef const uint8_t* start = &data[0] if data.shape[0] else &empty
        if self.scan(<Direction>direction, start, data.shape[0], &frame) != SCAN_OK or frame.size != data.shape[0]:
            raise MalformedError(self.name, "frame", 0, "not one whole frame")
        return bytes(self._copy(start, &frame, &who))

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
                self.verifier.run(start, size, regs, slots, scratch, SCRATCH, &outcome, NULL, 0)
                total += outcome.size
            else:
                lookup.find(start, size, out, scratch, SCRATCH)
                total += out[0].size
        return total
