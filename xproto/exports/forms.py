"""The forms of a frame: where each field stands as far as that is fixed, and what follows.

A layout with conditions has several forms. Of the conditions only those count that change what is on the wire, and forms
that cannot be (a field of two values that has neither) are left out. A computed field stands for what it is computed from.
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
    Compute,
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
    references,
)
from xproto.lower.roles import evaluate
from xproto.plan import Alu, Form, OpCode

SMALL = 255
"""Fields of a wider range are not told apart by the values that are left of it."""
MAX_FORMS = 20


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
    """What is known of a form's fields: of small ones the values that are left, of other tests whether they hold.

    computed: what the computed fields so far are made of.
    """

    values: Mapping[str, frozenset[int]] = field(default_factory=dict)
    tests: Mapping[str, bool] = field(default_factory=dict)
    computed: Mapping[str, Expr] = field(default_factory=dict)

    def define(self, path: str, expr: Expr) -> Known:
        """The same, where a field is computed like this."""
        return replace(self, computed={**self.computed, path: self._inlined(expr)})

    def _inlined(self, expr: Expr) -> Expr:
        match expr:
            case Ref(value):
                return self.computed.get(value.path, expr)
            case Bin(_, left, right):
                return replace(expr, left=self._inlined(left), right=self._inlined(right))
            case Not(operand):
                return Not(self._inlined(operand))
        return expr

    def decide(self, test: Expr, *, holds: bool) -> Known | None:
        """The same, where the test holds or does not; None where that cannot be."""
        test = self._inlined(test)
        read = {value.path: value for value in references(test)}
        if len(read) == 1 and (value := next(iter(read.values()))).hi - value.lo <= SMALL:
            left = self.values.get(value.path, range(value.lo, value.hi + 1))
            left = frozenset(each for each in left if bool(evaluate(test, {value.path: each})) is holds)
            return replace(self, values={**self.values, value.path: left}) if left else None
        if isinstance(test, Not):
            return self.decide(test.operand, holds=not holds)
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
            case Bin(Alu.EQ | Alu.NE as op, Ref(value), Num(number)) if (
                number in {value.lo, value.hi} and value.hi == value.lo + 1
            ):
                left = number if holds is (op is Alu.EQ) else value.lo + value.hi - number
                return words(Bin(Alu.EQ, Ref(value), Num(left)))
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
        if isinstance(node, Compute):
            so_far = replace(so_far, known=so_far.known.define(node.value.path, node.expr))
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
            now = replace(now, conditions=_and(so_far.conditions, known.say(node.test, holds=holds)))
        yield from _shapes([*(node.then if holds else node.other), *rest], now)


def _and(conditions: tuple[str, ...], said: str) -> tuple[str, ...]:
    """The conditions and this one; where it says what a field is, those that said what it is not are left out."""
    path, is_, _ = said.partition(" = ")
    return (*(each for each in conditions if not is_ or not each.startswith(f"{path} ≠ ")), said)


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
            case Compute(value, expr):
                known = known.define(value.path, expr)
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
