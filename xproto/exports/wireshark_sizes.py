"""How many bytes certainly follow a part of a frame, so that a dissector can ask for all of them at once.

Asked for one part only, Wireshark would put no more than that together, and lose what follows it in the same segment.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from xproto.exports.lua import Expressions, UntranslatedError
from xproto.lower.model import (
    Bits,
    Branch,
    Compute,
    Expr,
    Literal,
    Load,
    Mark,
    Node,
    Num,
    Peek,
    Primitive,
    Require,
    Section,
    Take,
    references,
)
from xproto.plan import Form, OpCode, Result


def rest_of(nodes: list[Node], known: AbstractSet[int], expressions: Expressions) -> str | None:
    """A Lua expression for the size of these nodes, or None. `known` are the registers whose values are there already."""
    parts: list[str] = []
    fixed = 0
    for node in nodes:
        size = _size(node, known, expressions)
        if size is None:
            return None
        if isinstance(size, int):
            fixed += size
        else:
            parts.append(size)
    return " + ".join([*parts, *([str(fixed)] if fixed or not parts else [])])


def _size(node: Node, known: AbstractSet[int], expressions: Expressions) -> str | int | None:
    match node:
        case Bits() | Compute() | Mark() | Peek() | Require():
            return 0
        case Load(width=width) if node.form is Form.FIXED:
            return width
        case Literal(data=data):
            return len(data)
        case Primitive(opcode=OpCode.CRC32):
            return 4
        case Take(size=size) | Section(size=size):
            return size.value if isinstance(size, Num) else _number(size, known, expressions)
        case Branch(test=test, then=then, other=other):
            sides = [rest_of(side, known, expressions) for side in (then, other)]
            if sides == ["0", "0"]:
                return 0
            if None in sides or not _known(test, known):
                return None
            return f"({expressions.test(test)} and {sides[0]} or {sides[1]})"
    return None


def _number(expr: Expr | None, known: AbstractSet[int], expressions: Expressions) -> str | None:
    try:
        return expressions.number(expr) if expr is not None and _known(expr, known) else None
    except UntranslatedError:
        return None


def _known(expr: Expr, known: AbstractSet[int]) -> bool:
    return all(value.reg in known or value.reg == Result.DIRECTION for value in references(expr))


def read_by(nodes: list[Node]) -> set[int]:
    """The registers that have a value once these nodes were read."""
    found: set[int] = set()
    for node in nodes:
        match node:
            case Load() | Bits() | Compute() | Mark() | Peek():
                found.add(node.value.reg)
            case Section(body=body):
                found |= read_by(body)
            case Branch(then=then, other=other):
                found |= read_by(then) | read_by(other)
            case Primitive(outputs=outputs):
                found |= {value.reg for value in outputs}
    return found
