"""python-hessian's reader of Hessian 2, without what it gets wrong or should not do with a stranger's bytes.

It leaves characters out of long texts, counts no empty list among the values that may be referred to, ends a map at a key that
is an empty map, and makes a class for each definition: so texts, bytes, lists, maps and objects are read here, and numbers,
dates and references there. Only imported where python-hessian is installed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from pyhessian.parser import Parser, ParserV2

from xproto.wire.hessian import decode_text
from xproto.wire.hessian_skip import Reader


class HessianMap(dict[Any, Any]):
    """A map; may be the key of another, as in Java."""

    __hash__ = object.__hash__  # type: ignore[assignment]


class HessianObject(HessianMap):
    """An object: its fields, and the `name` of its class."""

    name = ""


class HessianList(list[Any]):
    """A list; may be the key of a map."""

    __hash__ = object.__hash__  # type: ignore[assignment]


class _Values(ParserV2):  # type: ignore[misc]
    def __init__(self, base: Any, stream: BinaryIO) -> None:
        super().__init__(base)
        self._stream = stream

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise EOFError("the bytes end in the midst of a value")
        return data

    def value(self) -> Any:
        return self._read_object()

    def _read_object(self, code: bytes | None = None) -> Any:
        code = self._read(1) if code is None else code
        lead = code[0]
        if lead < 0x20 or 0x30 <= lead < 0x34 or code in b"RS":
            return self._text()
        if lead == 0x5F:
            return struct.unpack(">i", self._read(4))[0] / 1000
        if 0x20 <= lead < 0x30 or 0x34 <= lead < 0x38 or code in b"AB":
            return self._bytes(code)
        return super()._read_object(code)

    def _text(self) -> str:
        start = self._stream.tell() - 1
        self._stream.seek(start)
        reader = Reader(self._stream.read())
        text = reader.text_or_null() or b""
        self._stream.seek(start + reader.at)
        return decode_text(text)

    def _bytes(self, code: bytes) -> bytes:
        found = bytearray()
        while True:
            lead = code[0]
            if 0x20 <= lead < 0x30:
                size = lead - 0x20
            elif 0x34 <= lead < 0x38:
                size = (lead - 0x34) << 8 | self._read(1)[0]
            else:
                size = int.from_bytes(self._read(2), "big")
            found += self._read(size)
            if code != b"A":
                return bytes(found)
            code = self._read(1)

    def _read_list(self, typed: bool = False, fixed_length: bool = False, length: int | None = None) -> HessianList:
        if typed:
            self._read_object()
        found = HessianList()
        self._refs.append(found)
        if not fixed_length:
            while (code := self._read(1)) != b"Z":
                found.append(self._read_object(code))
            return found
        for _ in range(self._read_object() if length is None else length):
            found.append(self._read_object())
        return found

    def _read_map(self, code: bytes | None = None) -> HessianMap:
        if code is not None:
            self._read_object()
        found = HessianMap()
        self._refs.append(found)
        while (code := self._read(1)) != b"Z":
            key = self._read_object(code)
            found[key] = self._read_object()
        return found

    def _read_class_def(self) -> None:
        name, count = self._read_object(), self._read_object()
        self._classdefs.append((name, [self._read_object() for _ in range(count)]))

    def _read_class_object(self, code: bytes) -> HessianObject:
        number = self._read_object() if code == b"O" else code[0] - 0x60
        name, fields = self._classdefs[number]
        found = HessianObject()
        found.name = str(name)
        self._refs.append(found)
        for field in fields:
            found[str(field)] = self._read_object()
        return found


def parser(stream: BinaryIO) -> Callable[[], Any]:
    """Reads one value after the other from the stream; classes and references are known to all of them."""
    return _Values(Parser(), stream).value
