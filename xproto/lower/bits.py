"""BitStruct: one load of the whole word, then a shift and a mask for each field.

construct makes it a `Transformed` over an inner Struct, one scope deeper; with variable widths it silently becomes
`Restreamed`, which is refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import construct as c

from xproto.errors import SpecError
from xproto.lower.model import Bits, Load, Value
from xproto.lower.place import Place, Unknown, enum_labels, peel, refuse_unnamed
from xproto.wire import Bounded, Known


def lower_bits(con: c.Transformed, place: Place) -> Value:
    """Lowers a BitStruct of at most 56 bits."""
    if con.decodefunc is not c.bytes2bits or not isinstance(con.decodeamount, int):
        raise Unknown
    inner = peel(con.subcon, place.path)
    if type(inner) is not c.Struct:
        raise Unknown
    refuse_unnamed(place)
    size = con.decodeamount
    if size > 7:
        raise SpecError(place.path, f"a BitStruct of {size * 8} bits", "split it: at most 56 bits at a time")
    word = replace(place, path=f"{place.path}.word", named=False).integer(0, (1 << size * 8) - 1)
    place.nodes.append(Load(word, size, 0, checked=False))
    value = place.opaque_value("struct")
    left = size * 8
    for sub in inner.subcons:
        path = f"{place.path}.{sub.name}" if sub.name else place.path
        here = replace(place, path=path, named=sub.name is not None)
        width, node = _field(peel(sub, path), here, word)
        left -= width
        node.shift = left
        if sub.name in value.fields:
            raise SpecError(path, "is declared twice", "rename one of them")
        if sub.name or node.checked:
            place.nodes.append(node)
        if sub.name:
            value.fields[sub.name] = node.value
    if left:
        raise SpecError(place.path, f"a BitStruct of {size * 8 - left} bits", "pad it to whole bytes: Padding(…)")
    return value


def _width(con: Any, path: str) -> int:
    if con is c.Flag:
        return 1
    if type(con) is c.BitsInteger and isinstance(con.length, int) and not con.signed and con.swapped is False:
        return int(con.length)
    if type(con) is c.Padded and con.subcon is c.Pass and isinstance(con.length, int):
        return int(con.length)
    raise SpecError(path, f"{type(con).__name__} inside a BitStruct cannot be lowered", "use Flag, BitsInteger, Padding")


def _field(con: Any, place: Place, word: Value) -> tuple[int, Bits]:
    bounds = labels = members = None
    while type(con) in {Bounded, Known, c.Enum, c.Const, c.Default, c.Rebuild}:
        if type(con) in {Bounded, c.Const} and type(peel(con.subcon, place.path)) in {c.Enum, Known}:
            raise SpecError(place.path, f"{type(con).__name__} around an Enum, which is no number", "use BitsInteger there")
        if type(con) is Bounded:
            bounds = (con.lo, con.hi)
        elif type(con) is c.Const:
            if not isinstance(con.value, int):
                raise SpecError(place.path, f"{con.value!r} does not fit the field", "use an integer")
            bounds = (con.value, con.value)
        elif type(con) is c.Enum:
            labels = enum_labels(con, place.path)
        elif type(con) is Known:
            members = frozenset(enum_labels(con.subcon, place.path).values())
        con = peel(con.subcon, place.path)
    width = _width(con, place.path)
    value = place.integer(0, (1 << width) - 1, labels=labels)
    if members is not None:
        bounds = (min(members), max(members))
    if bounds is not None:
        value.lo, value.hi = max(value.lo, bounds[0]), min(value.hi, bounds[1])
        if value.lo > value.hi:
            raise SpecError(place.path, f"{width} bits can never lie in {bounds[0]}..{bounds[1]}", "use a wider field")
    return width, Bits(value, word, 0, (1 << width) - 1, members, checked=bounds is not None)
