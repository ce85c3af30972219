"""A layout's fields as rows of a table: offset, type, size, values, and when they are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from xproto.exports.forms import Shape
from xproto.exports.words import count, negated, power, words
from xproto.lower.model import (
    Bits,
    Branch,
    Compute,
    Expr,
    Literal,
    Load,
    Mark,
    Node,
    Num,
    Peek,
    Primitive,
    Section,
    Take,
    Value,
    walk,
)
from xproto.plan import LITTLE, SIGNED, Form, OpCode
from xproto.registry import Registered

_PRIMITIVES = {
    OpCode.KEYVALUES: "pairs of texts, each behind its length",
    OpCode.CHUNKS: "chunks, each behind its length, until an empty one",
    OpCode.CRC32: "CRC-32 of all bytes before it",
    OpCode.HESSIAN_TEXT: "Hessian2 string or null",
    OpCode.HESSIAN_ARGS: "Hessian2 values",
    OpCode.HESSIAN_MAP: "Hessian2 map or null",
    OpCode.THRIFT_STRUCT: "Thrift struct",
    OpCode.THRIFT_INFO: "THeader's blocks of headers, then padding",
    OpCode.JCE_TEXT: "jce text",
    OpCode.JCE_BYTES: "jce bytes",
    OpCode.JCE_MAP: "jce map of texts, or none",
    OpCode.JCE_REST: "jce fields, whatever they are",
    OpCode.TTWITTER_HEADER: "TTwitter's header, a Thrift struct",
    OpCode.HTTP_HEAD: "head of an HTTP/1.1 message",
    OpCode.HTTP_BODY: "body of an HTTP/1.1 message",
}
MAX_OFFSETS = 4


@dataclass
class Row:
    path: str
    offset: str = ""
    type: str = ""
    size: str = ""
    values: str = ""
    when: str = "always"


class _Registers(NamedTuple):
    """Keys of the values by their registers; the registers of what was read off the wire."""

    keys: dict[int, str]
    loaded: frozenset[int]


def rows_of(registered: Registered, forms: list[Shape]) -> list[Row]:
    """One row for each declared field, in the order of the layout."""
    lowered = registered.lowered
    keys = {number: key for key, number in lowered.registers.numbers.items()}
    loaded = frozenset(node.value.reg for node in walk(lowered.nodes) if isinstance(node, Load))
    rows = list(_rows(lowered.nodes, (), _Registers(keys, loaded)))
    for row in rows:
        row.offset = _offset(row, forms)
    return rows


def _offset(row: Row, forms: list[Shape]) -> str:
    """Every offset that the field has in one of the forms."""
    seen = sorted({form.offsets()[row.path] for form in forms if row.path in form.offsets()})
    if not seen or len(seen) > MAX_OFFSETS:
        return ""
    texts = [str(at // 8) if at % 8 == bits % 8 == 0 else f"{at // 8}, bit {at % 8}" for at, bits in seen]
    moves = any(later.path == row.path for form in forms for later in form.after)
    return " or ".join([*texts, *(["later"] if moves else [])])


def _rows(nodes: list[Node], tests: tuple[str, ...], registers: _Registers) -> Iterator[Row]:
    for node in nodes:
        match node:
            case Branch(_, test, then, other):
                yes, no = words(test), negated(test)
                there, elsewhere = (list(_rows(side, (*tests, said), registers)) for side, said in ((then, yes), (other, no)))
                yield from _either(there, elsewhere, yes, _when(tests))
            case Section(value, size, body):
                inner = list(_rows(body, tests, registers))
                own = next((row for row in inner if row.path == value.path), None)
                if own is None:
                    yield Row(value.path, "", "section", _size(size), "", _when(tests))
                else:
                    own.size = _size(size)
                yield from inner
            case _:
                yield from (_whenever(row, tests) for row in _one(node, registers))


def _either(then: list[Row], other: list[Row], test: str, around: str) -> Iterator[Row]:
    """The rows of both sides of a branch; a field that both have is one row, which says what differs."""
    others = {row.path: row for row in other}
    both = {row.path for row in then} & set(others)
    for row in then:
        if row.path in both:
            twin = others[row.path]
            row.type = row.type if row.type == twin.type else f"{row.type} or {twin.type}"
            row.size = _differing(row.size, twin.size, test, "none")
            row.values = _differing(row.values, twin.values, test, "any")
            row.when = around
        yield row
    yield from (row for row in other if row.path not in both)


def _differing(one: str, two: str, test: str, nothing: str) -> str:
    return one if one == two else f"{one or nothing} if {test}, else {two or nothing}"


def _whenever(row: Row, tests: tuple[str, ...]) -> Row:
    row.when = _when(tests)
    return row


def _when(tests: tuple[str, ...]) -> str:
    return f"if {' and '.join(dict.fromkeys(tests))}" if tests else "always"


def _one(node: Node, registers: _Registers) -> Iterator[Row]:
    match node:
        case Literal(path, data):
            yield Row(path, "", "constant", f"{len(data)}", f"`{data.hex()}`")
        case Take(Value(kind="records") as value, size) if size is not None:
            yield Row(value.path, "", f"records of {count(_record_size(value), 'byte')}: {_columns(value)}", _size(size))
        case Take(value, size):
            if value.kind != "nothing":
                interpreted = "read by construct" if value.kind == "opaque" else "bytes"
                yield Row(value.path, "", interpreted, "what is left" if size is None else _size(size))
        case Primitive(value, OpCode.UNTIL):
            yield Row(value.path, "", f"bytes until `{node.data.hex()}`", f"at most {node.most}, and {len(node.data)}")
        case Primitive(value, opcode):
            code = OpCode(opcode)
            width = "4" if code is OpCode.CRC32 else "varies"
            little = ", little-endian" if node.flags & LITTLE else ""
            yield Row(value.path, "", _PRIMITIVES.get(code, code.name.lower()) + little, width)
        case Load(value) | Bits(value) | Compute(value) | Mark(value) | Peek(value):
            if registers.keys.get(value.reg, value.path) == value.path:
                yield _integer(node, value, registers.loaded)


def _record_size(value: Value) -> int:
    return sum(column.width for column in value.columns)


def _columns(value: Value) -> str:
    return ", ".join(f"{column.name or 'integer'} ({column.width})" for column in value.columns)


def _integer(node: Load | Bits | Compute | Mark | Peek, value: Value, loaded: frozenset[int]) -> Row:
    match node:
        case Load():
            return Row(value.path, "", _type(node), str(node.width or "varies"), _values(value, checked=node.checked))
        case Bits(word=word) if word.reg not in loaded:
            return Row(value.path, "", "computed", "", _values(value, checked=True))
        case Bits(mask=mask):
            width = mask.bit_length()
            return Row(
                value.path,
                "",
                "bit" if width == 1 else "bits",
                count(width, "bit"),
                _values(value, checked=node.checked),
            )
        case Compute(expr=expr):
            return Row(value.path, "", "computed", "", words(expr))
        case Peek(data=data):
            return Row(value.path, "", "looked ahead", "", f"1 if `{data.hex()}` comes next, else 0")
        case Mark():
            return Row(value.path, "", "computed", "", "the offset here")


def _type(node: Load) -> str:
    if node.tag is not None:
        return f"jce integer, tag {words(node.tag)}"
    if node.form is Form.VARINT:
        return "varint"
    little = ", little-endian" if node.flags & LITTLE and node.width > 1 else ""
    return f"{'signed' if node.flags & SIGNED else 'unsigned'} integer{little}"


def _values(value: Value, *, checked: bool) -> str:
    if value.labels:
        names = ", ".join(f"{number} {label}" for label, number in sorted(value.labels.items(), key=lambda item: item[1]))
        return names if checked else f"{names}; others too"
    if value.lo == value.hi:
        return str(value.lo)
    return f"{power(value.lo)} to {power(value.hi)}" if checked else ""


def _size(size: Expr) -> str:
    return str(size.value) if isinstance(size, Num) else words(size)
