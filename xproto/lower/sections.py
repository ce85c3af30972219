"""Parts with a length: bytes, sections, and what may stand behind them."""

from __future__ import annotations

from dataclasses import replace

import construct as c

from xproto.errors import SpecError
from xproto.lower.expressions import interval
from xproto.lower.model import (
    Bin,
    Branch,
    Ended,
    Expr,
    Literal,
    Load,
    Node,
    Num,
    Primitive,
    Ref,
    Require,
    Section,
    Take,
    Value,
)
from xproto.lower.place import Place, Unknown, peel
from xproto.plan import MAX_SECTIONS, Alu, OpCode
from xproto.wire.integers import integer_shape


def raw_bytes(con: c.Bytes, place: Place) -> Value:
    value = place.opaque_value("bytes")
    place.nodes.append(Take(value, place.size(con.length)))
    return value


def greedy(place: Place) -> Value:
    if not place.depth:
        raise SpecError(place.path, "GreedyBytes at the root: the frame would have no end", "give it a length: Bytes(this.…)")
    value = place.opaque_value("bytes")
    place.nodes.append(Take(value, None))
    return value


def section(place: Place, size: Expr, sub: c.Construct) -> Value:
    if place.depth + 1 > MAX_SECTIONS:
        raise SpecError(place.path, f"more than {MAX_SECTIONS} sections inside each other", "flatten the layout")
    body: list[Node] = []
    room = interval(size, place.path)[1]
    value = place.lower(sub, replace(place, nodes=body, depth=place.depth + 1, room=room))
    refuse_behind_opaque(body)
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


def refuse_behind_opaque(nodes: list[Node], *, behind: bool = False) -> bool:
    """An interpreted field of unknown size takes the rest of its section: refuses what would have to be read after it."""
    for node in nodes:
        if isinstance(node, Branch):
            sides = [refuse_behind_opaque(side, behind=behind) for side in (node.then, node.other)]
            behind = any(sides)
        elif behind and isinstance(node, Load | Literal | Take | Section | Primitive | Ended):
            path = node.path if isinstance(node, Literal | Ended) else node.value.path
            raise SpecError(path, "stands behind a field that cannot be lowered", "put that field into FixedSized(length, …)")
        else:
            behind = behind or (isinstance(node, Take) and node.size is None and node.value.kind == "opaque")
    return behind


def fixed_sized(con: c.FixedSized, place: Place) -> Value:
    return section(place, place.size(con.length), con.subcon)


def prefixed(con: c.Prefixed, place: Place) -> Value:
    length = place.lower(con.lengthfield, replace(place, path=f"{place.path}.length", named=False))
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
    return section(place, size, con.subcon)


def padded(con: c.Padded, place: Place) -> Value:
    if peel(con.subcon, place.path) is not c.Pass:
        raise Unknown
    value = place.opaque_value("nothing")
    place.nodes.append(Take(value, place.size(con.length)))
    return value
