"""Where a field lies and which lengths enclose it: what a splice needs.

A field of another size changes the length field that counts it and those of all sections around it. Each of these must
be a plain integer that the section's size follows one for one (``this.length - 4`` is, ``this.words * 4`` is not).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from xproto.errors import SpecError
from xproto.lower.model import Bin, Branch, Expr, Load, Mark, Node, Num, Primitive, Ref, Section, Take, Value, references
from xproto.plan import LITTLE, Alu


@dataclass(frozen=True)
class LengthField:
    """An integer on the wire that counts the bytes of the field, or of a section around it."""

    path: str
    reg: int
    at: int
    width: int
    little: bool
    lo: int
    hi: int


@dataclass(frozen=True)
class Located:
    """The layout with marks around one field: registers that hold its start and end, and its lengths."""

    nodes: list[Node]
    start: int
    end: int
    lengths: tuple[LengthField, ...]


def locate(nodes: list[Node], path: str, first_free: int) -> Located:
    """Marks the field at `path`; raises `SpecError` when it cannot be spliced."""
    start, end = Value(f"{path}.start", reg=first_free), Value(f"{path}.end", reg=first_free + 1)
    counted: list[Value] = []
    marked = _mark(nodes, path, [Mark(start), Mark(end)], counted)
    if marked is None:
        raise SpecError(path, "is not a field of bytes", "name a Bytes, a section or a wire primitive of the layout")
    loads = {node.value.reg: node for node in _loads(nodes)}
    lengths = []
    for index, value in enumerate(counted):
        load = loads.get(value.reg)
        if load is None or not load.width:
            raise SpecError(path, f"its length {value.path} is not a fixed-width integer", "such a field cannot be spliced")
        at = first_free + 2 + index
        lengths.append(LengthField(value.path, value.reg, at, load.width, bool(load.flags & LITTLE), value.lo, value.hi))
    return Located(marked, start.reg, end.reg, tuple(lengths))


def _mark(nodes: list[Node], path: str, marks: list[Node], counted: list[Value]) -> list[Node] | None:
    for index, node in enumerate(nodes):
        inside: list[Node] | None
        if isinstance(node, Take | Primitive | Section) and node.value.path == path and not _within(node, path):
            if isinstance(node, Take | Section) and node.size is not None:
                counted.append(_linear(node.size, path))
            counted.extend(_behind(nodes[index + 1 :], path, counted))
            return [*nodes[:index], marks[0], node, marks[1], *nodes[index + 1 :]]
        if isinstance(node, Section) and (inside := _mark(node.body, path, marks, counted)) is not None:
            if node.value.path != path or not counted:
                counted.append(_linear(node.size, path))
            counted.extend(_behind(nodes[index + 1 :], path, counted))
            return [*nodes[:index], replace(node, body=inside), *nodes[index + 1 :]]
        if isinstance(node, Branch):
            for side in ("then", "other"):
                if (inside := _mark(getattr(node, side), path, marks, counted)) is not None:
                    changed = replace(node, then=inside) if side == "then" else replace(node, other=inside)
                    counted.extend(_behind(nodes[index + 1 :], path, counted))
                    return [*nodes[:index], changed, *nodes[index + 1 :]]
    return None


def _behind(nodes: list[Node], path: str, counted: list[Value]) -> list[Value]:
    """Lengths that count the field together with something behind it.

    From the frame's beginning to the end of a later field (``this.size - this.here``), or as what the field's own length
    is taken from (``this.size - this.head_len``).
    """
    places: set[Value] = set()
    found: list[Value] = []
    for node in nodes:
        if isinstance(node, Mark):
            places.add(node.value)
        elif isinstance(node, Branch) and {*counted, *found} & _sized_by(node):
            raise SpecError(path, "the size of what may be behind it depends on its length", "such a field cannot be spliced")
        elif isinstance(node, Take | Section) and node.size is not None:
            match node.size:
                case Bin(Alu.SUB, until, Ref(here)) if here in places:
                    found.append(_linear(until, path))
                case size if places & set(references(size)):
                    raise _unlike(size, node.value.path, path)
                case size if {*counted, *found} & set(references(size)):
                    later = _kept(size, node.value.path, path, {*counted, *found})
                    if any(load.value in later for load in _loads(nodes)):
                        raise SpecError(path, "a length that counts it is behind it", "such a field cannot be spliced")
                    found += later
    return found


def _kept(size: Expr, behind: str, path: str, counted: set[Value]) -> list[Value]:
    """The length that must follow the counted ones, so that a size made of both stays as it is."""
    terms = _terms(size)
    moved = None if terms is None else sum(sign for value, sign in terms if value in counted)
    others = [value for value, sign in terms or () if sign == 1 and value not in counted]
    if moved == 0:
        return []
    if moved != -1 or len(others) != 1:
        raise _unlike(size, behind, path)
    return others


def _unlike(size: Expr, behind: str, path: str) -> SpecError:
    return SpecError(path, f"{behind} behind it has the size {size!r}", "such a field cannot be spliced")


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


def _linear(size: Expr, path: str) -> Value:
    match size:
        case Ref(value):
            return value
        case Bin(Alu.ADD | Alu.SUB, Ref(value), Num()):
            return value
        case Bin(Alu.ADD, Num(), Ref(value)):
            return value
    raise SpecError(path, f"its size {size!r} does not follow one length field", "such a field cannot be spliced")


def _loads(nodes: list[Node]) -> list[Load]:
    found = []
    for node in nodes:
        match node:
            case Load():
                found.append(node)
            case Section():
                found += _loads(node.body)
            case Branch():
                found += _loads(node.then) + _loads(node.other)
    return found
