"""Deliberate faults that nothing can show: a Plan with one of them is another way to write the same Plan.

They are recognised by structure, so that the rest can be demanded to be killed: a register that nothing reads, a sign
that a later check catches as well, bits above the word, a position that leaving the section sets anyway. In a lookup a
check that lets more pass is never seen, since scan has refused those frames before.
"""

from __future__ import annotations

from xproto.plan import CHECK, NONE, SIGNED, Alu, Op, OpCode, Plan, Result

_READING = {
    OpCode.LOAD, OpCode.VARINT, OpCode.LITERAL, OpCode.SKIP, OpCode.ENTER, OpCode.KEYVALUES, OpCode.CHUNKS, OpCode.CRC32,
    OpCode.HESSIAN_TEXT, OpCode.HESSIAN_ARGS, OpCode.HESSIAN_MAP, OpCode.REST, OpCode.ENDED, OpCode.POS,
}  # fmt: skip
_LOOSER = {"unchecked", "low-1", "high+1"}


def unseen(plan: Plan, index: int, wrong: Op, name: str) -> str:
    """Why the Plan with `wrong` at `index` cannot be told from the sound one; empty where it can."""
    op = plan.ops[index]
    if (_only_value(op, wrong) or op.code is OpCode.AHEAD) and unread(plan, index):
        return "nothing reads this register"
    if op.code is OpCode.LOAD and wrong.code is OpCode.LOAD and wrong.flags ^ op.flags == SIGNED and _sign_free(plan, index):
        return "no check tells the signs apart"
    if op.code is OpCode.BITS and name == "mask wider" and op.x + op.y.bit_length() >= 8 * width_of(plan, op.a):
        return "there are no bits above"
    if op.code in {OpCode.REST, OpCode.LEAVE} and (reason := _position_free(plan, index, name)):
        return reason
    looser = name in _LOOSER or name.startswith("with ") or (op.code in {OpCode.RANGE, OpCode.MEMBER} and name == "dropped")
    if plan.product.startswith("lookup") and looser:
        return "scan has refused such frames"
    return ""


def _position_free(plan: Plan, index: int, name: str) -> str:
    op, after = plan.ops[index], plan.ops[index + 1 :]
    if op.code is OpCode.REST:
        return "leaving the section goes there too" if after[0].code is OpCode.LEAVE and op.b == NONE else ""
    if any(later.code in _READING for later in after):
        return ""
    if plan.product.startswith("lookup"):
        return "nothing is read after it"
    if name == "to nowhere" or plan.ops[index - 1].code is OpCode.REST:
        return "the section's end is the frame's"
    return ""


def unread(plan: Plan, index: int) -> bool:
    """Whether nothing that could be seen depends on the register that the op writes; a scan's results are seen."""
    op = plan.ops[index]
    if op.dst == NONE or (plan.product == "scan" and op.dst < len(Result)):
        return False
    readers = [i for i in range(index + 1, len(plan.ops)) if op.dst in reads(plan.ops[i])]
    quiet = {OpCode.BITS, OpCode.ALU}
    return all(plan.ops[i].code in quiet and unread(plan, i) for i in readers)


def reads(op: Op) -> set[int]:
    """The registers that the op reads."""
    found = {op.a}
    if op.code is OpCode.ALU:
        found.add(op.b)
    return set() if op.code is OpCode.HESSIAN_ARGS else found - {NONE}


def width_of(plan: Plan, reg: int) -> int:
    """The width in bytes of the integer that was loaded into a register."""
    return next((op.width for op in plan.ops if op.code is OpCode.LOAD and op.dst == reg), 8)


def _only_value(op: Op, wrong: Op) -> bool:
    """Whether the two differ in nothing but the value that they leave in a register."""
    if op.code in {OpCode.BITS, OpCode.ALU, OpCode.SET}:
        return True
    return op.code is OpCode.LOAD is wrong.code and op.width == wrong.width and not op.flags & CHECK


def _sign_free(plan: Plan, index: int) -> bool:
    op = plan.ops[index]
    half = 1 << 8 * op.width - 1
    if op.flags & CHECK:
        return not op.flags & SIGNED and op.y < half
    following = plan.ops[index + 1]
    if following.a == op.dst and following.code in {OpCode.RANGE, OpCode.MEMBER}:
        top = following.y if following.code is OpCode.RANGE else int.from_bytes(following.data[-8:], "little", signed=True)
        return 0 <= top < half
    return all(_sign_blind(later, half) for later in plan.ops[index + 1 :] if op.dst in reads(later))


def _sign_blind(op: Op, half: int) -> bool:
    if op.code is OpCode.ALU and op.flags in {Alu.EQ, Alu.NE}:
        return op.b == NONE and 0 <= op.x < half
    return op.code is OpCode.BITS
