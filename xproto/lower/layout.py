"""A construct layout as a tree of `Node`s: what is read, in order, with the interval of each integer.

Dispatch is on exact types: a subclass may do anything. What is not known here stays interpreted by construct where that
is safe (inside a section whose length is known, or of a fixed size) and is named by `explain`; elsewhere the layout is
refused, since the frame would have no end that the kernel can find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import construct as c
from construct.expr import ExprMixin, Path

from xproto.errors import SpecError
from xproto.lower.bits import lower_bits
from xproto.lower.expressions import Reader, Scope, conjuncts, interval, resolve
from xproto.lower.model import (
    WIDE,
    Bin,
    Branch,
    Compute,
    Ended,
    Expr,
    Literal,
    Load,
    Node,
    Not,
    Num,
    Primitive,
    Ref,
    Require,
    Section,
    Take,
    Value,
)
from xproto.plan import FIRST_FREE, MAX_REGISTERS, MAX_SECTIONS, SIGNED, Alu, OpCode
from xproto.wire import Bounded, Known, TrailingCrc32, WirePrimitive
from xproto.wire.integers import integer_shape, varint_bytes


class Unknown(Exception):  # noqa: N818 - a signal between lowering functions, never seen outside
    """Raised for a construct that has no lowering."""


@dataclass
class Registers:
    """Numbers for values. Keyed by the field's path, so that two branches of one field share one."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, path: str) -> int:
        if path not in self.numbers:
            if len(self.numbers) + FIRST_FREE >= MAX_REGISTERS // 2:
                raise SpecError(path, "the layout has too many integer fields", "leave fields nobody reads in Bytes(…)")
            self.numbers[path] = len(self.numbers) + FIRST_FREE
        return self.numbers[path]


@dataclass
class Place:
    """Where a construct stands: what it may refer to, what holds there, and where its nodes go."""

    path: str
    scope: Scope
    nodes: list[Node]
    registers: Registers
    opaque: list[str]
    guards: frozenset[str] = frozenset()
    depth: int = 0
    named: bool = True

    def expr(self, source: Any) -> Expr:
        return Reader(self.scope, self.guards, self.path).read(source)

    def size(self, source: Any) -> Expr:
        expr = self.expr(source)
        lo, hi = interval(expr, self.path)
        if hi >= 1 << 32:
            raise SpecError(self.path, f"the length can be {hi}", "bound its field: Bounded(…, 0, hi)")
        if lo < 0:
            self.nodes.append(Require(self.path, Bin(Alu.GE, expr, Num(0))))
        return expr

    def integer(self, lo: int, hi: int, **more: Any) -> Value:
        key = self.path if self.named else f"{self.path} (unnamed)"
        return Value(self.path, "integer", lo, hi, guards=self.guards, reg=self.registers.of(key), **more)

    def opaque_value(self, kind: str = "opaque") -> Value:
        return Value(self.path, kind, guards=self.guards)


def peel(con: c.Construct, path: str) -> c.Construct:
    """The construct inside its names; refuses hooks, which nothing can lower."""
    while type(con) is c.Renamed:
        if con.parsed is not None:
            raise SpecError(path or "frame", "a parsed hook cannot run on the wire", "remove it from the layout")
        con = con.subcon
    return con


def lower_into(con: c.Construct, place: Place) -> Value:
    """Appends the nodes of `con` to the place; returns the value of the field."""
    con = peel(con, place.path)
    if isinstance(con, WirePrimitive):
        return _primitive(con, place)
    handler = _HANDLERS.get(type(con))
    try:
        if con is c.Pass:
            return place.opaque_value("nothing")
        if con is c.GreedyBytes:
            return _greedy(place)
        if con is c.Terminated:
            if not place.depth:
                raise SpecError(place.path, "Terminated at the root: the next frame follows", "remove it")
            place.nodes.append(Ended(place.path))
            return place.opaque_value("nothing")
        if con is c.VarInt:
            raise SpecError(place.path, "a varint without bounds", "write Bounded(VarInt, 0, hi)")
        if con is c.Flag:
            raise SpecError(place.path, "Flag takes any byte for true", "use Bounded(Int8ub, 0, 1), or a bit of a BitStruct")
        if handler is None:
            raise Unknown
        return handler(con, place)
    except Unknown:
        return _interpreted(con, place)


