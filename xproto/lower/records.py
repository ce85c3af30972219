"""Records: as many of them as an expression says, each a few integers of fixed width.

construct can refuse none of their values, so to the kernel they are bytes, whose number is all that is checked. Roles cannot
read what is in them.
"""

from __future__ import annotations

import construct as c

from xproto.lower.model import Column, Take, Value
from xproto.lower.place import Place, Unknown, enum_labels, peel
from xproto.wire.integers import integer_shape


def records(con: c.Array, place: Place) -> Value:
    """An Array of plain integers, or of a Struct of them."""
    columns = _columns(con, place)
    value = place.opaque_value("records")
    value.columns = columns
    place.nodes.append(Take(value, place.size(con.count * sum(column.width for column in columns))))
    return value


def _columns(con: c.Array, place: Place) -> tuple[Column, ...]:
    sub = peel(con.subcon, place.path)
    if con.discard:
        raise Unknown
    members = sub.subcons if type(sub) is c.Struct else [sub]
    return tuple(_column(member, place.path) for member in members)


def _column(con: c.Construct, path: str) -> Column:
    name, sub = con.name or "", peel(con, path)
    labels = None
    if type(sub) is c.Enum:
        labels = enum_labels(sub, path)
        sub = peel(sub.subcon, path)
    shape = integer_shape(sub)
    if shape is None:
        raise Unknown
    return Column(name, *shape, labels)
