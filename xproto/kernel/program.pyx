"""The executor: runs a Plan over the bytes of one frame.

What always holds here: no op reads before it has compared its end with `stop`; a length is compared with what is left
(of the section, or of the frame limit) before it is added; jumps go forward, so a run ends; nothing is allocated.

Running past the bytes that are there means need-more at the root and malformed inside a section, since a section is
entered only when all of its bytes are there.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from xproto.kernel.arithmetic cimport ALU_ADD, ALU_EQ, ALU_NOT, ALU_OR, ALU_SHL, ALU_SUB, alu
from xproto.kernel.checksum cimport crc32
from xproto.kernel.hessian cimport walk_arguments, walk_map
from xproto.kernel.hessian_text cimport read_text
from xproto.kernel.http1_ops cimport walk_body, walk_head
from xproto.kernel.integers cimport xp_load, xp_load_ahead, xp_signed
from xproto.kernel.interpreted cimport Interpreter
from xproto.kernel.jce cimport read_bytes_field, read_integer_field, read_text_field, skip_fields, walk_map_field
from xproto.kernel.keyvalues cimport walk_chunks, walk_keyvalues
from xproto.kernel.until cimport walk_until
from xproto.kernel.run cimport BAD, DONE, MAX_CHUNKED, SHORT, classes_t, cursor_t, key_t, progress_t, span_t

from xproto.kernel.thrift cimport walk_info, walk_struct
from xproto.kernel.ttwitter cimport walk_header

from xproto.plan import MAX_REGISTERS, MAX_SECTIONS, MAX_SLOTS, NONE, Alu, OpCode, Result
from xproto.plan import MAX_CHUNKED as PLAN_CHUNKED
from xproto.soundness import check_plan

cdef enum:
    OP_END, OP_LOAD, OP_VARINT, OP_BITS, OP_RANGE, OP_MEMBER, OP_LITERAL, OP_SET, OP_ALU, OP_TABLE, OP_JUMP, OP_JEQ
    OP_JNE, OP_FAIL, OP_SKIP, OP_ENTER, OP_LEAVE, OP_REST, OP_ENDED, OP_POS, OP_KEYVALUES, OP_HESSIAN_TEXT
    OP_HESSIAN_ARGS, OP_HESSIAN_MAP, OP_CHUNKS, OP_CRC32, OP_THRIFT_STRUCT, OP_THRIFT_INFO
    OP_JCE_INTEGER, OP_JCE_TEXT, OP_JCE_BYTES, OP_JCE_MAP, OP_JCE_REST, OP_AHEAD, OP_TTWITTER_HEADER
    OP_HTTP_HEAD, OP_HTTP_BODY, OP_UNTIL, OP_INTERPRET, OP_COUNT
    # The calculations that Plans have most of, as ops of their own: a Plan does not know them.
    OP_ADD_CONSTANT, OP_SUB, OP_SHL_CONSTANT, OP_OR, OP_EQ_CONSTANT

cdef enum:
    FLAG_LITTLE = 1
    FLAG_SIGNED = 2
    FLAG_CHECK = 4
    FLAG_AT = 8
    FLAG_VERIFY = 16

cdef enum:
    NO_REG = 0xFFFF
    SECTIONS = 8
    ID_AT = 2
    CRC_AT = 3
    TIMEOUT_AT = 7
    DIRECTION = 12

if OP_COUNT != len(OpCode) or ALU_NOT != Alu.NOT or NO_REG != NONE or SECTIONS != MAX_SECTIONS:
    raise ImportError("the kernel and xproto.plan differ: build again")
if (ID_AT, CRC_AT, TIMEOUT_AT, DIRECTION) != (Result.ID_AT, Result.CRC_AT, Result.TIMEOUT_AT, Result.DIRECTION):
    raise ImportError("the kernel and xproto.plan differ: build again")
if MAX_CHUNKED != PLAN_CHUNKED:
    raise ImportError("the kernel and xproto.plan differ: build again")
if REGISTERS != MAX_REGISTERS or SLOTS != MAX_SLOTS:
    raise ImportError("the kernel and xproto.plan differ: build again")


cdef uint8_t _alu_code(const op_t* op) noexcept nogil:
    """The code of an op for this calculation alone, where there is one."""
    if op.b == NO_REG:
        if op.flags == ALU_ADD:
            return OP_ADD_CONSTANT
        if op.flags == ALU_SHL and 0 <= op.x < 64:
            return OP_SHL_CONSTANT
        if op.flags == ALU_EQ:
            return OP_EQ_CONSTANT
    elif op.flags == ALU_SUB:
        return OP_SUB
    elif op.flags == ALU_OR:
        return OP_OR
    return OP_ALU


cdef bint _member(const op_t* op, int64_t value) noexcept nogil:
    cdef const int64_t* members = <const int64_t*>op.data
    cdef int i
    for i in range(op.size // 8):
        if members[i] == value:
            return True
    return False


cdef int _varint(cursor_t* c, int width, int64_t* value) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint8_t b
    cdef int i
    for i in range(width):
        if c.at >= c.stop:
            return SHORT
        b = c.data[c.at]
        c.at += 1
        total |= <uint64_t>(b & 0x7F) << (7 * i)
        if not b & 0x80:
            value[0] = <int64_t>total
            return DONE
    return BAD


cdef int _primitive(const op_t* op, cursor_t* c) noexcept nogil:
    cdef span_t* slot = &c.slots[op.b] if op.b != NO_REG else NULL
    cdef int outcome = DONE
    cdef bint little = (op.flags & FLAG_LITTLE) != 0
    if op.code == OP_KEYVALUES:
        outcome = walk_keyvalues(c, op.width, little, (op.flags & FLAG_SIGNED) != 0, op.keys, op.nkeys)
        return outcome
    if op.code == OP_HESSIAN_TEXT:
        outcome = read_text(c, slot)
    elif op.code == OP_HESSIAN_ARGS:
        outcome = walk_arguments(c, &c.slots[op.a], slot)
    elif op.code == OP_HESSIAN_MAP:
        return walk_map(c, op.keys, op.nkeys)
    elif op.code == OP_THRIFT_INFO:
        return walk_info(c, op.keys, op.nkeys)
    elif op.code == OP_JCE_TEXT:
        return read_text_field(c, op.width, slot)
    elif op.code == OP_JCE_BYTES:
        return read_bytes_field(c, op.width, slot)
    elif op.code == OP_JCE_MAP:
        return walk_map_field(c, op.width, op.keys, op.nkeys)
    elif op.code == OP_JCE_REST:
        return skip_fields(c)
    else:
        return BAD
    if outcome == DONE and slot != NULL and slot.size < 0 and op.code != OP_HESSIAN_ARGS:
        return BAD    # an argument may be of any length: it matters only to a lookup that asks for it
    return outcome


cdef int _chunks(const op_t* op, cursor_t* c, int64_t limit, progress_t* progress) noexcept nogil:
    # Goes on where an earlier run over the same frame stopped. What the caller kept is not trusted: a wrong offset may
    # give a wrong answer about this frame, but is never read from unless it lies within what is there.
    cdef int part = c.chunked, outcome
    cdef int64_t* kept = NULL
    cdef int64_t whole = 0
    c.chunked += 1
    if progress != NULL and part < MAX_CHUNKED:
        kept = &progress.at if part == 0 else &progress.later[part - 1]
        if c.at < kept[0] <= c.stop:
            c.at = kept[0]
    outcome = walk_chunks(c, op.width, (op.flags & FLAG_LITTLE) != 0, limit, &whole)
    if kept != NULL and whole <= c.stop:
        kept[0] = whole
    return outcome


cdef int _checksum(const op_t* op, cursor_t* c, int64_t* regs) noexcept nogil:
    # Located without being read; verified only where the plan says so.
    regs[op.dst] = c.at
    if not op.flags & FLAG_VERIFY:
        c.at += 4
        return DONE
    if c.stop - c.at < 4:
        c.at += 4
        return SHORT
    if <uint32_t>xp_load(c.data + c.at, 4, op.flags & FLAG_LITTLE) != crc32(c.data, c.at):
        return BAD
    c.at += 4
    return DONE


cdef void keep_classes(const cursor_t* c, classes_t* into) noexcept nogil:
    into.count = c.classes
    memcpy(into.fields, c.fields, <size_t>c.classes * sizeof(int32_t))


cdef class Program:
    """A `Plan` as the kernel runs it. `plan` is kept for explanations."""

    def __cinit__(self, plan):
        cdef int i
        check_plan(plan)
        self.plan = plan
        self.count = len(plan.ops)
        self.registers = plan.registers
        self.limit = plan.limit
        self.ops = <op_t*>calloc(self.count, sizeof(op_t))
        if self.ops == NULL:
            raise MemoryError
        self._keep = []
        self.interpreter = Interpreter([op.reader for op in plan.ops])
        for i in range(self.count):
            self._fill(i, plan.ops[i])

    cdef _fill(self, int i, source):
        cdef op_t* op = &self.ops[i]
        cdef bytes data = bytes(source.data)
        cdef bytes name
        cdef int k
        op.code, op.width, op.flags = int(source.code), source.width, int(source.flags)
        op.dst, op.a, op.b, op.x, op.y = int(source.dst), int(source.a), int(source.b), source.x, source.y
        if op.code == OP_ALU:
            op.code = _alu_code(op)
        op.size = len(data)
        op.data = <const uint8_t*>data
        if op.code == OP_LITERAL:
            op.width, op.y = (len(data), int.from_bytes(data, "big", signed=len(data) == 8)) if 0 < len(data) <= 8 else (0, 0)
        self._keep.append(data)
        op.nkeys = len(source.keys)
        if op.nkeys:
            op.keys = <key_t*>calloc(op.nkeys, sizeof(key_t))
            if op.keys == NULL:
                raise MemoryError
            for k in range(op.nkeys):
                name = source.keys[k][0]
                self._keep.append(name)
                op.keys[k].name = <const uint8_t*>name
                op.keys[k].size = len(name)
                op.keys[k].slot = source.keys[k][1]

    def __dealloc__(self):
        cdef int i
        if self.ops != NULL:
            for i in range(self.count):
                free(self.ops[i].keys)
            free(self.ops)

    cdef int run(self, const uint8_t* data, int64_t size, int64_t* regs, span_t* slots,
                 uint8_t* scratch, int64_t scratch_size, outcome_t* out, progress_t* progress,
                 int direction) noexcept nogil:
        """Runs over `size` bytes. `regs` has room for `registers`, `slots` (may be NULL) for the plan's slots.

        progress (may be NULL): how far earlier runs of this Plan over the same frame came.
        direction: 1 for a frame that came from upstream.
        """
        cdef cursor_t c
        cdef int64_t stops[SECTIONS]
        cdef int depth = 0, outcome
        cdef int64_t limit = self.limit, n, value, field_at = 0
        cdef int64_t at = 0, stop = size         # of `c`, which primitives move: kept apart from it between them
        cdef const op_t* next_op = self.ops
        cdef const op_t* op
        memset(regs, 0, <size_t>self.registers * sizeof(int64_t))
        regs[ID_AT] = regs[CRC_AT] = regs[TIMEOUT_AT] = -1
        regs[DIRECTION] = direction
        out.body_at = -1
        c.data = data
        c.at = 0
        c.stop = size
        c.slots = slots
        c.scratch = scratch
        c.scratch_left = scratch_size
        c.chunked = c.classes = 0
        while True:
            op = next_op
            next_op += 1
            if op.code == OP_LOAD:
                field_at = at
                if op.width > stop - at:
                    at += op.width
                    outcome = SHORT
                    break
                if size - at >= 8:
                    value = <int64_t>xp_load_ahead(data + at, op.width, op.flags & FLAG_LITTLE)
                else:
                    value = <int64_t>xp_load(data + at, op.width, op.flags & FLAG_LITTLE)
                if op.flags & (FLAG_SIGNED | FLAG_CHECK | FLAG_AT):
                    if op.flags & FLAG_SIGNED:
                        value = xp_signed(<uint64_t>value, op.width)
                    if op.flags & FLAG_CHECK and (value < op.x or value > op.y):
                        outcome = BAD
                        break
                    if op.flags & FLAG_AT:
                        regs[op.b] = at
                regs[op.dst] = value
                at += op.width
            elif op.code == OP_SKIP:
                n = op.x if op.a == NO_REG else <int64_t>(<uint64_t>regs[op.a] + <uint64_t>op.x)
                field_at = at
                if n < 0 or n > (limit if depth == 0 else stop) - at:
                    outcome = BAD
                    break
                if op.b != NO_REG:
                    if n > stop - at:
                        at += n
                        outcome = SHORT
                        break
                    slots[op.b].data = data + at
                    slots[op.b].size = n
                at += n
            elif op.code == OP_JNE:
                if regs[op.a] != op.y:
                    next_op = self.ops + op.x
            elif op.code == OP_JEQ:
                if regs[op.a] == op.y:
                    next_op = self.ops + op.x
            elif op.code == OP_ADD_CONSTANT:
                regs[op.dst] = <int64_t>(<uint64_t>regs[op.a] + <uint64_t>op.x)
            elif op.code == OP_SUB:
                regs[op.dst] = <int64_t>(<uint64_t>regs[op.a] - <uint64_t>regs[op.b])
            elif op.code == OP_SHL_CONSTANT:
                regs[op.dst] = <int64_t>(<uint64_t>regs[op.a] << op.x)
                if next_op.code == OP_OR:        # as when a kind is packed
                    regs[next_op.dst] = regs[next_op.a] | regs[next_op.b]
                    next_op += 1
            elif op.code == OP_OR:
                regs[op.dst] = regs[op.a] | regs[op.b]
            elif op.code == OP_EQ_CONSTANT:
                regs[op.dst] = regs[op.a] == op.x
            elif op.code == OP_ALU:
                regs[op.dst] = alu(op.flags, regs[op.a], op.x if op.b == NO_REG else regs[op.b])
            elif op.code == OP_BITS:
                regs[op.dst] = <int64_t>(<uint64_t>regs[op.a] >> op.x) & op.y
            elif op.code == OP_TABLE:
                value = regs[op.a]
                if value < 0 or value >= op.size or op.data[value] == 0:
                    outcome = BAD
                    break
                regs[op.dst] = op.data[value]
            elif op.code == OP_SET:
                regs[op.dst] = op.x
            elif op.code == OP_JUMP:
                next_op = self.ops + op.x
            elif op.code == OP_RANGE:
                if regs[op.a] < op.x or regs[op.a] > op.y:
                    outcome = BAD
                    break
            elif op.code == OP_MEMBER:
                if not _member(op, regs[op.a]):
                    outcome = BAD
                    break
            elif op.code == OP_LITERAL:
                field_at = at
                if op.size > stop - at:
                    at += op.size
                    outcome = SHORT
                    break
                if op.width and size - at >= 8:
                    value = <int64_t>xp_load_ahead(data + at, op.width, False)
                    outcome = DONE if value == op.y else BAD
                else:
                    outcome = DONE if memcmp(data + at, op.data, <size_t>op.size) == 0 else BAD
                if outcome == BAD:
                    break
                at += op.size
            elif op.code == OP_ENTER:
                n = op.x if op.a == NO_REG else <int64_t>(<uint64_t>regs[op.a] + <uint64_t>op.x)
                field_at = at
                if n < 0 or depth >= SECTIONS or n > (limit if depth == 0 else stop) - at:
                    outcome = BAD
                    break
                if n > stop - at:
                    at += n
                    outcome = SHORT
                    break
                stops[depth] = stop
                depth += 1
                stop = c.stop = at + n
            elif op.code == OP_LEAVE:
                if depth == 0:
                    outcome = BAD
                    break
                at = stop
                depth -= 1
                stop = c.stop = stops[depth]
            elif op.code == OP_REST:
                field_at = at
                if at > stop:
                    outcome = SHORT
                    break
                if op.b != NO_REG:
                    slots[op.b].data = data + at
                    slots[op.b].size = stop - at
                at = stop
            elif op.code == OP_ENDED:
                field_at = at
                if at != stop:
                    outcome = BAD
                    break
            elif op.code == OP_POS:
                regs[op.dst] = at
            elif op.code == OP_VARINT:
                field_at = at
                c.at = at
                outcome = _varint(&c, op.width, &value)
                at = c.at
                if outcome == DONE and (value < op.x or value > op.y):
                    outcome = BAD
                if outcome != DONE:
                    at += 1
                    break
                regs[op.dst] = value
            elif op.code == OP_CRC32:
                field_at = at
                c.at = at
                outcome = _checksum(op, &c, regs)
                at = c.at
                if outcome != DONE:
                    break
            elif op.code == OP_END:
                if at > limit:
                    field_at = at
                    outcome = BAD
                elif at > size:
                    outcome = SHORT
                else:
                    outcome = DONE
                break
            elif op.code == OP_FAIL:
                field_at = at
                outcome = BAD
                break
            elif op.code == OP_CHUNKS:
                field_at = at
                if depth == 0 and out.body_at < 0:
                    out.body_at = at
                c.at = at
                outcome = _chunks(op, &c, limit, progress)
                at = c.at
                if outcome != DONE:
                    break
            elif op.code == OP_THRIFT_STRUCT:
                field_at = at
                c.at = at
                outcome = walk_struct(&c, op.width, limit if depth == 0 else stop, progress if depth == 0 else NULL)
                at = c.at
                if outcome != DONE:
                    break
            elif op.code == OP_JCE_INTEGER:
                field_at = at
                c.at = at
                outcome = read_integer_field(&c, op.width if op.a == NO_REG else <int>regs[op.a], &value)
                at = c.at
                if outcome == DONE and (value < op.x or value > op.y):
                    outcome = BAD
                if outcome != DONE:
                    break
                regs[op.dst] = value
            elif op.code == OP_TTWITTER_HEADER:
                field_at = at
                c.at = at
                outcome = walk_header(&c, limit if depth == 0 else stop, progress if depth == 0 else NULL, op.keys, op.nkeys)
                at = c.at
                if outcome != DONE:
                    break
            elif op.code == OP_HTTP_HEAD:
                field_at = at
                c.at = at
                outcome = walk_head(&c, regs[DIRECTION] != 0, &regs[op.dst], &regs[op.a], op.keys, op.nkeys, progress)
                at = c.at
                if outcome != DONE:
                    break
            elif op.code == OP_HTTP_BODY:
                field_at = out.body_at = at
                c.at = at
                outcome = walk_body(&c, regs[op.a], regs[op.b], limit, progress)
                at = c.at
                if outcome != DONE:
                    break
            elif op.code == OP_UNTIL:
                field_at = at
                c.at = at
                outcome = walk_until(&c, op.data, op.size, op.x, &slots[op.b] if op.b != NO_REG else NULL)
                at = c.at
                if outcome != DONE:
                    break
            elif op.code == OP_INTERPRET:
                field_at = at
                n = stop - at if op.x < 0 else op.x
                if n > stop - at:
                    at += n
                    outcome = SHORT
                    break
                c.at = at
                outcome = self.interpreter.read(op - self.ops, &c, n, direction, op.b, op.keys, op.nkeys)
                at = c.at
                if outcome != DONE:
                    break
                at += n
            elif op.code == OP_AHEAD:
                if depth == 0 and op.size > stop - at:
                    field_at = at
                    at += op.size
                    outcome = SHORT
                    break
                regs[op.dst] = op.size <= stop - at and memcmp(data + at, op.data, <size_t>op.size) == 0
            else:
                field_at = at
                c.at = at
                outcome = _primitive(op, &c)
                at = c.at
                if outcome != DONE:
                    if outcome == SHORT:
                        at = size + 1
                    break
        if progress != NULL and progress.classes != NULL:
            keep_classes(&c, progress.classes)
        return self._finish(outcome, depth, size, field_at, <int32_t>(op - self.ops), at, out)

    cdef int _finish(self, int outcome, int depth, int64_t size, int64_t field_at, int32_t op,
                     int64_t at, outcome_t* out) noexcept nogil:
        out.op = op
        if outcome == DONE:
            out.size = at
            return RUN_OK
        if outcome == SHORT and depth == 0:
            out.size = at if at > size else size + 1
            if out.size <= self.limit:
                return RUN_NEED
        out.size = field_at
        return RUN_BAD
