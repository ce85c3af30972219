"""One protocol, compiled: what the datapath calls for every frame, and the same for Python (tests, tools, the demo).

Ready-made frames are built once by construct for each (what, variant, echo) and then only get their id, so that a proxy
under overload answers in well under a microsecond. The cache is bounded, since a peer chooses what is echoed.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memset

from xproto.kernel.checksum cimport crc32_change
from xproto.kernel.integers cimport xp_load, xp_store
from xproto.kernel.program cimport REGISTERS, RUN_BAD, RUN_NEED, RUN_OK, SLOTS, Program, outcome_t
from xproto.kernel.run cimport OVERRIDDEN, span_t

from collections import namedtuple

from xproto.errors import MalformedError, NeedMore
from xproto.spec import Fault, Kind
from xproto.templates import build_template

MAX_TEMPLATES = 1024

cdef enum:
    SCRATCH = 4096

cdef enum:
    R_KIND, R_ID, R_ID_AT, R_CRC_AT, R_VARIANT, R_TIMEOUT, R_ECHO

Frame = namedtuple("Frame", "size kind id id_at crc_at variant timeout echo")


cdef class Lookup:
    """Finds the values of `keys` in whole frames."""

    def __cinit__(self, plan):
        cdef int total = 0, i, k
        self.keys = plan.keys
        self.program = Program(plan.plan)
        if len(plan.alternatives) != len(plan.keys):
            raise ValueError("a lookup needs sources for each of its keys")
        if any(not 0 <= slot < plan.plan.slots for sources in plan.alternatives for slot, _ in sources):
            raise ValueError("a lookup reads a slot that its plan does not have")
        self.count = len(plan.keys)
        self._keep = []
        total = sum(len(sources) for sources in plan.alternatives)
        self.starts = <int*>calloc(self.count + 1, sizeof(int))
        self.sources = <source_t*>calloc(total + 1, sizeof(source_t))
        if self.starts == NULL or self.sources == NULL:
            raise MemoryError
        k = 0
        for i in range(self.count):
            self.starts[i] = k
            for slot, unless in plan.alternatives[i]:
                self._source(k, slot, unless)
                k += 1
        self.starts[self.count] = k

    def _source(self, int k, int slot, tuple unless):
        cdef int i
        cdef bytes value
        self.sources[k].slot = slot
        if unless:
            self.sources[k].unless = <span_t*>calloc(len(unless), sizeof(span_t))
            if self.sources[k].unless == NULL:
                raise MemoryError
            self.sources[k].unless_count = len(unless)
            for i in range(len(unless)):
                value = unless[i]
                self._keep.append(value)
                self.sources[k].unless[i].data = <const uint8_t*>value
                self.sources[k].unless[i].size = len(value)

    def __dealloc__(self):
        cdef int i
        if self.sources != NULL and self.starts != NULL:
            for i in range(self.starts[self.count]):
                free(self.sources[i].unless)
        free(self.sources)
        free(self.starts)

    cdef int find(self, const uint8_t* frame, int64_t size, slice_t* out,
                  uint8_t* scratch, int64_t scratch_size) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef outcome_t outcome
        cdef int i, k, j
        cdef span_t* found
        memset(slots, 0, sizeof(slots))
        if self.program.run(frame, size, regs, slots, scratch, scratch_size, &outcome) != RUN_OK:
            return SCAN_BAD
        for i in range(self.count):
            out[i].data = NULL
            out[i].size = 0
            for k in range(self.starts[i], self.starts[i + 1]):
                found = &slots[self.sources[k].slot]
                if found.data == NULL:
                    if found.size == OVERRIDDEN:
                        break
                    if found.size < 0:
                        return SCAN_BAD    # there, but longer than the scratch space
                    continue
                for j in range(self.sources[k].unless_count):
                    if (found.size == self.sources[k].unless[j].size
                            and memcmp(found.data, self.sources[k].unless[j].data, <size_t>found.size) == 0):
                        break
                else:
                    out[i] = found[0]
                    break
        return SCAN_OK

    def find_bytes(self, bytes frame):
        """The values as a tuple of `bytes` or None; raises `MalformedError` for a malformed header block."""
        cdef slice_t out[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef int i
        if self.count > SLOTS:
            raise ValueError("too many keys")
        if self.find(<const uint8_t*>frame, len(frame), out, scratch, SCRATCH) != SCAN_OK:
            raise MalformedError(self.program.plan.protocol, "headers", 0, "the header block cannot be read")
        return tuple(
            (<const char*>out[i].data)[:out[i].size] if out[i].data != NULL else None for i in range(self.count)
        )


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
        self.timeout_key = lowered.timeout_key
        self.scanner = Program(lowered.scan)
        if lowered.scan.slots:
            raise ValueError("a scan has no slots")
        self.verifier = Program(lowered.verify)
        self.templates = {}

    cdef int scan(self, Direction direction, const uint8_t* data, int64_t size, frame_t* out) noexcept nogil:
        cdef int64_t regs[REGISTERS]
        cdef outcome_t outcome
        cdef int result = self.scanner.run(data, size, regs, NULL, NULL, 0, &outcome)
        out.size = outcome.size
        if result != RUN_OK:
            out.op = outcome.op
            return SCAN_NEED if result == RUN_NEED else SCAN_BAD
        out.kind = regs[R_KIND]
        out.id = <uint64_t>regs[R_ID]
        out.id_at = regs[R_ID_AT]
        out.crc_at = regs[R_CRC_AT]
        out.variant = regs[R_VARIANT]
        out.timeout = regs[R_TIMEOUT]
        out.echo = regs[R_ECHO]
        return SCAN_OK

    cdef void set_id(self, Direction direction, uint8_t* frame, const frame_t* at, uint64_t new_id) noexcept nogil:
        cdef uint8_t delta[8]
        cdef uint8_t* place = frame + at.id_at
        cdef uint64_t old = xp_load(place, self.id_width, self.id_little)
        cdef uint64_t checksum
        xp_store(place, self.id_width, self.id_little, new_id)
        if at.crc_at >= 0:
            xp_store(delta, self.id_width, self.id_little, old ^ new_id)
            checksum = xp_load(frame + at.crc_at, 4, self.crc_little)
            checksum ^= crc32_change(delta, self.id_width, at.crc_at - at.id_at - self.id_width)
            xp_store(frame + at.crc_at, 4, self.crc_little, checksum)

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
        cdef int outcome = self.scan(<Direction>direction, start, data.shape[0], &frame)
        if outcome == SCAN_NEED:
            return NeedMore(frame.size)
        if outcome == SCAN_BAD:
            step = self.scanner.plan.ops[frame.op]
            raise MalformedError(self.name, step.path, frame.size, step.why or "malformed")
        return Frame(frame.size, Kind(frame.kind), frame.id, frame.id_at, frame.crc_at,
                     frame.variant, frame.timeout, frame.echo)

    def verify_bytes(self, const uint8_t[::1] data not None):
        """The size of the frame that `data` begins with after checking all of it; `NeedMore`; or raises."""
        cdef int64_t regs[REGISTERS]
        cdef span_t slots[SLOTS]
        cdef uint8_t[SCRATCH] scratch
        cdef outcome_t outcome
        cdef uint8_t empty = 0
        cdef const uint8_t* start = &data[0] if data.shape[0] else &empty
        memset(slots, 0, sizeof(slots))
        cdef int result = self.verifier.run(start, data.shape[0], regs, slots, scratch, SCRATCH, &outcome)
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
                self.verifier.run(start, size, regs, slots, scratch, SCRATCH, &outcome)
                total += outcome.size
            else:
                lookup.find(start, size, out, scratch, SCRATCH)
                total += out[0].size
        return total
