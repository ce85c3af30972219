"""Roles as nodes: how the kind is found, and how small fields are packed into one number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from construct.expr import Path

from xproto.errors import SpecError
from xproto.lower.expressions import COMPARISONS, Reader, Scope, resolve
from xproto.lower.model import Bin, Compute, Expr, Node, Not, Num, Ref, Table, Value
from xproto.plan import Alu, Result
from xproto.spec import Kind, Protocol

KIND_BITS = 12
"""The table that kinds are looked up in has at most 2**12 entries."""
NARROW = 255
"""A field of a wider range takes part in the table only as the bit of its comparison."""
PACKED_BITS = 62
ECHO_TEXT = "\0"
"""The lookup key of the text that a local reply repeats: no header is called so."""
MAX_VARIANTS = 64
"""Each variant has pools and templates of its own, so a peer must not be able to make many."""


def kind_nodes(protocol: Protocol, scope: Scope) -> list[Node]:
    """Nodes that leave the frame's `Kind` in its result register, and refuse frames of none."""
    if not protocol.kind:
        raise SpecError("kind", "no frame has a kind", "give {Kind.REQUEST: this.type == …, …}")
    unknown = [kind for kind in protocol.kind if not isinstance(kind, Kind)]
    if unknown:
        raise SpecError("kind", f"{unknown[0]!r} is not a Kind", f"use {', '.join(k.name for k in Kind)}")
    rules = [
        (kind, Reader(scope, frozenset(), f"kind[{kind.name}]", lenient=True).read(test))
        for kind, test in protocol.kind.items()
    ]
    if not {Kind.REQUEST, Kind.ONEWAY} & protocol.kind.keys():
        raise SpecError("kind", "no frame is a call", "give {Kind.REQUEST: this.type == …, …}")
    value = Value("kind", reg=Result.KIND)
    units: list[Expr] = []
    for _, test in rules:
        for unit in _units(test):
            if repr(unit) not in {repr(known) for known in units}:
                units.append(unit)
    bits = [_bits(unit) for unit in units]
    if sum(bits) > KIND_BITS:
        raise SpecError("kind", f"depends on {sum(bits)} bits", f"use fields of few values: at most {KIND_BITS} bits")
    return [Table(value, _packed(units, bits), _kind_table(rules, units, bits))]


def _units(expr: Expr) -> Iterator[Expr]:
    match expr:
        case Bin(op, Ref(value), Num()) if op in COMPARISONS and (value.hi > NARROW or value.lo < 0):
            yield expr
        case Bin(_, left, right):
            yield from _units(left)
            yield from _units(right)
        case Not(operand):
            yield from _units(operand)
        case Ref(value):
            if value.lo < 0 or value.hi > NARROW:
                raise SpecError("kind", f"{value.path} has too many values for a table", "compare it with a constant")
            yield expr


def _bits(unit: Expr) -> int:
    return unit.value.hi.bit_length() if isinstance(unit, Ref) else 1


def _packed(units: list[Expr], bits: list[int]) -> Expr:
    packed: Expr = Num(0)
    shift = 0
    for unit, width in zip(units, bits, strict=True):
        part = Bin(Alu.SHL, unit, Num(shift)) if shift else unit
        packed = part if shift == 0 else Bin(Alu.OR, packed, part)
        shift += width
    return packed


def _kind_table(rules: list[tuple[Kind, Expr]], units: list[Expr], bits: list[int]) -> bytes:
    """For all that the units may be, the first rule that holds. A rule is only asked where none before it did."""
    table = bytearray(1 << sum(bits))
    left: Sequence[int] = range(len(table))
    for kind, test in rules:
        known, shift = dict[str, Sequence[int]](), 0
        for unit, width in zip(units, bits, strict=True):
            known[repr(unit)] = [index >> shift & (1 << width) - 1 for index in left]
            shift += width
        holds = dict(zip(left, _column(test, known, len(left)), strict=True))
        for index in left:
            if holds[index]:
                table[index] = int(kind)
        left = [index for index in left if not holds[index]]
    return bytes(table)


def evaluate(expr: Expr, known: Mapping[str, int]) -> int:
    """The expression's value where `known` gives the values of its parts, by their repr."""
    return _column(expr, {part: (value,) for part, value in known.items()}, 1)[0]


