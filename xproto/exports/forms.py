"""The forms of a frame: where each field stands as far as that is fixed, and what follows.

A layout with conditions has several forms. Of the conditions only those count that change what is on the wire, and forms
that cannot be (a field of two values that has neither) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from xproto.exports.words import count, negated, words
from xproto.lower.model import (
    Bin,
    Bits,
    Branch,
    Expr,
    Literal,
    Load,
    Node,
    Not,
    Num,
    Primitive,
    Ref,
    Section,
    Take,
)
from xproto.plan import Alu, Form, OpCode

SMALL = 255
"""Fields of a wider range are not told apart by the values that are left of it."""
MAX_FORMS = 16


@dataclass(frozen=True)
class Cell:
    """A field of so many bits."""

    name: str
    bits: int


class Later(NamedTuple):
    """A field behind the fixed part; its size, and the condition if that is still open, in words."""

    path: str
    size: str
    when: str = ""


@dataclass(frozen=True)
class Known:
    """What is known of a form's fields: of small ones the values that are left, of other tests whether they hold."""

    values: Mapping[str, frozenset[int]] = field(default_factory=dict)
    tests: Mapping[str, bool] = field(default_factory=dict)

    def decide(self, test: Expr, *, holds: bool) -> Known | None:
        """The same, where the test holds or does not; None where that cannot be."""
        match test:
            case Not(operand):
                return self.decide(operand, holds=not holds)
            case Bin(Alu.EQ | Alu.NE as op, Ref(value), Num(number)) if value.hi - value.lo <= SMALL:
                left = self.values.get(value.path, frozenset(range(value.lo, value.hi + 1)))
                left = left & {number} if holds is (op is Alu.EQ) else left - {number}
                return replace(self, values={**self.values, value.path: left}) if left else None
        known = self.tests.get(repr(test))
        if known is None:
            return replace(self, tests={**self.tests, repr(test): holds})
        return self if known is holds else None

    def sides(self, test: Expr) -> list[tuple[bool, Known]]:
        """The ways that a test can still go."""
        found = ((holds, self.decide(test, holds=holds)) for holds in (True, False))
        return [(holds, known) for holds, known in found if known is not None]

    def say(self, test: Expr, *, holds: bool) -> str:
        """The test in words; where one value is left, that it is this one."""
        match test:
            case Bin(Alu.EQ | Alu.NE, Ref(value), Num()) if len(self.values.get(value.path, ())) == 1:
                (number,) = self.values[value.path]
                return words(Bin(Alu.EQ, Ref(value), Num(number)))
        return words(test) if holds else negated(test)


@dataclass(frozen=True)
class Shape:
    """One form of a frame's beginning. conditions: the tests that were decided, in words; after: what follows."""

    cells: tuple[Cell, ...] = ()
    known: Known = field(default_factory=Known)
    conditions: tuple[str, ...] = ()
    after: tuple[Later, ...] = ()

    def offsets(self) -> dict[str, tuple[int, int]]:
        """Offset and width of each field, in bits."""
        found, at = {}, 0
        for cell in self.cells:
            found[cell.name] = at, cell.bits
            at += cell.bits
        return found


def shapes(nodes: list[Node]) -> list[Shape]:
    """Every form of the fixed part; only the first MAX_FORMS."""
    found: list[Shape] = []
    for shape in _shapes(nodes, Shape()):
        if len(found) == MAX_FORMS:
            break
        found.append(shape)
    return found


def _shapes(nodes: list[Node], so_far: Shape) -> Iterator[Shape]:
    for index, node in enumerate(nodes):
        rest = nodes[index + 1 :]
        if isinstance(node, Branch) and (_on_wire(node.then) or _on_wire(node.other)):
            yield from _decided(node, rest, so_far)
            return
        cells = _cells(node, rest)
        if cells is None:
            yield replace(so_far, after=tuple(_following([node, *rest], so_far.known)))
            return
        so_far = replace(so_far, cells=(*so_far.cells, *cells))
    yield so_far


def _decided(node: Branch, rest: list[Node], so_far: Shape) -> Iterator[Shape]:
    sides = so_far.known.sides(node.test)
    for holds, known in sides:
        now = replace(so_far, known=known)
        if len(sides) > 1:
            now = replace(now, conditions=(*so_far.conditions, known.say(node.test, holds=holds)))
        yield from _shapes([*(node.then if holds else node.other), *rest], now)


def _on_wire(nodes: list[Node]) -> bool:
    return any(
        isinstance(node, Load | Literal | Take | Section | Primitive)
        or (isinstance(node, Branch) and (_on_wire(node.then) or _on_wire(node.other)))
        for node in nodes
    )


def _cells(node: Node, rest: list[Node]) -> list[Cell] | None:
    """The bits of one node; None where its size or its inside is not fixed."""
    match node:
        case Load(value) if node.form is Form.FIXED:
            bits = [each for each in rest if isinstance(each, Bits) and each.word is value]
            return list(_bit_cells(bits, node.width * 8)) if bits else [Cell(value.path, node.width * 8)]
        case Literal(path, data):
            return [Cell(path, 8 * len(data))]
        case Take(value, Num(size)):
            return [Cell(value.path, 8 * size)]
        case Load() | Take() | Section() | Primitive():
            return None
    return []


def _bit_cells(fields: list[Bits], left: int) -> Iterator[Cell]:
    """The fields of a word of `left` bits, from the highest on; bits that nothing names are cells without a name."""
    for each in fields:
        width = each.mask.bit_length()
        if gap := left - each.shift - width:
            yield Cell("", gap)
        yield Cell(each.value.path, width)
        left = each.shift
    if left:
        yield Cell("", left)


def _following(nodes: list[Node], known: Known) -> Iterator[Later]:
    for index, node in enumerate(nodes):
        match node:
            case Branch(_, test, then, other):
                sides = known.sides(test)
                for holds, inner in sides:
                    said = inner.say(test, holds=holds) if len(sides) > 1 else ""
                    for later in _following(then if holds else other, inner):
                        yield later._replace(when=" and ".join(filter(None, (said, later.when))))
            case Section(value, size) | Take(value, size):
                yield Later(value.path, _bytes(size))
            case Load(value):
                bits = any(isinstance(each, Bits) and each.word is value for each in nodes[index:])
                path = value.path.rpartition(".")[0] if bits else value.path
                yield Later(path, count(node.width, "byte") if node.form is Form.FIXED else "as its value asks")
            case Literal(path, data):
                yield Later(path, count(len(data), "byte"))
            case Primitive(value, OpCode.CRC32):
                yield Later(value.path, "4 bytes")
            case Primitive(value, OpCode.UNTIL):
                yield Later(value.path, f"until {node.data.hex()}")
            case Primitive(value):
                yield Later(value.path, "as it says itself")


def _bytes(size: Expr | None) -> str:
    if isinstance(size, Num):
        return count(size.value, "byte")
    return "all that is left" if size is None else f"{words(size)} bytes"
