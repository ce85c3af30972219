"""Which ProtoField stands for each field of a layout: its type, the names of its values, the mask of its bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xproto.lower import Lowered
from xproto.lower.model import Bits, Branch, Compute, Literal, Load, Mark, Node, Peek, Primitive, Take, Value, walk
from xproto.plan import SIGNED, Form, OpCode
from xproto.wire.http1 import METHODS

WHOLE = "frame"
"""The path of what has no name, at the root."""
MASKED = 4
"""Bytes of a word whose bits have a mask: Wireshark keeps 32 bits of one that a script gives. Fields of wider words are shown
as what is computed from them."""
_HTTP_LABELS = {
    "form": {"none": 0, "counted": 1, "chunked": 2, "until the connection closes": 3},
    "method": {"other": 0} | {name.decode(): number for name, number in METHODS.items()},
}
_SUB_FIELDS = {
    OpCode.KEYVALUES: ("pair", "name", "value"),
    OpCode.HESSIAN_MAP: ("pair", "name", "value"),
    OpCode.THRIFT_INFO: ("pair", "name", "value"),
    OpCode.JCE_MAP: ("pair", "name", "value"),
    OpCode.JCE_BYTES: ("value",),
    OpCode.TTWITTER_HEADER: ("pair", "name", "value"),
    OpCode.HTTP_HEAD: ("line", "pair", "name", "value"),
    OpCode.HESSIAN_ARGS: ("value",),
    OpCode.THRIFT_STRUCT: ("value",),
    OpCode.JCE_REST: ("value",),
    OpCode.CHUNKS: ("chunk",),
    OpCode.HTTP_BODY: ("chunk",),
}
"""What a block's parts are called, behind its own path."""
_KINDS = {
    OpCode.HESSIAN_TEXT: "string",
    OpCode.JCE_TEXT: "string",
    OpCode.JCE_BYTES: "bytes",
    OpCode.HTTP_BODY: "bytes",
    OpCode.UNTIL: "string",
    OpCode.CRC32: "checksum",
}


@dataclass
class Field:
    """One ProtoField. kind: `uint` for integers of all types, else a type of Wireshark's, or `checksum`.

    bits: an integer's width; mask: of a bit-field, its place in a word of that width. mixed: two branches read it as
    different things, so its bytes are shown.
    """

    path: str
    kind: str = "uint"
    bits: int = 8
    signed: bool = False
    labels: Mapping[str, int] | None = None
    mask: int = 0
    mixed: bool = False

    @property
    def type(self) -> str:
        """The name of the function of ProtoField that makes it."""
        return f"{'' if self.signed else 'u'}int{self.bits}" if self.kind == "uint" else self.kind


@dataclass
class Fields:
    """All fields by path, in the order in which the layout has them; `structs` are the paths of what only holds others."""

    by_path: dict[str, Field] = field(default_factory=dict)
    structs: set[str] = field(default_factory=set)
    words: set[int] = field(default_factory=set)
    """Registers of integers whose bits are shown instead."""
    texts: set[str] = field(default_factory=set)
    """Paths of bytes that are a service or a method."""

    def plain(self, path: str, kind: str) -> None:
        known = self.by_path.setdefault(path, Field(path, kind))
        if known.kind != kind:
            known.kind, known.labels, known.mask, known.mixed = "bytes", None, 0, True

    def integer(self, value: Value, bits: int, *, signed: bool, mask: int = 0, labels: Mapping[str, int] | None = None) -> None:
        """A field may be read in several branches, in several ways: its type holds them all."""
        new = Field(value.path, "uint", bits, signed, labels or value.labels, mask)
        known = self.by_path.setdefault(value.path, new)
        if known is new:
            return
        if known.kind != "uint":
            known.kind, known.mixed = "bytes", True
            return
        if (known.bits, known.signed, known.mask) != (new.bits, new.signed, new.mask):
            known.bits, known.mask = max(known.bits, new.bits, 32 if known.signed != new.signed else 8), 0
            known.signed = known.signed or new.signed
        known.labels = known.labels or new.labels

    def hidden(self, value: Value, key: str) -> bool:
        """Whether an integer is not shown by itself: a word of bit-fields, or one that nothing names."""
        return value.reg in self.words or (key != value.path and (value.path == WHOLE or value.path in self.structs))

    def free(self, path: str) -> str:
        """The path itself, or one like it that the layout does not use."""
        while any(known == path or known.startswith(f"{path}.") for known in (*self.by_path, *self.structs)):
            path += "_"
        return path


def fields_of(lowered: Lowered) -> Fields:
    """The fields of a layout."""
    nodes = list(walk(lowered.nodes))
    found = Fields()
    found.words = {node.word.reg for node in nodes if isinstance(node, Bits)}
    found.texts = {source.path for role in ("service", "method") for source in lowered.texts.key(role) if source.key is None}
    found.structs = _structs(nodes)
    widths = {node.value.reg: node.width for node in nodes if isinstance(node, Load)}
    keys = {number: key for key, number in lowered.registers.numbers.items()}
    for node in nodes:
        _add(found, node, widths, keys)
    return found


def _path(node: Node) -> str:
    return node.path if isinstance(node, Literal | Branch) else getattr(getattr(node, "value", None), "path", "")


def _structs(nodes: list[Node]) -> set[str]:
    own = {_path(node) for node in nodes if isinstance(node, Load | Bits | Literal | Compute | Take | Primitive)}
    outer: set[str] = set()
    for path in own:
        parts = path.split(".")
        outer |= {".".join(parts[:index]) for index in range(1, len(parts))}
    heads = {node.value.path for node in nodes if isinstance(node, Primitive) and node.outputs}
    return (outer - own) | heads


def _add(found: Fields, node: Node, widths: Mapping[int, int], keys: Mapping[int, str]) -> None:
    match node:
        case Load(value) | Compute(value) | Mark(value) | Peek(value):
            if found.hidden(value, keys.get(value.reg, value.path)):
                return
            if isinstance(node, Load) and node.form is Form.FIXED:
                found.integer(value, _rounded(node.width), signed=bool(node.flags & SIGNED))
            else:
                found.integer(value, _bits(value), signed=value.lo < 0)
        case Bits(value, word, shift, mask):
            if word.reg in widths and widths[word.reg] <= MASKED:
                found.integer(value, _rounded(widths[word.reg]), signed=False, mask=mask << shift)
            else:
                found.integer(value, _bits(value), signed=False, labels=_HTTP_LABELS.get(value.path.rpartition(".")[2]))
        case Literal(path):
            if path != WHOLE and path not in found.structs:
                found.plain(path, "bytes")
        case Take(Value(kind="records") as value):
            found.plain(value.path, "none")
            found.plain(f"{value.path}.record", "string")
        case Take(value):
            if value.kind != "nothing":
                is_text = value.kind == "bytes" and value.path in found.texts
                found.plain(value.path, "string" if is_text else "bytes")
        case Primitive(value, opcode):
            code = OpCode(opcode)
            found.plain(value.path, _KINDS.get(code, "none"))
            for name in _SUB_FIELDS.get(code, ()):
                found.plain(f"{value.path}.{name}", "string")


def _rounded(width: int) -> int:
    return 8 * width if width <= 4 else 64


def _bits(value: Value) -> int:
    """The narrowest type that holds a number which is on the wire in no type of Wireshark's."""
    lo, hi = (value.lo, value.hi) if value.lo >= 0 else (value.lo, max(2 * value.hi + 1, -2 * value.lo - 1))
    return next((bits for bits in (8, 16, 32) if hi < 1 << bits and lo >= -(1 << bits - 1)), 64)
