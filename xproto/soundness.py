"""What every Plan must hold before the kernel runs it. A Plan is data, so it is not trusted.

Registers, slots and jumps in bounds, jumps forward, widths that a load can have: with these, and the executor's own
checks of lengths, no Plan can make it read or write outside of its buffers, whoever made the Plan.
"""

from __future__ import annotations

from xproto.plan import AT, FIRST_FREE, MAX_REGISTERS, MAX_SLOTS, MAX_UNTIL, NONE, Alu, Op, OpCode, Plan

_WRITES = {OpCode.LOAD, OpCode.VARINT, OpCode.BITS, OpCode.SET, OpCode.ALU, OpCode.TABLE, OpCode.POS, OpCode.CRC32}
_WRITES |= {OpCode.JCE_INTEGER, OpCode.AHEAD, OpCode.HTTP_HEAD}
_BOTH = {OpCode.HTTP_HEAD, OpCode.HTTP_BODY}
_READS = {OpCode.BITS, OpCode.RANGE, OpCode.MEMBER, OpCode.ALU, OpCode.TABLE, OpCode.JEQ, OpCode.JNE}
_JUMPS = {OpCode.JUMP, OpCode.JEQ, OpCode.JNE}
_SLOT_IN_B = {OpCode.SKIP, OpCode.REST, OpCode.HESSIAN_TEXT, OpCode.HESSIAN_ARGS, OpCode.JCE_TEXT, OpCode.JCE_BYTES}
_SLOT_IN_B |= {OpCode.UNTIL, OpCode.INTERPRET}
_WIDTHS = {OpCode.LOAD: 8, OpCode.KEYVALUES: 8, OpCode.CHUNKS: 4, OpCode.VARINT: 9}
_TAGGED = {OpCode.JCE_INTEGER, OpCode.JCE_TEXT, OpCode.JCE_BYTES, OpCode.JCE_MAP}
_LARGEST_LIMIT = 1 << 62


def check_plan(plan: Plan) -> None:
    """Raises `ValueError` for a Plan that the kernel must not run."""
    if not plan.ops or plan.ops[-1].code != OpCode.END:
        raise ValueError("a plan ends with END")
    if not FIRST_FREE <= plan.registers <= MAX_REGISTERS or not 0 <= plan.slots <= MAX_SLOTS:
        raise ValueError("the plan needs too many registers or slots, or leaves no room for its results")
    if not 0 < plan.limit < _LARGEST_LIMIT:
        raise ValueError("the plan has no frame limit")
    for index, op in enumerate(plan.ops):
        wrong = _operation(op) or _places(op, plan) or (_jump(op, index, len(plan.ops)) if op.code in _JUMPS else "")
        if wrong:
            raise ValueError(f"op {index}: {wrong}")


def _operation(op: Op) -> str:
    code = op.code
    if code not in set(OpCode) or (code == OpCode.ALU and op.flags not in set(Alu)):
        return "no such operation"
    if code in _WIDTHS and not 1 <= op.width <= _WIDTHS[OpCode(code)]:
        return f"a varint of {op.width} bytes" if code == OpCode.VARINT else f"a width of {op.width}"
    if code in _TAGGED and not 0 <= op.width <= 255:
        return f"a tag of {op.width}"
    if code == OpCode.BITS and not 0 <= op.x < 64:
        return f"a shift of {op.x}"
    if code == OpCode.UNTIL and not (op.data and 0 <= op.x <= MAX_UNTIL):
        return f"an end of {len(op.data)} bytes within {op.x}"
    if code == OpCode.INTERPRET and op.reader is None:
        return "nobody to read it"
    return ""


def _places(op: Op, plan: Plan) -> str:
    registers, slots = [op.dst, op.a, op.b], [slot for _, slot in op.keys]
    if NONE in slots:
        return "a key without a slot"
    if op.code in _SLOT_IN_B:
        slots.append(registers.pop())
    if op.code == OpCode.HESSIAN_ARGS:
        slots.append(registers.pop())
        if op.a == NONE:
            return "no descriptor"
    if any(int(register) != NONE and not 0 <= int(register) < plan.registers for register in registers):
        return "no such register"
    if any(slot != NONE and not 0 <= slot < plan.slots for slot in slots):
        return "no such slot"
    if op.code in _WRITES and op.dst == NONE:
        return "writes to no register"
    if (op.code in _READS | _BOTH and op.a == NONE) or (op.code == OpCode.HTTP_BODY and op.b == NONE):
        return "reads no register"
    if op.code == OpCode.LOAD and op.flags & AT and op.b == NONE:
        return "notes its offset in no register"
    return ""


def _jump(op: Op, index: int, count: int) -> str:
    return "" if index < op.x < count else "a jump must go forward"
