"""Where a field lies and which lengths enclose it: what a splice needs.

A field of another size changes the length field that counts it and those of all sections around it. Each of these must
be an integer that the section's size follows: one for one (``this.length - 4``), or in units (``this.words * 4``), and
then the field may only grow by whole units. A length may be a varint where it stands beside the field that it counts: then
it is inside of all that is around the field, and its own growth counts there too. A length that a Check holds to be another
one follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from xproto.errors import SpecError
from xproto.lower.model import (
    Bin,
    Branch,
    Expr,
    Load,
    Mark,
    Node,
    Num,
    Primitive,
    Ref,
    Require,
    Section,
    Take,
    Value,
    references,
    walk,
)
from xproto.plan import LITTLE, NONE, Alu

Field = Take | Primitive | Section


@dataclass(frozen=True)
class LengthField:
    """An integer on the wire that counts the bytes of the field, or of a section around it, in units of `scale` bytes.

    at: the register of its offset. width: in bytes; 0: a varint, whose end is in the register `end`.
    """

    path: str
    reg: int
    at: int
    width: int
    little: bool
    lo: int
    hi: int
    scale: int = 1
    end: int = NONE


@dataclass(frozen=True)
class Located:
    """The layout with marks around one field: registers that hold its start and end, and its lengths."""

    nodes: list[Node]
    field: Field
    start: int
    end: int
    lengths: tuple[LengthField, ...]
    next_free: int


def locate(nodes: list[Node], path: str, first_free: int) -> Located:
    """Marks the field at `path`; raises `SpecError` when it cannot be spliced."""
    return _Locator(nodes, path, first_free).located()


class _Locator:
    """One search. `counted`: the lengths found so far, the innermost first, each with its unit in bytes."""

    def __init__(self, nodes: list[Node], path: str, first_free: int) -> None:
        self.nodes, self.path, self.first_free = nodes, path, first_free
        self.loads = {node.value.reg: node for node in walk(nodes) if isinstance(node, Load)}
        self.counted: dict[Value, int] = {}
        self.field: Field | None = None
        self.varint: Value | None = None

    def located(self) -> Located:
        names = ("start", "end", "length", "length.end")
        self.marks = [Mark(Value(f"{self.path}.{name}", reg=self.first_free + i)) for i, name in enumerate(names)]
        marked = self._mark(self.nodes)
        if marked is None or self.field is None:
            raise SpecError(self.path, "is not a field of bytes", "name a Bytes, a section or a wire primitive of the layout")
        self._tie()
        start, end, at, at_end = (mark.value.reg for mark in self.marks)
        free = self.first_free + len(self.marks)
        lengths = []
        for value, scale in self.counted.items():
            load = self.loads.get(value.reg)
            if load is None or (not load.width and value is not self.varint):
                wrong = f"its length {value.path} is not a fixed-width integer"
                raise SpecError(self.path, wrong, "such a field cannot be spliced")
            little, lo, hi = bool(load.flags & LITTLE), value.lo, value.hi
            if value is self.varint:
                lengths.append(LengthField(value.path, value.reg, at, 0, little, lo, hi, scale, at_end))
                continue
            lengths.append(LengthField(value.path, value.reg, free, load.width, little, lo, hi, scale))
            free += 1
        return Located(marked, self.field, start, end, tuple(lengths), free)

    def _mark(self, nodes: list[Node]) -> list[Node] | None:
        for index, node in enumerate(nodes):
            if isinstance(node, Take | Primitive | Section) and node.value.path == self.path and not _within(node, self.path):
                self.field = node
                if isinstance(node, Take | Section) and node.size is not None:
                    self.counted.update([self._linear(node.size)])
                before = self._with_varint(nodes[:index])
                self._behind(nodes[index + 1 :])
                return [*before, self.marks[0], node, self.marks[1], *nodes[index + 1 :]]
            if isinstance(node, Section) and (inside := self._mark(node.body)) is not None:
                if node.value.path != self.path or not self.counted:
                    self.counted.update([self._linear(node.size)])
                self._behind(nodes[index + 1 :])
                return [*nodes[:index], replace(node, body=inside), *nodes[index + 1 :]]
            if isinstance(node, Branch):
                for side in ("then", "other"):
                    if (inside := self._mark(getattr(node, side))) is not None:
                        changed = replace(node, then=inside) if side == "then" else replace(node, other=inside)
                        self._behind(nodes[index + 1 :])
                        return [*nodes[:index], changed, *nodes[index + 1 :]]
        return None

    def _with_varint(self, nodes: list[Node]) -> list[Node]:
        """The nodes before the field, with marks around its length where that is a varint."""
        found = list(nodes)
        for index, node in enumerate(nodes):
            if isinstance(node, Load) and node.value in self.counted and not node.width and node.tag is None:
                self.varint = node.value
                found[index : index + 1] = [self.marks[2], node, self.marks[3]]
        return found

    def _behind(self, nodes: list[Node]) -> None:
        """Lengths that count the field together with something behind it.

        From the frame's beginning to the end of a later field (``this.size - this.here``), or as what the field's own length
        is taken from (``this.size - this.head_len``).
        """
        places: set[Value] = set()
        found: dict[Value, int] = {}
        for node in nodes:
            if isinstance(node, Mark):
                places.add(node.value)
            elif isinstance(node, Branch) and {*self.counted, *found} & _sized_by(node):
                wrong = "the size of what may be behind it depends on its length"
                raise SpecError(self.path, wrong, "such a field cannot be spliced")
            elif isinstance(node, Take | Section) and node.size is not None:
                match node.size:
                    case Bin(Alu.SUB, until, Ref(here)) if here in places:
                        found.update([self._linear(until)])
                    case size if places & set(references(size)):
                        raise self._unlike(size, node.value.path)
                    case size if {*self.counted, *found} & set(references(size)):
                        later = self._kept(size, node.value.path, {**self.counted, **found})
                        if any(load.value in later for load in walk(nodes) if isinstance(load, Load)):
                            raise SpecError(self.path, "a length that counts it is behind it", "such a field cannot be spliced")
                        found.update(dict.fromkeys(later, 1))
        self.counted.update(found)

    def _kept(self, size: Expr, behind: str, counted: dict[Value, int]) -> list[Value]:
        """The length that must follow the counted ones, so that a size made of both stays as it is."""
        terms = _terms(size)
        moved = None if terms is None else sum(sign for value, sign in terms if value in counted)
        others = [value for value, sign in terms or () if sign == 1 and value not in counted]
        if moved == 0:
            return []
        if moved != -1 or len(others) != 1 or self.varint is not None or set(counted.values()) != {1}:
            raise self._unlike(size, behind)
        return others

    def _tie(self) -> None:
        """Lengths that a Check holds to be a counted one, but for a constant."""
        pairs = [pair for node in walk(self.nodes) if isinstance(node, Require) if (pair := _equated(node.expr))]
        before = -1
        while before != len(self.counted):
            before = len(self.counted)
            for one, other in [*pairs, *(pair[::-1] for pair in pairs)]:
                if one in self.counted and other not in self.counted and other.reg in self.loads:
                    if one is self.varint:
                        raise SpecError(self.path, f"{other.path} must be like its length", "such a field cannot be spliced")
                    self.counted[other] = self.counted[one]

    def _linear(self, size: Expr) -> tuple[Value, int]:
        """The length that a size follows, and its unit."""
        match size:
            case Ref(value):
                return value, 1
            case Bin(Alu.MUL, Ref(value), Num(scale)) if scale > 0:
                return value, scale
            case Bin(Alu.ADD | Alu.SUB, Ref(value), Num()):
                return value, 1
            case Bin(Alu.ADD, Num(), Ref(value)):
                return value, 1
        raise SpecError(self.path, f"its size {size!r} does not follow one length field", "such a field cannot be spliced")

    def _unlike(self, size: Expr, behind: str) -> SpecError:
        return SpecError(self.path, f"{behind} behind it has the size {size!r}", "such a field cannot be spliced")


def _equated(expr: Expr) -> tuple[Value, Value] | None:
    """Two fields of which a Check says that they differ by a constant."""
    if not isinstance(expr, Bin) or expr.op is not Alu.EQ:
        return None
    terms = _terms(Bin(Alu.SUB, expr.left, expr.right))
    match terms:
        case [(one, 1), (other, -1)] | [(other, -1), (one, 1)]:
            return one, other
    return None


def _sized_by(node: Node) -> set[Value]:
    """What the sizes in this node are made of."""
    match node:
        case Branch():
            return {value for inner in (*node.then, *node.other) for value in _sized_by(inner)}
        case Take() | Section() if node.size is not None:
            return set(references(node.size))
    return set()


def _terms(size: Expr) -> list[tuple[Value, int]] | None:
    """The values that a sum adds (1) and takes away (-1); None where it is no such sum."""
    match size:
        case Num():
            return []
        case Ref(value):
            return [(value, 1)]
        case Bin(Alu.ADD | Alu.SUB as op, left, right):
            first, second = _terms(left), _terms(right)
            if first is None or second is None:
                return None
            return first + [(value, sign if op is Alu.ADD else -sign) for value, sign in second]
    return None


def _within(node: Node, path: str) -> bool:
    """Whether the section holds the field of the same path: ``FixedSized(n, KeyValues(…))`` is one field, two nodes."""
    return isinstance(node, Section) and any(
        isinstance(inner, Take | Primitive | Section) and inner.value.path == path for inner in node.body
    )
