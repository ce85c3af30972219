"""Thrift values that a proxy only passes over: a message's struct, and THeader's headers.

Source of the formats: Apache Thrift's specifications of the binary and the compact protocol and of THeader. Containers
claim how many elements they hold; a claim that the bytes to come cannot keep is malformed. No level of nesting beyond
MAX_LEVELS is entered, as CVE-2026-43871 asks for.
"""

from __future__ import annotations

from typing import Any

from construct import ConstructError, StreamError

from xproto.plan import OpCode
from xproto.wire.base import WirePrimitive
from xproto.wire.hessian import Raw
from xproto.wire.theader import varint

MAX_LEVELS = 64
BOOL, I8, DOUBLE, I16, I32, I64, STRING, STRUCT, MAP, SET, LIST, UUID = 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16
_FIXED = {BOOL: 1, I8: 1, DOUBLE: 8, I16: 2, I32: 4, I64: 8, UUID: 16}
_LEAST = _FIXED | {STRING: 4, STRUCT: 1, MAP: 6, SET: 5, LIST: 5}
_COMPACT = dict(enumerate((BOOL, BOOL, I8, I16, I32, I64, DOUBLE, STRING, LIST, SET, MAP, STRUCT, UUID), start=1))
_COMPACT_LEAST = {BOOL: 1, I8: 1, DOUBLE: 8, UUID: 16}


class ThriftError(ConstructError):  # type: ignore[misc]
    """These bytes are no Thrift value."""


class Reader:
    """One walk over a stream."""

    def __init__(self, stream: Any, path: str, *, compact: bool) -> None:
        self.stream, self.path, self.compact = stream, path, compact

    def take(self, size: int) -> bytes:
        data = self.stream.read(size)
        if len(data) != size:
            raise StreamError("a value runs past the end", path=self.path)
        return bytes(data)

    def ahead(self, size: int) -> None:
        """Raises where so many bytes do not follow."""
        here = self.stream.tell()
        self.take(size)
        self.stream.seek(here)

    def wrong(self, why: str) -> ThriftError:
        return ThriftError(why, path=self.path)

    def varint(self, most: int) -> int:
        value = 0
        for index in range(most):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return value
        raise self.wrong(f"a varint of more than {most} bytes")

    def size(self) -> int:
        size = self.varint(5) if self.compact else int.from_bytes(self.take(4), "big")
        if size >> 31:
            raise self.wrong(f"a size of {size}")
        return size

    def struct(self, level: int) -> None:
        if level == MAX_LEVELS:
            raise self.wrong("too deep")
        while (head := self.take(1)[0]) != 0:
            if not self.compact:
                self.take(2)
                self.value(head, level + 1)
                continue
            if head & 15 not in _COMPACT:
                raise self.wrong(f"there is no type {head & 15}")
            if not head >> 4:
                self.varint(3)
            if head & 15 > 2:
                self.value(_COMPACT[head & 15], level + 1)

    def value(self, kind: int, level: int) -> None:
        if kind in _FIXED and not (self.compact and kind in {I16, I32, I64}):
            self.take(_FIXED[kind])
        elif kind in {I16, I32, I64}:
            self.varint(10 if kind == I64 else 5)
        elif kind == STRING:
            self.take(self.size())
        elif kind == STRUCT:
            self.struct(level)
        elif kind in {MAP, SET, LIST}:
            self.container(kind, level)
        else:
            raise self.wrong(f"there is no type {kind}")

    def container(self, kind: int, level: int) -> None:
        types, count = self._compact_head(kind) if self.compact else self._binary_head(kind)
        if count == 0:
            return
        least = sum((_COMPACT_LEAST.get(each, 1) if self.compact else _LEAST.get(each, 0)) if each else 0 for each in types)
        if not all(each in _LEAST for each in types):
            raise self.wrong(f"no such types: {types}")
        self.ahead(count * least)
        if level == MAX_LEVELS and (kind == MAP or not self._plain(types[0])):
            raise self.wrong("too deep")
        for _ in range(count):
            for each in types:
                self.value(each, level + 1)

    def _plain(self, kind: int) -> bool:
        return kind in _COMPACT_LEAST if self.compact else kind in _FIXED

    def _binary_head(self, kind: int) -> tuple[tuple[int, ...], int]:
        types = tuple(self.take(2 if kind == MAP else 1))
        return types, self.size()

    def _compact_head(self, kind: int) -> tuple[tuple[int, ...], int]:
        if kind == MAP:
            count = self.varint(5)
            if not count:
                return (), 0
            both = self.take(1)[0]
            return (_COMPACT.get(both >> 4, 0), _COMPACT.get(both & 15, 0)), count
        head = self.take(1)[0]
        return (_COMPACT.get(head & 15, 0),), self.varint(5) if head >> 4 == 15 else head >> 4


def _left(stream: Any) -> int:
    here = stream.tell()
    end = stream.seek(0, 2)
    stream.seek(here)
    return int(end - here)


class ThriftStruct(WirePrimitive):
    """One struct, in the binary or the compact protocol. At the root it is what the frame ends with."""

    opcode = OpCode.THRIFT_STRUCT
    kind = "rest"

    def __init__(self, *, compact: bool = False) -> None:
        super().__init__()
        self.compact = compact

    def operands(self) -> dict[str, Any]:
        return {"width": int(self.compact)}

    def _parse(self, stream: Any, _context: Any, path: str) -> Raw:
        start = stream.tell()
        Reader(stream, path, compact=self.compact).struct(0)
        end = stream.tell()
        stream.seek(start)
        return Raw(bytes(stream.read(end - start)))

    def _build(self, obj: Raw, stream: Any, _context: Any, _path: str) -> Any:
        stream.write(obj.data)
        return obj


class ThriftInfo(WirePrimitive):
    """THeader's headers: keys and values in blocks, then padding until the section ends."""

    opcode = OpCode.THRIFT_INFO
    kind = "block"
    needs_section = True

    def _parse(self, stream: Any, _context: Any, path: str) -> list[tuple[str, str]]:
        reader = Reader(stream, path, compact=True)
        pairs = []
        while _left(stream):
            number = reader.varint(5)
            if number == 0:
                reader.take(_left(stream))
                break
            if number > 2:
                raise reader.wrong(f"there is no info {number}")
            count = reader.varint(5)
            if count > _left(stream):
                raise reader.wrong(f"{count} pairs")
            for _ in range(count):
                key, value = (reader.take(reader.varint(5)).decode("utf-8", "surrogateescape") for _ in range(2))
                pairs.append((key, value))
        return pairs

    def _build(self, obj: Any, stream: Any, _context: Any, _path: str) -> Any:
        pairs = list(obj.items() if hasattr(obj, "items") else obj or ())
        if pairs:
            stream.write(b"\x01" + varint(len(pairs)))
        for pair in pairs:
            for text in pair:
                data = text.encode("utf-8", "surrogateescape")
                stream.write(varint(len(data)) + data)
        return obj
