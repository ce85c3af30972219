"""A construct layout as a tree of `Node`s: what is read, in order, with the interval of each integer.

Dispatch is on exact types: a subclass may do anything. What is not known here stays interpreted by construct where that
is safe (inside a section whose length is known, or of a fixed size) and is named by `explain`; elsewhere the layout is
refused, since the frame would have no end that the kernel can find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import construct as c
from construct.expr import ExprMixin, Path

from xproto.errors import SpecError
from xproto.lower.bits import lower_bits
from xproto.lower.expressions import Scope, conjuncts, interval, resolve
from xproto.lower.http1 import http_body, http_head
from xproto.lower.interpreted import reader
from xproto.lower.model import (
    WIDE,
    Bin,
    Branch,
    Compute,
    Ended,
    Mark,
    Node,
    Not,
    Num,
    Primitive,
    Ref,
    Require,
    Take,
    Value,
)
from xproto.lower.place import Place, Unknown, peel, refuse_unnamed
from xproto.lower.records import records
from xproto.lower.scalars import ahead, bounded, computed, const, enum, integer, jce_integer, known
from xproto.lower.sections import fixed_sized, greedy, padded, prefixed, raw_bytes
from xproto.plan import Alu, Result
from xproto.wire import Ahead, Bounded, FromUpstream, HttpBody, HttpHead, JceInteger, Known, TrailingCrc32, WirePrimitive

MAX_OFFSET = 1 << 31


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
            return greedy(place)
        if con is c.Terminated:
            if not place.depth:
                raise SpecError(place.path, "Terminated at the root: the next frame follows", "remove it")
            place.nodes.append(Ended(place.path))
            return place.opaque_value("nothing")
        if con is c.VarInt:
            raise SpecError(place.path, "a varint without bounds", "write Bounded(VarInt, 0, hi)")
        if con is c.Flag:
            raise SpecError(place.path, "Flag takes any byte for true", "use Bounded(Int8ub, 0, 1), or a bit of a BitStruct")
        if con is c.Tell:
            here = place.integer(0, MAX_OFFSET)
            place.nodes.append(Mark(here, asked=True))
            return here
        if con is FromUpstream:
            value = place.integer(0, 1)
            place.nodes.append(Compute(value, Ref(Value("from_upstream", hi=1, reg=Result.DIRECTION))))
            return value
        if handler is None:
            raise Unknown
        if type(con) in {Ahead, JceInteger} and not place.depth and not getattr(con, "certain", False):
            wrong = f"{type(con).__name__} at the root, where its bytes may not be there yet"
            raise SpecError(place.path, wrong, "put it into FixedSized(length, …)")
        if type(con) is Ahead and con.certain and place.depth:
            raise SpecError(place.path, "Ahead(…, certain=True) in a section, which may end", "leave certain out")
        return handler(con, place)
    except Unknown:
        return _interpreted(con, place)


_READS_ALL = {c.core.ProcessXor, c.core.ProcessRotateLeft}
"""These name the size of what they hold, and read to the end of the stream."""


def _interpreted(con: c.Construct, place: Place) -> Value:
    name = type(con).__name__
    try:
        size = None if type(con) in _READS_ALL else con.sizeof()
    except Exception:  # noqa: BLE001 - construct raises KeyError and AttributeError here as well
        size = None
    place.opaque.append(f"{place.path}: {name}")
    value = place.opaque_value()
    value.reader, value.hi = (reader(con) if size != 0 else None), place.room if size is None else size
    if size is not None:
        place.nodes.append(Take(value, Num(size)))
    elif place.depth:
        place.nodes.append(Take(value, None))
    else:
        raise SpecError(
            place.path,
            f"{name} cannot be lowered, and the frame's end depends on it",
            f"write Until({con.term!r}, most)"
            if isinstance(con, c.NullTerminated)
            else "use a wire primitive, or put it into FixedSized(length, …)",
        )
    return value


def _primitive(con: WirePrimitive, place: Place) -> Value:
    if con.needs_section and not place.depth:
        raise SpecError(place.path, f"{type(con).__name__} lasts until its section ends", "put it into FixedSized(length, …)")
    if type(con) is TrailingCrc32 and place.depth:
        raise SpecError(place.path, "a trailing checksum stands at the root, after all it covers", "move it out")
    if isinstance(con, HttpHead):
        return http_head(con, place)
    if isinstance(con, HttpBody):
        return http_body(con, place)
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


def _check(con: c.Check, place: Place) -> Value:
    expr = place.expr(con.func)
    lo, hi = interval(expr, place.path)
    place.nodes.append(Require(place.path, expr if lo >= 0 and hi < WIDE else Bin(Alu.NE, expr, Num(0))))
    return place.opaque_value("nothing")


def _transformed(con: c.Transformed, place: Place) -> Value:
    return lower_bits(con, place)


def _sub(con: Any, place: Place) -> Value:
    return lower_into(con.subcon, place)


def _restreamed(_con: c.Restreamed, place: Place) -> Value:
    raise SpecError(place.path, "a BitStruct with fields of variable width", "give every BitsInteger a constant width")


_HANDLERS: dict[type, Callable[[Any, Place], Value]] = {
    c.FormatField: integer,
    c.BytesInteger: integer,
    Bounded: bounded,
    Known: known,
    Ahead: ahead,
    JceInteger: jce_integer,
    c.Enum: enum,
    c.Const: const,
    c.Bytes: raw_bytes,
    c.Array: records,
    c.FixedSized: fixed_sized,
    c.Prefixed: prefixed,
    c.Struct: _struct,
    c.IfThenElse: _if_then_else,
    c.Switch: _switch,
    c.Computed: computed,
    c.Check: _check,
    c.Padded: padded,
    c.Transformed: _transformed,
    c.Restreamed: _restreamed,
    c.Rebuild: _sub,
    c.Default: _sub,
}
