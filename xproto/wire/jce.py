"""jce, the serialization of Tars: fields with a tag and a type in front, in the order of their tags.

Source of the format: the Tars framework's own readers (`JceInputStream`). An integer is written in the narrowest type
that holds it, and read in any; a tag below 15 is read in its form of one byte only. All of these stand inside a section:
a field that is not all there is malformed.
"""

from __future__ import annotations

import struct
from typing import Any

from construct import Construct, ConstructError, StreamError, evaluate

from xproto.plan import OpCode
from xproto.wire.base import WirePrimitive

I8, I16, I32, I64, FLOAT, DOUBLE, STRING1, STRING4, MAP, LIST, BEGIN, END, ZERO, BYTES = range(14)
MAX_LEVELS = 64
_INTEGERS = {I8: ">b", I16: ">h", I32: ">i", I64: ">q"}
_WIDTHS = {I8: 1, I16: 2, I32: 4, I64: 8, FLOAT: 4, DOUBLE: 8, ZERO: 0}


class JceError(ConstructError):  # type: ignore[misc]
    """These bytes are no field of the kind that must stand here."""


def _take(stream: Any, size: int, path: str) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise StreamError("a field runs past the end", path=path)
    return bytes(data)


def _head(stream: Any, path: str) -> tuple[int, int]:
    first = _take(stream, 1, path)[0]
    if first >> 4 < 15:
        return first >> 4, first & 15
    tag = _take(stream, 1, path)[0]
    if tag < 15:
        raise JceError(f"the tag {tag} in the form for tags from 15 on", path=path)
    return tag, first & 15


def _expect(stream: Any, tag: int, path: str) -> int:
    found, kind = _head(stream, path)
    if found != tag:
        raise JceError(f"field {found} instead of {tag}", path=path)
    return kind


def _integer(stream: Any, kind: int, path: str) -> int:
    if kind == ZERO:
        return 0
    if kind not in _INTEGERS:
        raise JceError(f"type {kind} is no integer", path=path)
    return int(struct.unpack(_INTEGERS[kind], _take(stream, _WIDTHS[kind], path))[0])


def _count(stream: Any, path: str) -> int:
    count = _integer(stream, _expect(stream, 0, path), path)
    if not 0 <= count <= _left(stream):
        raise JceError(f"a count of {count}", path=path)
    return count


def _left(stream: Any) -> int:
    here = stream.tell()
    end = stream.seek(0, 2)
    stream.seek(here)
    return int(end - here)


def _text(stream: Any, kind: int, path: str) -> bytes:
    if kind not in {STRING1, STRING4}:
        raise JceError(f"type {kind} is no text", path=path)
    return _take(stream, int.from_bytes(_take(stream, 1 if kind == STRING1 else 4, path), "big"), path)


def _bytes(stream: Any, path: str) -> bytes:
    if _expect(stream, 0, path) != I8:
        raise JceError("a list of something else than bytes", path=path)
    return _take(stream, _count(stream, path), path)


def _skip(stream: Any, kind: int, path: str, level: int = 0) -> None:
    if level == MAX_LEVELS and kind in {MAP, LIST, BEGIN}:
        raise JceError("too deep", path=path)
    if kind in _WIDTHS:
        _take(stream, _WIDTHS[kind], path)
    elif kind in {STRING1, STRING4}:
        _text(stream, kind, path)
    elif kind == BYTES:
        _bytes(stream, path)
    elif kind in {MAP, LIST}:
        for _ in range(_count(stream, path) * (2 if kind == MAP else 1)):
            _skip(stream, _head(stream, path)[1], path, level + 1)
    elif kind == BEGIN:
        while (inner := _head(stream, path)[1]) != END:
            _skip(stream, inner, path, level + 1)
    else:
        raise JceError(f"there is no type {kind}", path=path)


def head(tag: int, kind: int) -> bytes:
    """The head of a field."""
    return bytes((tag << 4 | kind,)) if tag < 15 else bytes((0xF0 | kind, tag))


def integer_field(tag: int, value: int) -> bytes:
    """An integer in the narrowest type that holds it."""
    if value == 0:
        return head(tag, ZERO)
    kind = next((kind for kind, width in enumerate((8, 16, 32)) if -(1 << width - 1) <= value < 1 << width - 1), I64)
    return head(tag, kind) + struct.pack(_INTEGERS[kind], value)


