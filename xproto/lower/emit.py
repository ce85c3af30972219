"""Nodes to ops. Registers of fields come first, temporaries of expressions after them; jumps only go forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from xproto.errors import SpecError
from xproto.lower.model import (
    Bin,
    Bits,
    Branch,
    Compute,
    Ended,
    Expr,
    Literal,
    Load,
    Mark,
    Node,
    Not,
    Num,
    Peek,
    Primitive,
    Ref,
    Require,
    Section,
    Table,
    Take,
    Value,
)
from xproto.plan import AT, CHECK, MAX_REGISTERS, NONE, VERIFY, Alu, Op, OpCode, Result

Keys = Mapping[str, tuple[tuple[bytes, int], ...]]


def _pack(members: frozenset[int]) -> bytes:
    return b"".join(n.to_bytes(8, "little", signed=True) for n in sorted(members))


def _apart(expr: Expr) -> tuple[Expr, int]:
    """An expression as another one and a constant that is added to it."""
    match expr:
        case Bin(Alu.ADD | Alu.SUB as op, left, Num(number)) if not isinstance(left, Num):
            return left, number if op is Alu.ADD else -number
        case Bin(Alu.SUB, Bin(Alu.ADD | Alu.SUB as op, left, Num(number)), right) if not isinstance(left, Num):
            return Bin(Alu.SUB, left, right), number if op is Alu.ADD else -number
    return expr, 0


class Emitter:
    """Writes one product.

    alias: registers that a role wants elsewhere. at: registers whose load notes its offset, and where.
    slots: path of a value -> slot for its bytes. keys: path of a block -> (key, slot) pairs.
    """

    def __init__(
        self,
        first_temporary: int,
        alias: Mapping[int, int] | None = None,
        at: Mapping[int, int] | None = None,
        slots: Mapping[str, int] | None = None,
        keys: Keys | None = None,
        *,
        verify: bool = False,
    ) -> None:
        self.ops: list[Op] = []
        self.first_temporary = first_temporary
        self.temporary = first_temporary
        self.highest = first_temporary
        self.alias = alias or {}
        self.at = at or {}
        self.slots = slots or {}
        self.keys = keys or {}
        self.verify = verify

    def add(self, op: Op) -> int:
        """Appends an op, merging neighbouring skips of a constant; returns its index."""
        last = self.ops[-1] if self.ops else None
        if (
            op.code is OpCode.SKIP
            and last is not None
            and last.code is OpCode.SKIP
            and op.a == NONE
            and op.b == NONE
            and last.b == NONE
            and self.fence != len(self.ops)
        ):
            self.ops[-1] = Op(OpCode.SKIP, a=last.a, x=last.x + op.x, path=last.path, why=last.why)
            return len(self.ops) - 1
        self.ops.append(op)
        return len(self.ops) - 1

    fence = -1
    """Index of a jump target: ops on its two sides must not merge."""

    required: tuple[str, int, int] = "", NONE, 0
    """An expression of which something was required, mostly a length; its register; the index of the op behind that."""

    def reg(self, value: Value) -> int:
        return self.alias.get(value.reg, value.reg)

    def temp(self) -> int:
        self.temporary += 1
        self.highest = max(self.highest, self.temporary)
        if self.temporary >= MAX_REGISTERS:
            raise SpecError("frame", "the expressions need too many registers", "compute parts with Computed fields")
        return self.temporary - 1

    def expr(self, expr: Expr, path: str, dst: int | None = None) -> int:
        """Ops that leave the expression's value in a register (its own, or `dst`)."""
        match expr:
            case Ref(value):
                if dst is None:
                    return self.reg(value)
                self.add(Op(OpCode.ALU, dst=dst, a=self.reg(value), x=0, flags=Alu.ADD, path=path))
                return dst
            case Num(number):
                out = self.temp() if dst is None else dst
                self.add(Op(OpCode.SET, dst=out, x=number, path=path))
                return out
            case Not(operand):
                source = self.expr(operand, path)
                out = self.temp() if dst is None else dst
                self.add(Op(OpCode.ALU, dst=out, a=source, x=0, flags=Alu.EQ, path=path))
                return out
            case Bin(op, left, right):
                a = self.expr(left, path)
                b = NONE if isinstance(right, Num) else self.expr(right, path)
                out = self.temp() if dst is None else dst
                x = right.value if isinstance(right, Num) else 0
                self.add(Op(OpCode.ALU, dst=out, a=a, b=b, x=x, flags=op, path=path))
                return out

    def size(self, expr: Expr | None, path: str) -> tuple[int, int]:
        """A length as (register or NONE, constant)."""
        if expr is None:
            return NONE, 0
        variable, constant = _apart(expr)
        if isinstance(variable, Num):
            return NONE, variable.value
        text, source, behind = self.required
        if behind == len(self.ops) != self.fence and text == repr(variable):
            return source, constant
        return self.expr(variable, path), constant

    def nodes(self, nodes: list[Node]) -> None:
        for node in nodes:
            self.temporary = self.first_temporary
            self._one(node)

    def _one(self, node: Node) -> None:
        match node:
            case Load():
                self._load(node)
            case Bits(value, word, shift, mask, members, checked):
                dst = self.reg(value)
                self.add(Op(OpCode.BITS, dst=dst, a=self.reg(word), x=shift, y=mask, path=value.path))
                self._check(value, members, checked)
            case Literal(path, data):
                self.add(Op(OpCode.LITERAL, data=data, path=path, why=f"must be {data.hex()}"))
            case Compute(value, expr):
                self.expr(expr, value.path, self.reg(value))
            case Require(path, expr):
                self._require(path, expr)
            case Take(value, size):
                self._take(value, size)
            case Section(value, size, body):
                a, x = self.size(size, value.path)
                self.add(Op(OpCode.ENTER, a=a, x=x, path=value.path, why="its length is out of bounds"))
                self.nodes(body)
                self.add(Op(OpCode.LEAVE, path=value.path))
            case Branch():
                self._branch(node)
            case Primitive():
                self._primitive(node)
            case Ended(path):
                self.add(Op(OpCode.ENDED, path=path, why="bytes are left over"))
            case Mark(value):
                self.add(Op(OpCode.POS, dst=self.reg(value), path=value.path))
            case Peek(value, data):
                self.add(Op(OpCode.AHEAD, dst=self.reg(value), data=data, path=value.path))
            case Table(value, index, data):
                source = self.expr(index, value.path)
                why = "no such kind of frame"
                self.add(Op(OpCode.TABLE, dst=self.reg(value), a=source, data=data, path=value.path, why=why))

    def _require(self, path: str, expr: Expr) -> None:
        why = f"must hold: {expr!r}"
        if isinstance(expr, Bin) and expr.op is Alu.GE and isinstance(expr.right, Num) and not isinstance(expr.left, Num):
            variable, constant = _apart(expr.left)
            source = self.expr(variable, path)
            self.add(Op(OpCode.RANGE, a=source, x=expr.right.value - constant, y=1 << 62, path=path, why=why))
            self.required = repr(variable), source, len(self.ops)
            return
        self.add(Op(OpCode.RANGE, a=self.expr(expr, path), x=1, y=1 << 62, path=path, why=why))

    def _check(self, value: Value, members: frozenset[int] | None, checked: bool) -> None:
        dst = self.reg(value)
        if members is not None:
            why = f"must be one of {sorted(members)}"
            self.add(Op(OpCode.MEMBER, a=dst, data=_pack(members), path=value.path, why=why))
        elif checked:
            why = f"must be in {value.lo}..{value.hi}"
            self.add(Op(OpCode.RANGE, a=dst, x=value.lo, y=value.hi, path=value.path, why=why))

    def _load(self, node: Load) -> None:
        value, dst = node.value, self.reg(node.value)
        why = f"must be in {value.lo}..{value.hi}" if node.checked else "runs past the end of its section"
        if node.tag is not None:
            a, tag = (NONE, node.tag.value) if isinstance(node.tag, Num) else (self.expr(node.tag, value.path), 0)
            self.add(Op(OpCode.JCE_INTEGER, dst=dst, a=a, width=tag, x=value.lo, y=value.hi, path=value.path, why=why))
            return
        if node.width == 0:
            self.add(Op(OpCode.VARINT, dst=dst, width=node.most, x=value.lo, y=value.hi, path=value.path, why=why))
            if node.members is not None:
                self._check(value, node.members, checked=True)
            return
        flags, at = node.flags, self.at.get(value.reg, NONE)
        checked = node.checked and node.members is None
        flags |= (CHECK if checked else 0) | (AT if at != NONE else 0)
        x, y = (value.lo, value.hi) if checked else (0, 0)
        self.add(Op(OpCode.LOAD, dst=dst, b=at, x=x, y=y, width=node.width, flags=flags, path=value.path, why=why))
        if node.members is not None:
            self._check(value, node.members, checked=True)

    def _take(self, value: Value, size: Expr | None) -> None:
        slot = self.slots.get(value.path, NONE)
        keys = self.keys.get(value.path, ())
        if value.reader is not None and (self.verify or slot != NONE or keys):
            wanted = -1 if size is None else self.size(size, value.path)[1]
            why = f"{value.reader!r} cannot read it"
            self.add(Op(OpCode.INTERPRET, b=slot, x=wanted, keys=keys, reader=value.reader, path=value.path, why=why))
            return
        if size is None:
            self.add(Op(OpCode.REST, b=slot, path=value.path))
            return
        a, x = self.size(size, value.path)
        self.add(Op(OpCode.SKIP, a=a, x=x, b=slot, path=value.path, why="its length is out of bounds"))

    def _branch(self, node: Branch) -> None:
        test, flip = node.test, False
        while isinstance(test, Not):
            test, flip = test.operand, not flip
        code, constant = OpCode.JEQ, 0
        if isinstance(test, Bin) and test.op in {Alu.EQ, Alu.NE} and isinstance(test.right, Num):
            source, constant = self.expr(test.left, node.path), test.right.value
            code = OpCode.JNE if test.op is Alu.EQ else OpCode.JEQ
        else:
            source = self.expr(test, node.path)
        if flip:
            code = OpCode.JEQ if code is OpCode.JNE else OpCode.JNE
        then, other = node.then, node.other
        if not then:
            then, other = other, then
            code = OpCode.JEQ if code is OpCode.JNE else OpCode.JNE
        jump = self.add(Op(code, a=source, y=constant, path=node.path))
        self.fence = len(self.ops)
        self.nodes(then)
        if other:
            over = self.add(Op(OpCode.JUMP, path=node.path))
            self.ops[jump] = self.ops[jump].to(len(self.ops))
            self.fence = len(self.ops)
            self.nodes(other)
            self.ops[over] = self.ops[over].to(len(self.ops))
        else:
            self.ops[jump] = self.ops[jump].to(len(self.ops))
        self.fence = len(self.ops)

    def _primitive(self, node: Primitive) -> None:
        code, path = OpCode(node.opcode), node.value.path
        slot = self.slots.get(path, NONE)
        argument = NONE if node.argument is None else self.slots.get(node.argument.path, NONE)
        flags = node.flags | (VERIFY if self.verify and code is OpCode.CRC32 else 0)
        dst = int(Result.CRC_AT) if code is OpCode.CRC32 else NONE
        if node.outputs:
            dst, argument = (self.reg(value) for value in node.outputs)
        if node.inputs:
            argument, slot = (self.reg(value) for value in node.inputs)
        whys = {OpCode.CRC32: "checksum does not match", OpCode.UNTIL: f"has no end within {node.most} bytes"}
        why = whys.get(code, f"malformed {code.name.lower()}")
        keys = self.keys.get(path, ())
        found = Op(code, dst=dst, a=argument, b=slot, x=node.most, data=node.data, keys=keys, path=path, why=why)
        self.add(replace(found, width=node.width, flags=flags))
