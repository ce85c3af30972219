"""construct's `this` expressions as our own tree, with the interval of each value.

A `Path` answers every attribute, so only its private fields are read. What construct would silently get wrong is
refused here: lambdas, an Enum compared with a number, a field read outside the If that defines it, arithmetic on a
number without bounds.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from construct.expr import BinExpr, Path, UniExpr

from xproto.errors import SpecError
from xproto.lower.model import WIDE, Bin, Expr, Not, Num, Ref, Value
from xproto.plan import Alu

_OPERATORS = {
    operator.add: Alu.ADD,
    operator.sub: Alu.SUB,
    operator.mul: Alu.MUL,
    operator.and_: Alu.AND,
    operator.or_: Alu.OR,
    operator.xor: Alu.XOR,
    operator.lshift: Alu.SHL,
    operator.rshift: Alu.SHR,
    operator.floordiv: Alu.DIV,
    operator.mod: Alu.MOD,
    operator.eq: Alu.EQ,
    operator.ne: Alu.NE,
    operator.lt: Alu.LT,
    operator.le: Alu.LE,
    operator.gt: Alu.GT,
    operator.ge: Alu.GE,
}
_INT64 = (1 << 63) - 1
COMPARISONS = {Alu.EQ, Alu.NE, Alu.LT, Alu.LE, Alu.GT, Alu.GE}


@dataclass
class Scope:
    """The fields of one struct, and the struct around it."""

    parent: Scope | None = None
    fields: dict[str, Value] = field(default_factory=dict)

    def root(self) -> Scope:
        """The frame's own scope; the one around it only holds construct's parameters."""
        return self if self.parent is None or self.parent.parent is None else self.parent.root()


def path_names(path: Path) -> tuple[str, list[Any]]:
    """The base name of a construct path ("this", "obj_") and its fields, outermost first."""
    names: list[Any] = []
    while (parent := path.__dict__["_Path__parent"]) is not None:
        names.append(path.__dict__["_Path__field"])
        path = parent
    return path.__dict__["_Path__name"], names[::-1]


def resolve(path: Path, scope: Scope, where: str) -> Value:
    """The field that `path` names, seen from `scope`."""
    base, names = path_names(path)
    if base != "this":
        raise SpecError(where, f"{base} cannot be lowered", "write the expression with `this`")
    fields: dict[str, Value] = scope.fields
    value = None
    for name in names:
        if name == "_":
            if value is not None or scope.parent is None:
                raise SpecError(where, f"{path} leaves the layout", "there is no struct around this one")
            scope = scope.parent
            fields = scope.fields
        elif name == "_root":
            scope = scope.root()
            fields = scope.fields
        elif name in fields:
            value = fields[name]
            fields = value.fields
        else:
            known = ", ".join(sorted(fields)) or "none"
            raise SpecError(where, f"there is no field {name!r} here", f"the fields known so far are: {known}")
    if value is None:
        raise SpecError(where, f"{path} is not a field", "name a field, such as this.id")
    return value


def _interval(op: Alu, a: tuple[int, int], b: tuple[int, int], where: str) -> tuple[int, int]:
    if op in COMPARISONS:
        return 0, 1
    if op in {Alu.DIV, Alu.MOD, Alu.SHL, Alu.SHR} and (b[0] != b[1] or b[0] < (1 if op in {Alu.DIV, Alu.MOD} else 0)):
        raise SpecError(where, f"{op.name.lower()} by something that is not a constant", "use a constant")
    if op in {Alu.SHL, Alu.SHR} and b[0] > 62:
        raise SpecError(where, "a shift of more than 62 bits", "use a smaller constant")
    if op in {Alu.AND, Alu.OR, Alu.XOR, Alu.SHL, Alu.SHR, Alu.DIV, Alu.MOD} and (a[0] < 0 or b[0] < 0):
        raise SpecError(where, f"{op.name.lower()} of a number that may be negative", "bound the field: Bounded(…, 0, …)")
    match op:
        case Alu.AND:
            return 0, min(a[1], b[1])
        case Alu.OR | Alu.XOR:
            return 0, (1 << max(a[1].bit_length(), b[1].bit_length())) - 1
        case Alu.MOD:
            return 0, b[0] - 1
        case Alu.SUB:
            ends = [a[0] - b[1], a[1] - b[0]]
        case _:
            run = {Alu.ADD: operator.add, Alu.MUL: operator.mul, Alu.SHL: operator.lshift}
            run |= {Alu.SHR: operator.rshift, Alu.DIV: operator.floordiv}
            ends = [run[op](x, y) for x in a for y in b]
    return min(ends), max(ends)


def interval(expr: Expr, where: str = "") -> tuple[int, int]:
    """The smallest and largest value that the expression can have; refuses what could leave 63 bits."""
    match expr:
        case Num(value):
            return value, value
        case Ref(value):
            return value.lo, value.hi
        case Not(operand):
            interval(operand, where)
            return 0, 1
        case Bin(op, left, right):
            a, b = interval(left, where), interval(right, where)
            if op in {Alu.EQ, Alu.NE}:
                if max(a[1], b[1]) > _INT64 and min(a[0], b[0]) < 0:
                    raise SpecError(where, f"{expr!r} mixes 64 bits with a sign", "bound its fields: Bounded(…)")
            else:
                for side, (lo, hi) in ((left, a), (right, b)):
                    if lo <= -WIDE or hi >= WIDE:
                        raise SpecError(where, f"{side!r} has no bounds to compute with", "bound this field: Bounded(…)")
            lo, hi = _interval(op, a, b, where)
            if lo <= -WIDE or hi >= WIDE:
                raise SpecError(where, f"{expr!r} can leave 63 bits", "bound its fields: Bounded(…, lo, hi)")
            return lo, hi


class Reader:
    """Turns construct expressions into `Expr`, seen from a scope and under the conditions that hold there.

    `roles` are read at the end of a frame, where a field that is not there counts as zero; so they pass `lenient`.
    """

    def __init__(self, scope: Scope, guards: frozenset[str], where: str, *, lenient: bool = False) -> None:
        self.scope = scope
        self.guards = guards
        self.where = where
        self.lenient = lenient

    def read(self, source: Any) -> Expr:
        expr = self._read(source)
        interval(expr, self.where)
        return expr

    def _read(self, source: Any) -> Expr:
        if isinstance(source, bool | int):
            if abs(source) >= WIDE:
                raise SpecError(self.where, f"{source} has more than 62 bits", "use a smaller constant")
            return Num(int(source))
        if type(source) is Path:
            value = self._field(source)
            if value.labels is not None:
                names = ", ".join(sorted(value.labels))
                raise SpecError(self.where, f"{value.path} is an Enum, not a number", f"compare it with a name: {names}")
            return Ref(value)
        if type(source) is UniExpr:
            if source.op is operator.not_:
                return Not(self._read(source.operand))
            if source.op is operator.neg:
                return Bin(Alu.SUB, Num(0), self._read(source.operand))
        elif type(source) is BinExpr and source.op in _OPERATORS:
            return self._binary(source)
        if callable(source) and not isinstance(source, UniExpr | BinExpr):
            raise SpecError(self.where, "a Python function cannot be lowered", "write it with `this`, such as this.size - 4")
        if isinstance(source, str) and source.isidentifier():
            wrong = f"the text {source!r} is no number"
            raise SpecError(self.where, wrong, f"name a field, this.{source}, or compare one: this.kind == {source!r}")
        raise SpecError(self.where, f"{source!r} cannot be lowered", "use integers, fields and + - * & | ^ << >> == != < >")

    def _field(self, path: Path) -> Value:
        value = resolve(path, self.scope, self.where)
        if value.kind != "integer":
            raise SpecError(self.where, f"{value.path} is {value.kind}, not an integer", "use an integer field")
        if not self.lenient and not value.guards <= self.guards:
            missing = ", ".join(sorted(value.guards - self.guards))
            raise SpecError(
                self.where,
                f"{value.path} is only there when {missing}",
                "read it under the same If, or give its If an else: IfThenElse(…, …, Computed(0))",
            )
        return value

    def _binary(self, source: BinExpr) -> Expr:
        op = _OPERATORS[source.op]
        sides: list[Expr] = []
        for mine, other in ((source.lhs, source.rhs), (source.rhs, source.lhs)):
            if isinstance(mine, str):
                sides.append(Num(self._label(mine, other)))
            else:
                sides.append(Ref(self._field(mine)) if type(mine) is Path else self._read(mine))
        left, right = sides
        for mine, other in ((left, right), (right, left)):
            if isinstance(mine, Ref) and mine.value.labels is not None:
                label = source.rhs if mine is left else source.lhs
                if op not in {Alu.EQ, Alu.NE} or not isinstance(label, str):
                    names = ", ".join(sorted(mine.value.labels))
                    raise SpecError(
                        self.where,
                        f"{mine!r} is an Enum: construct never finds it equal to {other!r}",
                        f"compare it with a name: {names}",
                    )
        return Bin(op, left, right)

    def _label(self, label: str, other: Any) -> int:
        value = self._field(other) if type(other) is Path else None
        labels: Mapping[str, int] = (value.labels if value else None) or {}
        if label not in labels:
            known = ", ".join(sorted(labels)) or "none: it is not an Enum"
            raise SpecError(self.where, f"{other} has no name {label!r}", f"its names are: {known}")
        return labels[label]


def conjuncts(expr: Expr) -> frozenset[str]:
    """What holds when `expr` is true: itself, and each side of an `and`."""
    found = {repr(expr)}
    if isinstance(expr, Bin) and expr.op is Alu.AND:
        found |= conjuncts(expr.left) | conjuncts(expr.right)
    return frozenset(found)