def _column(expr: Expr, known: Mapping[str, Sequence[int]], size: int) -> Sequence[int]:
    """Its values in so many cases at a time: what it consists of is looked at once."""
    if (found := known.get(repr(expr))) is not None:
        return found
    match expr:
        case Num(value):
            return [value] * size
        case Not(operand):
            return [int(not each) for each in _column(operand, known, size)]
        case Bin(op, left, right):
            pairs = zip(_column(left, known, size), _column(right, known, size), strict=True)
            return [apply(op, a, b) for a, b in pairs]
        case Ref(value):
            raise KeyError(value.path)


def apply(op: Alu, a: int, b: int) -> int:
    """One operation, as the kernel does it."""
    match op:
        case Alu.EQ:
            return int(a == b)
        case Alu.NE:
            return int(a != b)
        case Alu.LT:
            return int(a < b)
        case Alu.LE:
            return int(a <= b)
        case Alu.GT:
            return int(a > b)
        case Alu.GE:
            return int(a >= b)
        case Alu.ADD:
            return a + b
        case Alu.SUB:
            return a - b
        case Alu.MUL:
            return a * b
        case Alu.AND:
            return a & b
        case Alu.OR:
            return a | b
        case Alu.XOR:
            return a ^ b
        case Alu.SHL:
            return a << b
        case Alu.SHR:
            return a >> b
        case Alu.DIV:
            return a // b
        case Alu.MOD:
            return a % b
    raise AssertionError(op)


@dataclass(frozen=True)
class Packing:
    """Small fields side by side in one number: how the kernel hands them over, and how a template gets them back."""

    fields: tuple[Value, ...]

    @property
    def shifts(self) -> list[tuple[Value, int, int]]:
        """Each field with its shift and its width in bits."""
        found, shift = [], 0
        for value in self.fields:
            width = (value.hi - value.lo).bit_length()
            found.append((value, shift, width))
            shift += width
        return found

    @property
    def bits(self) -> int:
        return sum(width for _, _, width in self.shifts)

    def nodes(self, result: Result) -> list[Node]:
        packed: Expr | None = None
        for value, shift, width in self.shifts:
            if not width:
                continue
            part: Expr = Bin(Alu.SUB, Ref(value), Num(value.lo)) if value.lo else Ref(value)
            part = Bin(Alu.SHL, part, Num(shift)) if shift else part
            packed = part if packed is None else Bin(Alu.OR, packed, part)
        return [] if packed is None else [Compute(Value(result.name.lower(), reg=result), packed)]

    def values(self) -> list[int]:
        """Every packed number whose fields lie within their bounds."""
        return [
            packed
            for packed in range(1 << self.bits)
            if all((packed >> shift & (1 << width) - 1) + v.lo <= v.hi for v, shift, width in self.shifts)
        ]

    def unpack(self, packed: int) -> dict[str, Any]:
        """Field values for construct, nested as the layout is; an Enum's as its label."""
        found: dict[str, Any] = {}
        for value, shift, width in self.shifts:
            number = (packed >> shift & (1 << width) - 1) + value.lo
            *outer, name = value.path.split(".")
            inside = found
            for part in outer:
                inside = inside.setdefault(part, {})
            names = {n: label for label, n in (value.labels or {}).items()}
            inside[name] = names.get(number, number)
        return found


def packing(role: str, sources: tuple[Any, ...], scope: Scope) -> Packing:
    """The fields that `variant` or `echo` names."""
    values = []
    for source in sources:
        if type(source) is not Path:
            raise SpecError(role, f"{source!r} is not a field", "name fields: (this.codec, …)")
        value = resolve(source, scope, role)
        if value.kind != "integer":
            raise SpecError(role, f"{value.path} is {value.kind}", "name integer fields")
        if value.guards:  # where it is not there it counts as zero
            value = replace(value, lo=min(value.lo, 0), hi=max(value.hi, 0))
        values.append(value)
    packed = Packing(tuple(values))
    if packed.bits > PACKED_BITS:
        raise SpecError(role, f"takes {packed.bits} bits", f"name smaller fields: {PACKED_BITS} bits in all")
    if role == "variant" and 1 << packed.bits > MAX_VARIANTS:
        raise SpecError(role, f"has {1 << packed.bits} values", f"bound its fields: at most {MAX_VARIANTS} variants")
    return packed
