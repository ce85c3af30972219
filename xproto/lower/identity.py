"""The numbers that tie an answer to its request: where a frame has them, and which ones the proxy can give out.

Most protocols have one, of a fixed width, and it is overwritten in place. Where the width depends on the value (a
varint, a jce integer) another id may move what follows it: then the proxy gives out only numbers of one width, and puts
back the width that came. What counts the frame's bytes has to follow, so it must stand first in the frame (role
`length`). A frame may say its id twice (`again`), as THeader does; both become the same number upstream, and each
becomes again what it was.

An id may be less than the integer that it stands in: the bits above it are reserved, and stay what they are. Where there
are frames of the kind CONTROL, some may have no id at all: nothing is written into those.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from construct.expr import Path

from xproto.errors import SpecError
from xproto.lower.expressions import Scope, interval, resolve
from xproto.lower.model import Bits, Branch, Load, Mark, Node, Section, Value, walk
from xproto.plan import LITTLE, SIGNED, Form, Result
from xproto.spec import Kind, Order, Pool, Protocol

FIXED_WIDTHS = (2, 4, 8)
FEWEST_BITS = 16
"""Of an id that shares its integer with reserved bits."""
_BITS = {Form.VARINT: 28, Form.JCE: 30}
"""Of a fresh id of these forms, beside one bit above them that is always set: so all take five bytes."""


MAX_TAG = 14
"""Of a jce field that is an id: greater ones have a byte of their own, which rewriting does not know."""


@dataclass(frozen=True)
class IdField:
    """One field that holds an id.

    width: in bytes; of a form whose width varies, that of a fresh id. bits: of a fresh id; of a fixed width with fewer than
        that has, the lower ones. word: the register of the integer it is in. always: whether every frame has it, in its
        plain form.
    """

    path: str
    reg: int
    form: Form
    width: int
    little: bool
    bits: int
    word: int
    always: bool = True

    @property
    def base(self) -> int:
        """The bit that every fresh id has."""
        return 0 if self.form is Form.FIXED else 1 << self.bits


@dataclass(frozen=True)
class Length:
    """The integer at the frame's beginning that counts its bytes."""

    width: int
    little: bool


@dataclass(frozen=True)
class Identity:
    """What the roles `id`, `again` and `length` say."""

    id: IdField | None
    again: IdField | None
    length: Length | None

    @property
    def fields(self) -> tuple[IdField, ...]:
        return tuple(field for field in (self.id, self.again) if field is not None)

    @property
    def moves(self) -> bool:
        """Whether another id may have another width."""
        return any(field.form is not Form.FIXED for field in self.fields)


def identity(protocol: Protocol, scope: Scope, nodes: list[Node], *, checksum: bool) -> Identity:
    """Raises `SpecError` where the roles name what cannot be rewritten."""
    if protocol.id is None:
        if (protocol.again, protocol.length) != (None, None):
            raise SpecError("again", "a second id, or a length for one, where there is no id", "name the first: id=this.…")
        if protocol.order is not Order.IN_ORDER or protocol.pool is not Pool.PING_PONG:
            wrong = "frames without an id, and answers that could belong to several calls"
            raise SpecError("id", wrong, "order=Order.IN_ORDER and pool=Pool.PING_PONG, or name the field")
        return Identity(None, None, None)
    first = _id(protocol, protocol.id, "id", scope, nodes)
    second = None if protocol.again is None else _id(protocol, protocol.again, "again", scope, nodes)
    found = Identity(first, second, _length(protocol, scope, nodes))
    if second is not None and not _before(nodes, first.reg, second.reg):
        raise SpecError("again", f"{second.path} stands before {first.path}", "name the one that comes first as id")
    if second is not None and checksum:
        raise SpecError("again", "a second id in a frame with a checksum", "leave it out")
    if second is not None and not first.always:
        raise SpecError("again", f"a second id, where the first, {first.path}, is not always there", "leave it out")
    if found.moves and checksum:
        raise SpecError("id", f"{first.path} changes its width in a frame with a checksum", "use a fixed-width id")
    return found


def marked(nodes: list[Node], found: Identity) -> list[Node]:
    """The layout with marks around the ids whose width varies."""
    places = ((Result.ID_AT, Result.ID_END), (Result.AGAIN_AT, Result.AGAIN_END))
    for field, (start, end) in zip(found.fields, places, strict=False):
        if field.form is not Form.FIXED:
            around = (Mark(Value(f"{field.path}.start", reg=start)), Mark(Value(f"{field.path}.end", reg=end)))
            nodes = _around(nodes, field.reg, around)
    return nodes


