"""Deliberate faults: one small thing wrong in a Plan. A suite of vectors is as good as the number of them it notices.

Each kind of op has its own ways to be wrong: a check dropped, a bound moved by one, bytes read in the other order or
another width, a branch inverted, the wrong register or slot. Faults that change nothing by construction (a bound moved
beyond what the integer can hold) are not made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from conformance.mutants.unseen import unseen
from xproto.plan import AT, CHECK, LITTLE, NONE, SIGNED, VERIFY, Alu, Op, OpCode, Plan, Result


@dataclass(frozen=True)
class Fault:
    """A Plan with one thing wrong: `name` tells the op and what was done to it. `unseen`: why nothing can show it."""

    name: str
    plan: Plan
    unseen: str = ""


_NOTHING = Op(OpCode.SKIP, x=0, path="dropped")
Variants = Iterator[tuple[str, Op]]


def faults(plan: Plan) -> Iterator[Fault]:
    """All faults of one op each, and those of the frame limit."""
    for index, op in enumerate(plan.ops):
        for name, wrong in _variants(plan, index, op):
            if wrong != op:
                ops = (*plan.ops[:index], wrong, *plan.ops[index + 1 :])
                reason = unseen(plan, index, wrong, name)
                yield Fault(f"{index} {op.code.name} {op.path}: {name}", replace(plan, ops=ops), reason)
    for change in (-1, 1):
        yield Fault(f"limit {change:+}", replace(plan, limit=plan.limit + change))


def _variants(plan: Plan, index: int, op: Op) -> Variants:
    if op.code is not OpCode.END:
        yield "dropped", _NOTHING
    if op.code is OpCode.LEAVE:
        yield "to nowhere", Op(OpCode.REST, path=op.path)
    if op.code is OpCode.RANGE:
        yield from _moved(op, *_domain(plan, index))
    if op.code in _BY_CODE:
        yield from _BY_CODE[op.code](op)
    yield from _wires(plan, index, op)


def _domain(plan: Plan, index: int) -> tuple[int, int]:
    """What the register that RANGE looks at can hold."""
    reg = plan.ops[index].a
    writer = next((o for o in reversed(plan.ops[:index]) if o.dst == reg), None)
    if writer is not None and writer.code is OpCode.BITS:
        return 0, writer.y
    if writer is not None and writer.code is OpCode.ALU and writer.flags >= Alu.EQ:
        return 0, 1
    return -(1 << 61), 1 << 61


def _moved(op: Op, lo: int, hi: int) -> Variants:
    """The bounds x..y one further and one nearer, as far as a value of lo..hi can tell."""
    x, y = op.x, op.y
    for name, low, high in (("low-1", x - 1, y), ("low+1", x + 1, y), ("high-1", x, y - 1), ("high+1", x, y + 1)):
        if lo <= min(x, low) and max(y, high) <= hi:
            yield name, replace(op, x=low, y=high)


def _load(op: Op) -> Variants:
    bits = 8 * op.width
    lo, hi = (-(1 << bits - 1), (1 << bits - 1) - 1) if op.flags & SIGNED else (0, (1 << bits) - 1)
    if op.flags & CHECK:
        yield "unchecked", replace(op, flags=op.flags & ~CHECK)
        yield from _moved(op, lo, hi)
    if op.width > 1:
        yield "other order", replace(op, flags=op.flags ^ LITTLE)
        yield "narrower", replace(op, width=op.width - 1)
    if op.width < 8:
        yield "wider", replace(op, width=op.width + 1)
        yield "other sign", replace(op, flags=op.flags ^ SIGNED)
    if op.flags & AT:
        yield "no offset", replace(op, flags=op.flags & ~AT, b=NONE)


def _varint(op: Op) -> Variants:
    yield from _moved(op, 0, (1 << 7 * op.width) - 1)
    if op.width > 1:
        yield "narrower", replace(op, width=op.width - 1)
    yield "wider", replace(op, width=op.width + 1)


def _bits(op: Op) -> Variants:
    if op.x:
        yield "shift-1", replace(op, x=op.x - 1)
    yield "shift+1", replace(op, x=op.x + 1)
    yield "mask narrower", replace(op, y=op.y >> 1)
    yield "mask wider", replace(op, y=op.y << 1 | 1)


def _member(op: Op) -> Variants:
    data = op.data
    for at in range(0, len(data), 8):
        value = int.from_bytes(data[at : at + 8], "little", signed=True)
        yield f"without {value}", replace(op, data=data[:at] + data[at + 8 :])
    top = int.from_bytes(data[-8:], "little", signed=True)
    yield f"with {top + 1}", replace(op, data=data + (top + 1).to_bytes(8, "little", signed=True))


def _literal(op: Op) -> Variants:
    for at in range(len(op.data)):
        yield f"byte {at}", replace(op, data=op.data[:at] + bytes((op.data[at] ^ 1,)) + op.data[at + 1 :])
    yield "unread", Op(OpCode.SKIP, x=len(op.data), path=op.path)
    yield "shorter", replace(op, data=op.data[:-1])


def _alu(op: Op) -> Variants:
    swaps = {Alu.ADD: Alu.SUB, Alu.SUB: Alu.ADD, Alu.EQ: Alu.NE, Alu.NE: Alu.EQ, Alu.AND: Alu.OR, Alu.OR: Alu.AND}
    swaps |= {Alu.SHL: Alu.SHR, Alu.SHR: Alu.SHL, Alu.LT: Alu.LE, Alu.LE: Alu.LT, Alu.GT: Alu.GE, Alu.GE: Alu.GT}
    swaps |= {Alu.MUL: Alu.ADD, Alu.DIV: Alu.MOD, Alu.MOD: Alu.DIV, Alu.XOR: Alu.OR}
    plain_copy = op.flags == Alu.ADD and op.b == NONE and op.x == 0
    if Alu(op.flags) in swaps and not plain_copy:
        yield f"{Alu(op.flags).name} -> {swaps[Alu(op.flags)].name}", replace(op, flags=swaps[Alu(op.flags)])
    if op.b == NONE:
        yield "constant+1", replace(op, x=op.x + 1)
        yield "constant-1", replace(op, x=op.x - 1)


def _table(op: Op) -> Variants:
    for at, kind in enumerate(op.data):
        other = kind % 6 + 1 if kind else 1
        yield f"entry {at} {kind} -> {other}", replace(op, data=op.data[:at] + bytes((other,)) + op.data[at + 1 :])
        if kind:
            yield f"entry {at} {kind} -> 0", replace(op, data=op.data[:at] + b"\0" + op.data[at + 1 :])


def _branch(op: Op) -> Variants:
    other = OpCode.JNE if op.code is OpCode.JEQ else OpCode.JEQ
    yield "inverted", replace(op, code=other)
    yield "always", Op(OpCode.JUMP, x=op.x, path=op.path)
    for change in (-1, 1):
        yield f"compares with {op.y + change}", replace(op, y=op.y + change)


def _amount(op: Op) -> Variants:
    yield "one more", replace(op, x=op.x + 1)
    yield "one less", replace(op, x=op.x - 1)
    if op.a != NONE:
        yield "constant", replace(op, a=NONE)


def _lengths(op: Op) -> Variants:
    yield "other order", replace(op, flags=op.flags ^ LITTLE)
    if op.code is OpCode.KEYVALUES:
        yield "other sign", replace(op, flags=op.flags ^ SIGNED)
    yield "narrower", replace(op, width=op.width - 1)
    yield "wider", replace(op, width=op.width + 1)
    for at, (key, slot) in enumerate(op.keys):
        yield f"key {key!r} misspelt", replace(op, keys=(*op.keys[:at], (key[:-1] + b"~", slot), *op.keys[at + 1 :]))


def _hessian(op: Op) -> Variants:
    yield "unread", Op(OpCode.SKIP, x=1, path=op.path)
    others = {OpCode.HESSIAN_TEXT: OpCode.HESSIAN_MAP, OpCode.HESSIAN_MAP: OpCode.HESSIAN_TEXT}
    if op.code in others and not op.keys:
        yield "another value", replace(op, code=others[op.code])
    yield from _misspelt(op)


def _jce_integer(op: Op) -> Variants:
    yield from _moved(op, -(1 << 63), (1 << 63) - 1)
    if op.a == NONE:
        yield "another tag", replace(op, width=op.width + 1)


def _jce_field(op: Op) -> Variants:
    yield "another tag", replace(op, width=op.width + 1)
    if not op.keys:
        yield "another value", replace(op, code=OpCode.JCE_BYTES if op.code is OpCode.JCE_TEXT else OpCode.JCE_TEXT)
    yield from _misspelt(op)


def _misspelt(op: Op) -> Variants:
    for at, (key, slot) in enumerate(op.keys):
        yield f"key {key!r} misspelt", replace(op, keys=(*op.keys[:at], (key + b"~", slot), *op.keys[at + 1 :]))


def _thrift(op: Op) -> Variants:
    yield "the other protocol", replace(op, width=1 - op.width)


def _ahead(op: Op) -> Variants:
    for at in range(len(op.data)):
        yield f"byte {at}", replace(op, data=op.data[:at] + bytes((op.data[at] ^ 1,)) + op.data[at + 1 :])
    yield "never", Op(OpCode.SET, dst=op.dst, path=op.path)
    yield "always", Op(OpCode.SET, dst=op.dst, x=1, path=op.path)


def _checksum(op: Op) -> Variants:
    if op.flags & VERIFY:
        yield "not compared", replace(op, flags=op.flags & ~VERIFY)
        yield "other order", replace(op, flags=op.flags ^ LITTLE)


def _wires(plan: Plan, index: int, op: Op) -> Variants:
    """The wrong register, the wrong slot."""
    if op.a != NONE and op.code is not OpCode.HESSIAN_ARGS:
        others = [o.dst for o in plan.ops[:index] if o.dst not in (NONE, op.a) and o.code is not OpCode.CRC32]
        if others:
            yield f"reads r{others[-1]}", replace(op, a=others[-1])
    if plan.product == "scan" and (op.code is OpCode.CRC32 or op.dst < len(Result)):
        yield "result elsewhere", replace(op, dst=7)
    if plan.slots > 1 and op.code in {OpCode.SKIP, OpCode.REST, OpCode.HESSIAN_TEXT, OpCode.HESSIAN_ARGS} and op.b != NONE:
        yield "another slot", replace(op, b=(op.b + 1) % plan.slots)
    if plan.slots > 1:
        for at, (key, slot) in enumerate(op.keys):
            wrong = (key, (slot + 1) % plan.slots)
            yield f"key {key!r} to another slot", replace(op, keys=(*op.keys[:at], wrong, *op.keys[at + 1 :]))


_BY_CODE: dict[OpCode, Callable[[Op], Variants]] = {
    OpCode.LOAD: _load,
    OpCode.VARINT: _varint,
    OpCode.BITS: _bits,
    OpCode.MEMBER: _member,
    OpCode.LITERAL: _literal,
    OpCode.SET: lambda op: iter([("one more", replace(op, x=op.x + 1))]),
    OpCode.ALU: _alu,
    OpCode.TABLE: _table,
    OpCode.JEQ: _branch,
    OpCode.JNE: _branch,
    OpCode.SKIP: _amount,
    OpCode.ENTER: _amount,
    OpCode.KEYVALUES: _lengths,
    OpCode.CHUNKS: _lengths,
    OpCode.HESSIAN_TEXT: _hessian,
    OpCode.HESSIAN_ARGS: _hessian,
    OpCode.HESSIAN_MAP: _hessian,
    OpCode.CRC32: _checksum,
    OpCode.JCE_INTEGER: _jce_integer,
    OpCode.JCE_TEXT: _jce_field,
    OpCode.JCE_BYTES: _jce_field,
    OpCode.JCE_MAP: _jce_field,
    OpCode.THRIFT_STRUCT: _thrift,
    OpCode.THRIFT_INFO: _misspelt,
    OpCode.TTWITTER_HEADER: _misspelt,
    OpCode.HTTP_HEAD: _misspelt,
    OpCode.AHEAD: _ahead,
}
