"""Integers and constants: a load, the interval of its value, and the check that makes it true."""

from __future__ import annotations

from typing import Any

import construct as c

from xproto.errors import SpecError
from xproto.lower.expressions import interval
from xproto.lower.model import (
    Compute,
    Literal,
    Load,
    Peek,
    Value,
)
from xproto.lower.place import Place, Unknown, enum_labels, peel
from xproto.plan import SIGNED
from xproto.wire import Ahead, Bounded, JceInteger, Known
from xproto.wire.integers import integer_shape, varint_bytes


def integer(con: c.Construct, place: Place) -> Value:
    shape = integer_shape(con)
    if shape is None:
        raise Unknown
    width, flags = shape
    lo, hi = (-(1 << width * 8 - 1), (1 << width * 8 - 1) - 1) if flags & SIGNED else (0, (1 << width * 8) - 1)
    value = place.integer(lo, hi)
    place.nodes.append(Load(value, width, flags, checked=False))
    return value


def varint(place: Place, lo: int, hi: int) -> Value:
    value = place.integer(lo, hi)
    place.nodes.append(Load(value, 0, 0, checked=True, most=varint_bytes(hi)))
    return value


def jce_integer(con: JceInteger, place: Place) -> Value:
    tag = place.expr(con.tag)
    lo, hi = interval(tag, place.path)
    if lo < 0 or hi > 255:
        raise SpecError(place.path, f"its tag can be {lo if lo < 0 else hi}", "tags are 0..255")
    value = place.integer(con.lo, con.hi)
    place.nodes.append(Load(value, 0, 0, checked=True, tag=tag))
    return value


def ahead(con: Ahead, place: Place) -> Value:
    value = place.integer(0, 1)
    place.nodes.append(Peek(value, con.data))
    return value


def inner(con: c.Construct, place: Place) -> tuple[Value, Any]:
    value = place.lower(con, place)
    node = place.nodes[-1] if place.nodes else None
    if value.kind != "integer" or not (isinstance(node, Load) and node.value is value):
        raise SpecError(place.path, f"{type(con).__name__} is not an integer on the wire", "use it on Int8ub and its like")
    return value, node


def bounded(con: Bounded, place: Place) -> Value:
    sub = peel(con.subcon, place.path)
    if con.lo > con.hi:
        raise SpecError(place.path, f"nothing lies in {con.lo}..{con.hi}", "swap the bounds")
    if sub is c.VarInt:
        if con.lo < 0 or con.hi >= 1 << 62:
            raise SpecError(place.path, "a varint is bounded within 0..2**62-1", "choose smaller bounds")
        return varint(place, con.lo, con.hi)
    value, node = inner(sub, place)
    if value.labels is not None:
        raise SpecError(place.path, "Bounded around an Enum, which is no number", "write Enum(Bounded(…), …)")
    if con.hi >= 1 << 62 or con.lo <= -(1 << 62):
        raise SpecError(place.path, "bounds must stay within 62 bits", "choose smaller bounds")
    node.checked = True
    value.lo, value.hi = max(value.lo, con.lo), min(value.hi, con.hi)
    if value.lo > value.hi:
        raise SpecError(place.path, f"the field can never lie in {con.lo}..{con.hi}", "use a wider integer")
    return value


def enum(con: c.Enum, place: Place) -> Value:
    value, _ = inner(peel(con.subcon, place.path), place)
    value.labels = enum_labels(con, place.path)
    return value


def known(con: Known, place: Place) -> Value:
    sub = peel(con.subcon, place.path)
    if type(sub) is not c.Enum:
        raise SpecError(place.path, "Known is for an Enum", "write Known(Enum(Int8ub, name=1, …))")
    value = enum(sub, place)
    numbers = frozenset((value.labels or {}).values())
    node = place.nodes[-1]
    assert isinstance(node, Load)
    node.checked = True
    value.lo, value.hi = max(value.lo, min(numbers)), min(value.hi, max(numbers))
    node.members = None if len(numbers) == value.hi - value.lo + 1 else numbers
    return value


def const(con: c.Const, place: Place) -> Value:
    sub = peel(con.subcon, place.path)
    if isinstance(con.value, bytes):
        if type(sub) is not c.Bytes or sub.length != len(con.value):
            raise Unknown
        place.nodes.append(Literal(place.path, con.value))
        return place.opaque_value("constant")
    value, node = inner(sub, place)
    if not isinstance(con.value, int) or value.labels is not None or not value.lo <= con.value <= value.hi:
        raise SpecError(place.path, f"{con.value!r} does not fit the field", "use a value of the field's own type")
    if con.value >= 1 << 62:
        raise SpecError(place.path, "a constant of more than 62 bits", "write it as Const(b'…')")
    node.checked = True
    value.lo = value.hi = int(con.value)
    return value


def computed(con: c.Computed, place: Place) -> Value:
    expr = place.expr(con.func)
    value = place.integer(*interval(expr, place.path))
    place.nodes.append(Compute(value, expr))
    return value
