"""Thrift values, read whole: a struct in the binary or the compact protocol, and THeader's headers.

Written from Apache Thrift's specifications, as a tree of values: the kernel passes over the same bytes with a stack of
counters, the reference in `xproto.wire.thrift` with none. Each protocol keeps its own numbers for the types.

What a container claims must fit into the bytes that may still come, no value being of none; nothing is entered deeper
than 64 levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.judges.walks.reading import BadSignal, Reading
from xproto.plan import Op

MAX_LEVELS = 64
MAX_SIZE = (1 << 31) - 1
"""Of a text, and of a container of the binary protocol: sizes are signed."""


@dataclass(frozen=True)
class Value:
    """A value of this type: `raw` of a text or a number; `fields` of a struct, by number; `items` of a container."""

    kind: int
    raw: bytes = b""
    fields: Sequence[tuple[int, Value]] = ()
    items: Sequence[Value] = ()
    of: tuple[int, ...] = ()


@dataclass(frozen=True)
class Types:
    """The types of one protocol. fixed: their widths in bytes. varints: the most bytes that they take."""

    fixed: Mapping[int, int]
    varints: Mapping[int, int]
    text: int
    struct: int
    map: int
    lists: frozenset[int]
    least: Mapping[int, int]
    """The fewest bytes of one value, as an element."""


BINARY = Types(
    {2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8, 16: 16}, {}, 11, 12, 13, frozenset((14, 15)),
    {2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8, 16: 16, 11: 4, 12: 1, 13: 6, 14: 5, 15: 5},
)  # fmt: skip
COMPACT = Types(
    {1: 1, 2: 1, 3: 1, 7: 8, 13: 16}, {4: 5, 5: 5, 6: 10}, 8, 12, 11, frozenset((9, 10)),
    dict.fromkeys(range(1, 13), 1) | {7: 8, 13: 16},
)  # fmt: skip


def struct(reading: Reading, op: Op) -> None:
    """One struct; `width` of the op says in which protocol."""
    walk(reading, compact=bool(op.width))


def walk(reading: Reading, *, compact: bool = False) -> Value:
    """The struct that begins here."""
    return (_Compact if compact else _Binary)(reading).struct(0)


class _Walk:
    """What both protocols have in common."""

    types: Types

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def head(self) -> tuple[int, int] | None:
        """The number and the type of the next field; None at the struct's end."""
        raise NotImplementedError

    def size(self) -> int:
        """How many bytes a text has."""
        raise NotImplementedError

    def claim(self, kind: int) -> tuple[tuple[int, ...], int]:
        """The types of a container's elements, and how many there are."""
        raise NotImplementedError

    def field(self, kind: int, level: int) -> Value:
        """The value of a field."""
        return self.value(kind, level)

    def struct(self, level: int) -> Value:
        _enter(level)
        fields = []
        while head := self.head():
            number, kind = head
            fields.append((number, self.field(kind, level + 1)))
        return Value(self.types.struct, fields=fields)

    def value(self, kind: int, level: int) -> Value:
        types, reading = self.types, self.reading
        start = reading.at
        if kind in types.fixed:
            return Value(kind, reading.take(types.fixed[kind]))
        if kind in types.varints:
            reading.varint(types.varints[kind])
            return Value(kind, reading.data[start : reading.at])
        if kind == types.text:
            size = self.size()
            if size > MAX_SIZE or size > reading.room:
                raise BadSignal
            return Value(kind, reading.take(size))
        if kind == types.struct:
            return self.struct(level)
        if kind == types.map or kind in types.lists:
            return self.container(kind, level)
        raise BadSignal

    def container(self, kind: int, level: int) -> Value:
        of, count = self.claim(kind)
        if not count:
            return Value(kind, of=of)
        least = self.types.least
        if not all(each in least for each in of) or count * sum(least[each] for each in of) > self.reading.room:
            raise BadSignal
        if kind != self.types.map and of[0] in self.types.fixed:
            return Value(kind, self.reading.take(count * self.types.fixed[of[0]]), of=of)
        _enter(level)
        return Value(kind, items=[self.value(each, level + 1) for _ in range(count) for each in of], of=of)


def _enter(level: int) -> None:
    if level == MAX_LEVELS:
        raise BadSignal


class _Binary(_Walk):
    types = BINARY

    def head(self) -> tuple[int, int] | None:
        kind = self.reading.byte()
        if kind > max(self.types.least):
            raise BadSignal
        return (int.from_bytes(self.reading.take(2), "big"), kind) if kind else None

    def size(self) -> int:
        return self.reading.integer(4)

    def claim(self, kind: int) -> tuple[tuple[int, ...], int]:
        """One read of all: its types, a byte each, and four bytes."""
        kinds = 2 if kind == self.types.map else 1
        head = self.reading.take(kinds + 4)
        self.reading.at -= 4
        count = self.reading.integer(4)
        if count > MAX_SIZE:
            raise BadSignal
        return tuple(head[:kinds]), count


class _Compact(_Walk):
    types = COMPACT

    def head(self) -> tuple[int, int] | None:
        """Numbers are given as differences, or behind the head; nobody asks for them here."""
        byte = self.reading.byte()
        if not byte:
            return None
        if byte & 15 not in self.types.least:
            raise BadSignal
        return (byte >> 4 or self.reading.varint(3)), byte & 15

    def field(self, kind: int, level: int) -> Value:
        """A bool is said by the type of its field."""
        return Value(kind) if kind in {1, 2} else self.value(kind, level)

    def size(self) -> int:
        return self.reading.varint(5)

    def claim(self, kind: int) -> tuple[tuple[int, ...], int]:
        if kind == self.types.map:
            count = self.reading.varint(5)
            both = self.reading.byte() if count else 0
            return (both >> 4, both & 15), count
        head = self.reading.byte()
        return (head & 15,), self.reading.varint(5) if head >> 4 == 15 else head >> 4


def info(reading: Reading, op: Op) -> None:
    """THeader's info blocks (1: headers, 2: those that stay), each a count of pairs; then padding to the section's end."""
    while reading.at < reading.stop:
        number = reading.varint(5)
        if not number:
            reading.at = reading.stop
        elif number > 2:
            raise BadSignal
        else:
            count = reading.varint(5)
            if count > reading.room:
                raise BadSignal
            for _ in range(count):
                key, value = (reading.take(reading.varint(5)) for _ in range(2))
                reading.pair(op, key, value)
