"""The tree between construct and Plan: values with intervals, expressions over them, and what a layout does in order.

Nothing here knows construct or the kernel. A `Value` is one field; its interval is what makes arithmetic provably free
of overflow, its guards say under which conditions it is there at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xproto.plan import NONE, Alu, Form

WIDE = 1 << 62
"""Expressions must stay below this, so that no sum of two of them can leave 63 bits."""


@dataclass(frozen=True)
class Column:
    """An integer of each record of a field that is a number of records: `width` bytes, `flags` as a LOAD's."""

    name: str
    width: int
    flags: int
    labels: Mapping[str, int] | None = None


@dataclass(eq=False)
class Value:
    """A field. `lo` and `hi` bound integers; `labels` are an Enum's names; `kind` says what roles may do with it.

    columns: of records, what each of them is made of.
    reader: of an interpreted field, what reads it by itself; then `hi` is how many bytes it is at most.
    """

    path: str
    kind: str = "integer"
    lo: int = 0
    hi: int = 0
    labels: Mapping[str, int] | None = None
    guards: frozenset[str] = frozenset()
    reg: int = NONE
    fields: dict[str, Value] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    reader: object = None

    def __repr__(self) -> str:
        return self.path


@dataclass(frozen=True)
class Num:
    value: int

    def __repr__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Ref:
    value: Value

    def __repr__(self) -> str:
        return self.value.path


@dataclass(frozen=True)
class Bin:
    op: Alu
    left: Expr
    right: Expr

    def __repr__(self) -> str:
        return f"({self.left!r} {self.op.name.lower()} {self.right!r})"


@dataclass(frozen=True)
class Not:
    operand: Expr

    def __repr__(self) -> str:
        return f"not {self.operand!r}"


Expr = Num | Ref | Bin | Not


def references(expr: Expr) -> Iterator[Value]:
    """Every field that the expression reads."""
    match expr:
        case Ref(value):
            yield value
        case Bin(_, left, right):
            yield from references(left)
            yield from references(right)
        case Not(operand):
            yield from references(operand)


@dataclass
class Load:
    """An integer: of a fixed width, or (width 0) a LEB128 varint of at most `most` bytes, or a jce field with this tag."""

    value: Value
    width: int
    flags: int
    checked: bool
    members: frozenset[int] | None = None
    most: int = 0
    tag: Expr | None = None

    @property
    def form(self) -> Form:
        return Form.JCE if self.tag is not None else Form.FIXED if self.width else Form.VARINT


@dataclass
class Bits:
    """A bit-field of an integer that was loaded before."""

    value: Value
    word: Value
    shift: int
    mask: int
    members: frozenset[int] | None = None
    checked: bool = False


@dataclass
class Literal:
    path: str
    data: bytes


@dataclass
class Compute:
    value: Value
    expr: Expr


@dataclass
class Require:
    path: str
    expr: Expr


@dataclass
class Take:
    """Bytes of a computed size, or (size None) all that the section still has."""

    value: Value
    size: Expr | None


@dataclass
class Section:
    """A part with a length of its own; leaving it jumps to its end."""

    value: Value
    size: Expr
    body: list[Node]


@dataclass
class Branch:
    path: str
    test: Expr
    then: list[Node]
    other: list[Node]


@dataclass
class Primitive:
    """A wire primitive. `argument` is the text field that it reads from, if any; `outputs` and `inputs` are integers."""

    value: Value
    opcode: int
    width: int = 0
    flags: int = 0
    argument: Value | None = None
    data: bytes = b""
    most: int = 0
    outputs: tuple[Value, ...] = ()
    inputs: tuple[Value, ...] = ()


@dataclass
class Ended:
    path: str


@dataclass
class Mark:
    """Notes the offset in a register. asked: only where something reads it."""

    value: Value
    asked: bool = False


@dataclass
class Peek:
    """Whether the next bytes are `data`."""

    value: Value
    data: bytes


@dataclass
class Table:
    """dst = table[packed units]: how kinds are found."""

    value: Value
    index: Expr
    data: bytes


Node = Load | Bits | Literal | Compute | Require | Take | Section | Branch | Primitive | Ended | Mark | Peek | Table


def walk(nodes: list[Node]) -> Iterator[Node]:
    """Every node, in the order of the layout: a section or a branch, then what is in it."""
    for node in nodes:
        yield node
        match node:
            case Section():
                yield from walk(node.body)
            case Branch():
                yield from walk(node.then)
                yield from walk(node.other)