def _interpreted(con: c.Construct, place: Place) -> Value:
    name = type(con).__name__
    try:
        size = con.sizeof()
    except Exception:  # noqa: BLE001 - construct raises KeyError and AttributeError here as well
        size = None
    place.opaque.append(f"{place.path}: {name}")
    value = place.opaque_value()
    if size is not None:
        place.nodes.append(Take(value, Num(size)))
    elif place.depth:
        place.nodes.append(Take(value, None))
    else:
        raise SpecError(
            place.path,
            f"{name} cannot be lowered, and the frame's end depends on it",
            "use a wire primitive, or put it into FixedSized(length, …)",
        )
    return value


def _integer(con: c.Construct, place: Place) -> Value:
    shape = integer_shape(con)
    if shape is None:
        raise Unknown
    width, flags = shape
    lo, hi = (-(1 << width * 8 - 1), (1 << width * 8 - 1) - 1) if flags & SIGNED else (0, (1 << width * 8) - 1)
    value = place.integer(lo, hi)
    place.nodes.append(Load(value, width, flags, checked=False))
    return value


def _varint(place: Place, lo: int, hi: int) -> Value:
    value = place.integer(lo, hi)
    place.nodes.append(Load(value, 0, 0, checked=True, most=varint_bytes(hi)))
    return value


def _inner(con: c.Construct, place: Place) -> tuple[Value, Any]:
    value = lower_into(con, place)
    node = place.nodes[-1] if place.nodes else None
    if value.kind != "integer" or not (isinstance(node, Load) and node.value is value):
        raise SpecError(place.path, f"{type(con).__name__} is not an integer on the wire", "use it on Int8ub and its like")
    return value, node


def _bounded(con: Bounded, place: Place) -> Value:
    sub = peel(con.subcon, place.path)
    if con.lo > con.hi:
        raise SpecError(place.path, f"nothing lies in {con.lo}..{con.hi}", "swap the bounds")
    if sub is c.VarInt:
        if con.lo < 0 or con.hi >= 1 << 62:
            raise SpecError(place.path, "a varint is bounded within 0..2**62-1", "choose smaller bounds")
        return _varint(place, con.lo, con.hi)
    value, node = _inner(sub, place)
    if value.labels is not None:
        raise SpecError(place.path, "Bounded around an Enum, which is no number", "write Enum(Bounded(…), …)")
    if con.hi >= 1 << 62 or con.lo <= -(1 << 62):
        raise SpecError(place.path, "bounds must stay within 62 bits", "choose smaller bounds")
    node.checked = True
    value.lo, value.hi = max(value.lo, con.lo), min(value.hi, con.hi)
    if value.lo > value.hi:
        raise SpecError(place.path, f"the field can never lie in {con.lo}..{con.hi}", "use a wider integer")
    return value


def enum_labels(con: c.Enum, path: str) -> dict[str, int]:
    """The names of an Enum; refuses those that construct and the Plan would read differently."""
    labels = {str(name): int(number) for name, number in con.encmapping.items()}
    if not labels:
        raise SpecError(path, "an Enum without names", "write Enum(Int8ub, name=1, …)")
    if len(set(labels.values())) != len(labels):
        raise SpecError(path, "two names of an Enum for one number", "keep one of them")
    if any(abs(number) >= 1 << 62 for number in labels.values()):
        raise SpecError(path, "an Enum with numbers of more than 62 bits", "read it as Bytes(8)")
    return labels


def _enum(con: c.Enum, place: Place) -> Value:
    value, _ = _inner(peel(con.subcon, place.path), place)
    value.labels = enum_labels(con, place.path)
    return value


def _known(con: Known, place: Place) -> Value:
    sub = peel(con.subcon, place.path)
    if type(sub) is not c.Enum:
        raise SpecError(place.path, "Known is for an Enum", "write Known(Enum(Int8ub, name=1, …))")
    value = _enum(sub, place)
    numbers = frozenset((value.labels or {}).values())
    node = place.nodes[-1]
    assert isinstance(node, Load)
    node.checked = True
    value.lo, value.hi = max(value.lo, min(numbers)), min(value.hi, max(numbers))
    node.members = None if len(numbers) == value.hi - value.lo + 1 else numbers
    return value


def _const(con: c.Const, place: Place) -> Value:
    sub = peel(con.subcon, place.path)
    if isinstance(con.value, bytes):
        if type(sub) is not c.Bytes or sub.length != len(con.value):
            raise Unknown
        place.nodes.append(Literal(place.path, con.value))
        return place.opaque_value("constant")
    value, node = _inner(sub, place)
    if not isinstance(con.value, int) or value.labels is not None or not value.lo <= con.value <= value.hi:
        raise SpecError(place.path, f"{con.value!r} does not fit the field", "use a value of the field's own type")
    if con.value >= 1 << 62:
        raise SpecError(place.path, "a constant of more than 62 bits", "write it as Const(b'…')")
    node.checked = True
    value.lo = value.hi = int(con.value)
    return value