def _around(nodes: list[Node], reg: int, marks: tuple[Node, Node]) -> list[Node]:
    def inside(sides: list[Node]) -> list[Node]:
        return _around(sides, reg, marks)

    out: list[Node] = []
    for node in nodes:
        match node:
            case Load() if node.value.reg == reg:
                out += [marks[0], node, marks[1]]
            case Section():
                out.append(replace(node, body=inside(node.body)))
            case Branch():
                out.append(replace(node, then=inside(node.then), other=inside(node.other)))
            case _:
                out.append(node)
    return out


def _id(protocol: Protocol, source: Any, role: str, scope: Scope, nodes: list[Node]) -> IdField:
    if type(source) is not Path:
        raise SpecError(role, f"{source!r} is not a field", f"name the field: {role}=this.id")
    value = resolve(source, scope, role)
    wrapped = role == "again" and protocol.unwrap is not None  # a frame that is wrapped has none that can be read
    lacking = Kind.CONTROL in protocol.kind  # frames that are of no call
    if value.guards and not wrapped and not lacking:
        raise SpecError(role, f"{value.path} is only there when {', '.join(sorted(value.guards))}", "every frame needs its id")
    outside = _loads([node for node in nodes if wrapped or lacking or isinstance(node, Load)], sections=False)
    always = wrapped or not value.guards
    if (part := _part(nodes, value, outside)) is not None:
        word, bits = part
        little = bool(word.flags & LITTLE)
        return IdField(value.path, value.reg, Form.FIXED, word.width, little, bits, word.value.reg, always)
    root = next((load for load in outside if load.value.reg == value.reg), None)
    load = root or next((node for node in _loads(nodes) if node.value.reg == value.reg), None)
    if load is not None and load.tag is not None and interval(load.tag, value.path)[1] > MAX_TAG:
        raise SpecError(role, f"{value.path} may have a tag above {MAX_TAG}", "give it a tag that its first byte holds")
    if load is not None and load.form is not Form.FIXED:
        bits = _BITS[load.form]
        if value.lo > 0 or value.hi < (1 << bits + 1) - 1:
            raise SpecError(role, f"{value.path} does not hold {bits + 1} bits", "bound it: 0..2**32-1")
        return IdField(value.path, value.reg, load.form, 5, little=False, bits=bits, word=value.reg, always=always)
    if root is None or root.width not in FIXED_WIDTHS or root.flags & SIGNED or root.checked:
        raise SpecError(
            role, f"{value.path} is not a plain unsigned integer of 16, 32 or 64 bits at the frame's root", "use Int32ub"
        )
    little, bits = bool(root.flags & LITTLE), 8 * root.width
    return IdField(value.path, value.reg, Form.FIXED, root.width, little, bits, value.reg, always)


def _part(nodes: list[Node], value: Value, outside: list[Load]) -> tuple[Load, int] | None:
    """The integer at the root whose lower bits the field is, and how many; None where it is no such field."""
    field = next((node for node in walk(nodes) if isinstance(node, Bits) and node.value.reg == value.reg), None)
    if field is None or field.shift or field.checked or field.mask.bit_length() < FEWEST_BITS:
        return None
    word = next((load for load in outside if load.value.reg == field.word.reg and load.width in FIXED_WIDTHS), None)
    return None if word is None else (word, field.mask.bit_length())


def _length(protocol: Protocol, scope: Scope, nodes: list[Node]) -> Length | None:
    if protocol.length is None:
        return None
    if type(protocol.length) is not Path:
        raise SpecError("length", f"{protocol.length!r} is not a field", "name the field: length=this.size")
    value = resolve(protocol.length, scope, "length")
    load = nodes[0] if nodes else None
    if not (isinstance(load, Load) and load.width and load.value.reg == value.reg):
        raise SpecError("length", f"{value.path} is not the fixed-width integer that a frame begins with", "move it there")
    return Length(load.width, bool(load.flags & LITTLE))


def _loads(nodes: list[Node], *, sections: bool = True) -> list[Load]:
    found: list[Load] = []
    for node in nodes:
        match node:
            case Load():
                found.append(node)
            case Section() if sections:
                found += _loads(node.body)
            case Branch():
                found += _loads(node.then, sections=sections) + _loads(node.other, sections=sections)
    return found


def _before(nodes: list[Node], first: int, second: int) -> bool:
    order = [load.value.reg for load in _loads(nodes)]
    return order.index(first) < order.index(second)
