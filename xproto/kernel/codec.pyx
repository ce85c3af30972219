"""One protocol, compiled: what the datapath calls for every frame, and the same for Python (tests, tools, the demo).

Ready-made frames are built once by construct for each (what, variant, echo) and then only get their id, so that a proxy
under overload answers in well under a microsecond. The cache is bounded, since a peer chooses what is echoed.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from xproto.kernel.frame cimport (
    FROM_DOWNSTREAM, FROM_UPSTREAM, KIND_WRAPPED, SCAN_BAD, SCAN_NEED, SCAN_OK, Direction, frame_t, identity_t,
)
from xproto.kernel.lookup cimport FIND_OK, Lookup, slice_t
from xproto.kernel.program cimport REGISTERS, RUN_BAD, RUN_NEED, SLOTS, Program, outcome_t
from xproto.kernel.run cimport span_t
from xproto.kernel.scanner cimport Scanner

from collections import namedtuple

from xproto.errors import MalformedError, NeedMore
from xproto.lower.roles import ECHO_TEXT
from xproto.spec import Fault, Kind, Order, Pool
from xproto.templates import build_template, goes_upstream

make_tuple = tuple.__new__
MAX_TEMPLATES = 1024
MAX_KEPT = 8 * 1024
"""Bytes of a ready-made frame that is kept: what a configuration answers with may be long, and comes in a copy for each echo."""
MAX_ECHO = 255

cdef enum:
    SCRATCH = 4096

KINDS = (None, *Kind)
if any(each is not None and KINDS[each] is not each for each in KINDS):
    raise ImportError("the kernel and xproto.spec differ: build again")
Frame = namedtuple("Frame", "size kind id id_at crc_at variant timeout echo timeout_at body_at id_end")


cdef class Codec(Scanner):
    """A lowered protocol as the kernel runs it."""

    def __cinit__(self, lowered):
        protocol = lowered.protocol
        self.lowered, self.name, self.timeout_key = lowered, protocol.name, lowered.timeout_key
        self.carried, self.media, self.spelled = tuple([Codec(each) for each in lowered.carried]), protocol.media, lowered.spelled
        self.pool, self.alone = str(protocol.pool), protocol.pool == Pool.PING_PONG
        self.in_order = protocol.order == Order.IN_ORDER
        self.streams = self.rest is not None and not self.in_order
        self.verifier = Program(lowered.verify)
        self.templates = {}
        self.unwrap, self.session = protocol.unwrap, protocol.session is not None
        self.echoes_text = protocol.echo_text is not None
        if self.echoes_text:
            self.echoed = Lookup(lowered.lookup((ECHO_TEXT,)))

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
        if self.echoed is None or self.echoed.find(frame, size, &found, scratch, SCRATCH, NULL) != FIND_OK:
            return b""
        return (<const char*>found.data)[:found.size] if found.data != NULL and found.size <= MAX_ECHO else b""

    cdef bytes _template(self, object what, int64_t variant, int64_t echo, bytes text, const identity_t* who):
        cdef frame_t frame
        cdef bytes template
        cdef bytearray copy
        cdef uint8_t* data
        cdef Direction direction = FROM_DOWNSTREAM if goes_upstream(what) else FROM_UPSTREAM
        key = (type(what), what, variant, echo, text)    # a Fault and a Kind of one number are equal
        found = self.templates.get(key)
        if found is None:
            found = build_template(self.lowered, what, variant, echo, text)
            if len(found) <= MAX_KEPT:
                if len(self.templates) >= MAX_TEMPLATES:
                    self.templates.clear()
                self.templates[key] = found
        template = found
        if not template or not self.numbered:
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

    cdef bytes direct(self, object what, int64_t variant, int64_t echo, bytes text, const identity_t* who):
        return self._template(what, variant, echo, text, who)

    cpdef bytes reply(self, int fault, int64_t variant, int64_t echo, uint64_t id, bytes text=b""):
        """The protocol's own error reply for a `Fault`; b"" where it declares none."""
        cdef identity_t who = self.fresh(id)
        return self._template(Fault(fault), variant, echo, text, &who)

    cpdef bytes heartbeat(self, int64_t variant, uint64_t id, bytes text=b""):
        """A heartbeat; b"" where the protocol has none. text: what its answer repeats, where the protocol echoes a text."""
        cdef identity_t who = self.fresh(id)
        return self._template(Kind.HEARTBEAT, variant, 0, text, &who)

    cpdef bytes heartbeat_ack(self, int64_t variant, int64_t echo, uint64_t id, bytes text=b""):
        """The answer to a heartbeat; b"" where the protocol has none."""
        cdef identity_t who = self.fresh(id)
        return self._template(Kind.HEARTBEAT_ACK, variant, echo, text, &who)

    cpdef bytes handshake(self, int64_t variant, uint64_t id):
        """What a connection to a server begins with; b"" where the protocol has no session."""
        cdef identity_t who = self.fresh(id)
        return self._template(Kind.HANDSHAKE, variant, 0, b"", &who)

    cpdef bytes handshake_ack(self, int64_t variant, int64_t echo, uint64_t id):
        """The answer to a client's handshake; b"" where the protocol has no session."""
        cdef identity_t who = self.fresh(id)
        return self._template(Kind.HANDSHAKE_ACK, variant, echo, b"", &who)

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
        if not 0 < frame.kind < len(KINDS):
            raise ValueError(f"{frame.kind} is no kind of frame")
        return make_tuple(Frame, (frame.size, KINDS[frame.kind], frame.id, frame.id_at, frame.crc_at, frame.variant,
                                  frame.timeout, frame.echo, frame.timeout_at, frame.body_at, frame.id_end))

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
        if self.twice and frame.kind == KIND_WRAPPED:
            raise MalformedError(self.name, "frame", 0, "its second id is wrapped: unwrap it first")
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
                lookup.find(start, size, out, scratch, SCRATCH, NULL)
                total += out[0].size
        return total
