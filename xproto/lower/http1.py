"""HTTP/1.1's head and body: one op each; what the head says is a number of bit-fields, and its body's length."""

from __future__ import annotations

from dataclasses import replace

from construct.expr import Path

from xproto.errors import SpecError
from xproto.lower.expressions import resolve
from xproto.lower.model import Bits, Primitive, Value
from xproto.lower.place import Place
from xproto.wire.http1 import FACTS, MAX_LENGTH, HttpBody, HttpHead


def http_head(con: HttpHead, place: Place) -> Value:
    """The head; its facts become fields of it."""
    if place.depth or place.guards or place.nodes:
        raise SpecError(place.path, "a head stands at a frame's beginning, always", "begin the layout with it")
    value = place.opaque_value("block")
    bits = sum(width for _, width in FACTS)
    word = replace(place, path=f"{place.path}.facts", named=True).integer(0, (1 << bits) - 1)
    length = replace(place, path=f"{place.path}.length", named=True).integer(0, MAX_LENGTH)
    place.nodes.append(Primitive(value, int(con.opcode), outputs=(word, length)))
    value.fields["length"], value.fields["facts"] = length, word
    shift = 0
    for name, width in FACTS:
        field = replace(place, path=f"{place.path}.{name}", named=True).integer(0, (1 << width) - 1)
        place.nodes.append(Bits(field, word, shift, (1 << width) - 1))
        value.fields[name] = field
        shift += width
    return value


def http_body(con: HttpBody, place: Place) -> Value:
    """The body that a head announces."""
    if type(con.head) is not Path:
        raise SpecError(place.path, f"{con.head!r} is not a head", "name the head: HttpBody(this.head)")
    head = resolve(con.head, place.scope, place.path)
    node = next((n for n in place.nodes if isinstance(n, Primitive) and n.value is head and n.outputs), None)
    if node is None or place.depth:
        raise SpecError(place.path, f"{head.path} is not a head at the root", "name the head: HttpBody(this.head)")
    value = place.opaque_value("rest")
    place.nodes.append(Primitive(value, int(con.opcode), inputs=node.outputs))
    return value
