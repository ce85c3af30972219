"""A checked CEL expression as a tree, read from the bytes that the library gives for it.

The library compiles and evaluates; what an expression asks for and what it implies it does not tell. But it writes its
checked syntax tree, `cel.expr.CheckedExpr`, in protobuf's wire format, whose numbers (cel-spec, syntax.proto and checked.proto)
are fixed for good; of it a few messages are read here.

What always holds: a tree has all nodes of the expression; whatever is not known here is a ValueError, never left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

Node: TypeAlias = "Const | Name | Select | Call | Items | Loop | Other"


class Const(NamedTuple):
    """`value` is None where it is no text."""

    value: str | None


class Name(NamedTuple):
    name: str


class Select(NamedTuple):
    """``operand.field``; `tests`: inside ``has()``."""

    operand: Node
    field: str
    tests: bool


class Call(NamedTuple):
    """Operators are functions too: ``_==_``, ``_&&_``, ``_[_]``, ``@in``. `parts`: the target, if there is one, then the
    arguments.
    """

    function: str
    parts: tuple[Node, ...]
    member: bool


class Items(NamedTuple):
    """A list."""

    parts: tuple[Node, ...]


class Loop(NamedTuple):
    """A comprehension, which is what ``all``, ``exists``, ``map`` and ``filter`` are. `parts`: asked for each of `over`."""

    over: Node
    parts: tuple[Node, ...]


class Other(NamedTuple):
    """What has parts and a meaning that nobody here needs: messages and maps."""

    parts: tuple[Node, ...]


_ANY_VALUE, _CHECKED_EXPR = 2, 4
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = range(3, 10)
_TEXT = 6
"""Fields of Any, of CheckedExpr, of Expr and of Constant."""

Fields = list[tuple[int, int | bytes]]


def read(data: bytes) -> Node:
    """The tree in what `Expression.serialize` gives: a CheckedExpr in an Any."""
    return _node(_message(_fields(_message(_fields(data), _ANY_VALUE)), _CHECKED_EXPR))


def _node(data: bytes) -> Node:
    for number, value in _fields(data):
        if number == 2:
            continue  # its id
        if not isinstance(value, bytes):
            break
        fields = _fields(value)
        if number == _CONST:
            return Const(next((_text(text) for kind, text in fields if kind == _TEXT), None))
        if number == _IDENT:
            return Name(_text(_message(fields, 1)))
        if number == _SELECT:
            return Select(_node(_message(fields, 1)), _text(_message(fields, 2)), any(kind == 3 for kind, _ in fields))
        if number == _CALL:
            parts = (*_nodes(fields, 1), *_nodes(fields, 3))
            return Call(_text(_message(fields, 2)), parts, any(kind == 1 for kind, _ in fields))
        if number == _LIST:
            return Items(tuple(_nodes(fields, 1)))
        if number == _STRUCT:
            entries = [_fields(entry) for kind, entry in fields if kind == 2 and isinstance(entry, bytes)]
            return Other(tuple(node for entry in entries for node in (*_nodes(entry, 3), *_nodes(entry, 4))))
        if number == _COMPREHENSION:
            return Loop(_node(_message(fields, 2)), tuple(node for kind in (4, 5, 6, 7) for node in _nodes(fields, kind)))
        break
    raise ValueError("this is no expression that is known here")


def _nodes(fields: Fields, number: int) -> Iterator[Node]:
    yield from (_node(value) for kind, value in fields if kind == number and isinstance(value, bytes))


def _message(fields: Fields, number: int) -> bytes:
    value = next((value for kind, value in fields if kind == number), None)
    if not isinstance(value, bytes):
        raise ValueError("this is no checked expression")  # noqa: TRY004 (of bytes, not of ours)
    return value


def _text(value: int | bytes) -> str:
    if not isinstance(value, bytes):
        raise ValueError("this is no text")  # noqa: TRY004
    return value.decode()


def _fields(data: bytes) -> Fields:
    """A message's fields, in order, by their numbers: a varint as an int, all else as bytes."""
    fields: Fields = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            fields.append((tag >> 3, value))
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("this is no message")
        if at + size > len(data):
            raise ValueError("this message is cut short")
        fields.append((tag >> 3, data[at : at + size]))
        at += size
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("this is no number")