def _bytes(con: c.Bytes, place: Place) -> Value:
    value = place.opaque_value("bytes")
    place.nodes.append(Take(value, place.size(con.length)))
    return value


def _greedy(place: Place) -> Value:
    if not place.depth:
        raise SpecError(place.path, "GreedyBytes at the root: the frame would have no end", "give it a length: Bytes(this.…)")
    value = place.opaque_value("bytes")
    place.nodes.append(Take(value, None))
    return value


def _section(place: Place, size: Expr, sub: c.Construct) -> Value:
    if place.depth + 1 > MAX_SECTIONS:
        raise SpecError(place.path, f"more than {MAX_SECTIONS} sections inside each other", "flatten the layout")
    body: list[Node] = []
    value = lower_into(sub, replace(place, nodes=body, depth=place.depth + 1))
    _refuse_behind_opaque(body)
    place.nodes.append(Section(value, size, body))
    return value


def refuse_behind_checksum(nodes: list[Node], *, behind: bool = False) -> bool:
    """A trailing checksum is the frame's last field: what stood behind it would not be covered."""
    for node in nodes:
        if isinstance(node, Branch):
            sides = [refuse_behind_checksum(side, behind=behind) for side in (node.then, node.other)]
            behind = any(sides)
        elif behind and isinstance(node, Load | Literal | Take | Section | Primitive):
            path = node.path if isinstance(node, Literal) else node.value.path
            raise SpecError(path, "stands behind the trailing checksum", "move it in front")
        else:
            behind = behind or (isinstance(node, Primitive) and node.opcode == OpCode.CRC32)
    return behind


def _refuse_behind_opaque(nodes: list[Node], *, behind: bool = False) -> bool:
    """An interpreted field of unknown size takes the rest of its section: refuses what would have to be read after it."""
    for node in nodes:
        if isinstance(node, Branch):
            sides = [_refuse_behind_opaque(side, behind=behind) for side in (node.then, node.other)]
            behind = any(sides)
        elif behind and isinstance(node, Load | Literal | Take | Section | Primitive | Ended):
            path = node.path if isinstance(node, Literal | Ended) else node.value.path
            raise SpecError(path, "stands behind a field that cannot be lowered", "put that field into FixedSized(length, …)")
        else:
            behind = behind or (isinstance(node, Take) and node.size is None and node.value.kind == "opaque")
    return behind


def _fixed_sized(con: c.FixedSized, place: Place) -> Value:
    return _section(place, place.size(con.length), con.subcon)


def _prefixed(con: c.Prefixed, place: Place) -> Value:
    length = lower_into(con.lengthfield, replace(place, path=f"{place.path}.length", named=False))
    if length.kind != "integer":
        raise SpecError(place.path, "the length is not an integer", "use Int32ub and its like")
    size: Expr = Ref(length)
    if con.includelength:
        shape = integer_shape(peel(con.lengthfield, place.path))
        if shape is None:
            raise SpecError(place.path, "a length that counts itself must have a fixed width", "use Int32ub and its like")
        size = Bin(Alu.SUB, size, Num(shape[0]))
    lo, hi = interval(size, place.path)
    if hi >= 1 << 32:
        raise SpecError(place.path, f"the length can be {hi}", "bound it: Prefixed(Bounded(…, 0, hi), …)")
    if lo < 0:
        place.nodes.append(Require(place.path, Bin(Alu.GE, size, Num(0))))
    return _section(place, size, con.subcon)


def _primitive(con: WirePrimitive, place: Place) -> Value:
    if con.needs_section and not place.depth:
        raise SpecError(place.path, f"{type(con).__name__} lasts until its section ends", "put it into FixedSized(length, …)")
    if type(con) is TrailingCrc32 and place.depth:
        raise SpecError(place.path, "a trailing checksum stands at the root, after all it covers", "move it out")
    argument = None
    if (source := con.argument()) is not None:
        if type(source) is not Path:
            raise SpecError(place.path, f"{source!r} is not a field", "name a text field: this.types")
        argument = resolve(source, place.scope, place.path)
        if argument.kind != "text":
            raise SpecError(place.path, f"{argument.path} is not a text", "name a text field")
        if not argument.guards <= place.guards:
            raise SpecError(place.path, f"{argument.path} is not always there", "put both under the same If")
    value = place.opaque_value(con.kind)
    place.nodes.append(Primitive(value, int(con.opcode), argument=argument, **con.operands()))
    return value