def text_field(tag: int, text: bytes) -> bytes:
    """A text in the shorter form if it fits."""
    if len(text) < 256:
        return head(tag, STRING1) + bytes((len(text),)) + text
    return head(tag, STRING4) + struct.pack(">I", len(text)) + text


class JceInteger(Construct):  # type: ignore[misc]
    """An integer field that must lie in lo..hi. tag: a number, or an expression of `this`."""

    def __init__(self, tag: Any, lo: int = -(1 << 31), hi: int = (1 << 31) - 1) -> None:
        super().__init__()
        self.tag, self.lo, self.hi = tag, lo, hi

    def _check(self, value: int, path: str) -> int:
        if not self.lo <= value <= self.hi:
            raise JceError(f"{value} is not in {self.lo}..{self.hi}", path=path)
        return value

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        return self._check(_integer(stream, _expect(stream, evaluate(self.tag, context), path), path), path)

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> int:
        stream.write(integer_field(evaluate(self.tag, context), self._check(obj, path)))
        return obj


class _Field(WirePrimitive):
    needs_section = True

    def __init__(self, tag: int) -> None:
        super().__init__()
        self.tag = tag

    def operands(self) -> dict[str, Any]:
        return {"width": self.tag}


class JceText(_Field):
    """A text of any length."""

    opcode = OpCode.JCE_TEXT
    kind = "text"

    def _parse(self, stream: Any, _context: Any, path: str) -> bytes:
        return _text(stream, _expect(stream, self.tag, path), path)

    def _build(self, obj: bytes, stream: Any, _context: Any, _path: str) -> bytes:
        stream.write(text_field(self.tag, obj))
        return obj


class JceBytes(_Field):
    """Bytes in one piece. Readers take a list of integers for bytes as well: it is passed over, and read as none."""

    opcode = OpCode.JCE_BYTES
    kind = "bytes"

    def _parse(self, stream: Any, _context: Any, path: str) -> bytes:
        kind = _expect(stream, self.tag, path)
        if kind == BYTES:
            return _bytes(stream, path)
        if kind != LIST:
            raise JceError(f"type {kind} is no list of bytes", path=path)
        _skip(stream, kind, path)
        return b""

    def _build(self, obj: bytes, stream: Any, _context: Any, _path: str) -> bytes:
        stream.write(head(self.tag, BYTES) + head(0, I8) + integer_field(0, len(obj)) + obj)
        return obj


class JceMap(_Field):
    """Texts by texts; pairs of anything else are passed over. Where the next field has a higher tag, there is none."""

    opcode = OpCode.JCE_MAP
    kind = "block"

    def _parse(self, stream: Any, _context: Any, path: str) -> list[tuple[str, str]]:
        here = stream.tell()
        if not _left(stream) or _head(stream, path)[0] > self.tag:
            stream.seek(here)
            return []
        stream.seek(here)
        if _expect(stream, self.tag, path) != MAP:
            raise JceError("no map", path=path)
        pairs = []
        for _ in range(_count(stream, path)):
            key, value = (self._one(stream, tag, path) for tag in (0, 1))
            if key is not None and value is not None:
                pairs.append((key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")))
        return pairs

    def _one(self, stream: Any, tag: int, path: str) -> bytes | None:
        kind = _expect(stream, tag, path)
        if kind in {STRING1, STRING4}:
            return _text(stream, kind, path)
        _skip(stream, kind, path)
        return None

    def _build(self, obj: Any, stream: Any, _context: Any, _path: str) -> Any:
        pairs = list(obj.items() if hasattr(obj, "items") else obj or ())
        stream.write(head(self.tag, MAP) + integer_field(0, len(pairs)))
        for pair in pairs:
            for tag, text in enumerate(pair):
                stream.write(text_field(tag, text.encode("utf-8", "surrogateescape")))
        return obj


class JceRest(WirePrimitive):
    """Further fields, whatever they are, until the section ends."""

    opcode = OpCode.JCE_REST
    kind = "rest"
    needs_section = True

    def _parse(self, stream: Any, _context: Any, path: str) -> bytes:
        start = stream.tell()
        while _left(stream):
            _skip(stream, _head(stream, path)[1], path)
        end = stream.tell()
        stream.seek(start)
        return bytes(stream.read(end - start))

    def _build(self, obj: bytes, stream: Any, _context: Any, _path: str) -> bytes:
        stream.write(obj)
        return obj