def refuse_unnamed(place: Place) -> None:
    """The fields of a struct without a name would share the paths, and so the registers, of those around it."""
    if not place.named:
        raise SpecError(place.path, "a struct without a name", "name it: 'name' / Struct(…)")


def _struct(con: c.Struct, place: Place) -> Value:
    refuse_unnamed(place)
    scope = Scope(parent=place.scope)
    value = place.opaque_value("struct")
    value.fields = scope.fields
    for sub in con.subcons:
        name = sub.name
        path = ".".join(p for p in (place.path, name) if p) or "frame"
        inner = replace(place, path=path, scope=scope, named=name is not None)
        if name in scope.fields:
            raise SpecError(path, "is declared twice", "rename one of them")
        field_value = lower_into(sub, inner)
        if name is not None:
            scope.fields[name] = field_value
    return value


def _if_then_else(con: c.IfThenElse, place: Place) -> Value:
    test = place.expr(con.condfunc)
    sides: list[tuple[Value, list[Node]]] = []
    for sub, holds in ((con.thensubcon, conjuncts(test)), (con.elsesubcon, frozenset({repr(Not(test))}))):
        nodes: list[Node] = []
        sides.append((lower_into(sub, replace(place, nodes=nodes, guards=place.guards | holds)), nodes))
    (then, then_nodes), (other, other_nodes) = sides
    place.nodes.append(Branch(place.path, test, then_nodes, other_nodes))
    return _merge(place, then, other)


def _merge(place: Place, then: Value, other: Value) -> Value:
    if other.kind == "nothing":
        return then
    if then.kind == "nothing":
        return other
    if then.kind == other.kind == "integer" and (then.labels or {}) == (other.labels or {}):
        lo, hi = min(then.lo, other.lo), max(then.hi, other.hi)
        return place.integer(lo, hi, labels=then.labels)
    return place.opaque_value()


def _switch(con: c.Switch, place: Place) -> Value:
    cases = list(con.cases.items())
    default = con.default
    key = con.keyfunc
    if not callable(key):
        raise SpecError(place.path, "a Switch over a constant", "write the case itself")
    if not isinstance(key, ExprMixin):
        place.expr(key)
    chain = default
    for case, sub in reversed(cases):
        chain = c.IfThenElse(key == case, sub, chain)
    return lower_into(chain, place)


def _computed(con: c.Computed, place: Place) -> Value:
    expr = place.expr(con.func)
    value = place.integer(*interval(expr, place.path))
    place.nodes.append(Compute(value, expr))
    return value


def _check(con: c.Check, place: Place) -> Value:
    expr = place.expr(con.func)
    lo, hi = interval(expr, place.path)
    place.nodes.append(Require(place.path, expr if lo >= 0 and hi < WIDE else Bin(Alu.NE, expr, Num(0))))
    return place.opaque_value("nothing")


def _padded(con: c.Padded, place: Place) -> Value:
    if peel(con.subcon, place.path) is not c.Pass:
        raise Unknown
    value = place.opaque_value("nothing")
    place.nodes.append(Take(value, place.size(con.length)))
    return value


def _transformed(con: c.Transformed, place: Place) -> Value:
    return lower_bits(con, place)


def _sub(con: Any, place: Place) -> Value:
    return lower_into(con.subcon, place)


def _restreamed(_con: c.Restreamed, place: Place) -> Value:
    raise SpecError(place.path, "a BitStruct with fields of variable width", "give every BitsInteger a constant width")


_HANDLERS: dict[type, Callable[[Any, Place], Value]] = {
    c.FormatField: _integer,
    c.BytesInteger: _integer,
    Bounded: _bounded,
    Known: _known,
    c.Enum: _enum,
    c.Const: _const,
    c.Bytes: _bytes,
    c.FixedSized: _fixed_sized,
    c.Prefixed: _prefixed,
    c.Struct: _struct,
    c.IfThenElse: _if_then_else,
    c.Switch: _switch,
    c.Computed: _computed,
    c.Check: _check,
    c.Padded: _padded,
    c.Transformed: _transformed,
    c.Restreamed: _restreamed,
    c.Rebuild: _sub,
    c.Default: _sub,
}
