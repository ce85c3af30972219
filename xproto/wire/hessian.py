"""Hessian2 as a proxy needs it: read texts and the string pairs of a map, skip everything else, make nothing.

Class names on the wire are never looked up, let alone instantiated (CVE-2019-17564 and its many siblings). The class
definitions met so far belong to the whole frame, as in Java's reader, so they are kept in the construct context.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from construct import StreamError, StringError

from xproto.plan import OpCode
from xproto.wire.base import WirePrimitive
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError

_CHUNK = 0x8000
"""Units a long string is cut into when it is built; the Java implementation does the same."""
_CLASSES = "_hessian_classes"
_NAME = "[A-Za-z_$][A-Za-z0-9_$]*"
_TYPE = re.compile(rf"\[*(?:[VZBCDFIJS]|L{_NAME}(?:/{_NAME})*;)")


@dataclass(frozen=True)
class Raw:
    """A serialized value as it stands on the wire."""

    data: bytes


def decode_text(data: bytes) -> str:
    """Hessian's UTF-8 with surrogates in three bytes each (as Java writes) as a str; undecodable bytes are escaped."""
    try:
        text = data.decode("utf-8", "surrogatepass")
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return data.decode("utf-8", "backslashreplace")


def encode_text(text: str | None) -> bytes:
    """A string (or null) as Java writes it."""
    if text is None:
        return b"N"
    units = text.encode("utf-16-be", "surrogatepass")
    chars = [units[i : i + 2].decode("utf-16-be", "surrogatepass") for i in range(0, len(units), 2)]
    out = bytearray()
    while len(chars) > _CHUNK:
        out += b"R" + _CHUNK.to_bytes(2, "big") + "".join(chars[:_CHUNK]).encode("utf-8", "surrogatepass")
        chars = chars[_CHUNK:]
    size = len(chars)
    if size < 0x20:
        out.append(size)
    elif size < 0x400:
        out += bytes((0x30 + (size >> 8), size & 0xFF))
    else:
        out += b"S" + size.to_bytes(2, "big")
    return bytes(out + "".join(chars).encode("utf-8", "surrogatepass"))


def encode_value(value: Any) -> bytes:
    """A str, int, bool, None or `Raw` as Hessian2."""
    if isinstance(value, Raw):
        return value.data
    if value is None or isinstance(value, str):
        return encode_text(value)
    if isinstance(value, bool):
        return b"T" if value else b"F"
    if isinstance(value, int):
        if -0x10 <= value <= 0x2F:
            return bytes((0x90 + value,))
        return b"I" + value.to_bytes(4, "big", signed=True)
    raise StringError(f"{type(value).__name__} is not written as Hessian2 here; give Raw(bytes)")


def encode_map(pairs: Any) -> bytes:
    """A mapping (or an iterable of pairs) as an untyped map; None as null."""
    if pairs is None:
        return b"N"
    items: Iterable[tuple[Any, Any]] = pairs.items() if hasattr(pairs, "items") else pairs
    return b"H" + b"".join(encode_value(k) + encode_value(v) for k, v in items) + b"Z"


class _Hessian(WirePrimitive):
    """Runs a `Reader` over the rest of the stream and puts the position back to where it stopped."""

    def _read(self, reader: Reader, context: Any) -> Any:
        raise NotImplementedError

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        here = stream.tell()
        root = context.get("_root", context)
        reader = Reader(stream.read(), classes=root.setdefault(_CLASSES, []))
        try:
            value = self._read(reader, context)
        except BadValueError:
            raise StringError("not a Hessian2 value of this kind", path=path) from None
        except ShortError:
            stream.read(1)  # past the end: whoever listens to the stream's short reads hears it
            raise StreamError("the value runs past the end", path=path) from None
        stream.seek(here + reader.at)
        return value


class HessianText(_Hessian):
    """One string, or null. Parses to `str` or None."""

    opcode = OpCode.HESSIAN_TEXT
    kind = "text"

    def _read(self, reader: Reader, context: Any) -> Any:
        data = reader.text_or_null()
        return None if data is None else decode_text(data)

    def _build(self, obj: str | None, stream: Any, context: Any, path: str) -> Any:
        stream.write(encode_text(obj))
        return obj


class HessianArguments(_Hessian):
    """As many values as the JVM descriptor in another text field has types. Parses to the `Raw` bytes of all."""

    opcode = OpCode.HESSIAN_ARGS
    kind = "values"

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.descriptor = descriptor

    def argument(self) -> Any:
        return self.descriptor

    def _read(self, reader: Reader, context: Any) -> Any:
        count = count_types(self.descriptor(context))
        start = reader.at
        reader.skip(count)
        return Raw(reader.data[start : reader.at])

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(obj.data if isinstance(obj, Raw) else b"".join(encode_value(v) for v in obj or ()))
        return obj


class HessianMap(_Hessian):
    """A map, or null. Parses to a list of (key, value): texts as `str`, all else as `Raw`."""

    opcode = OpCode.HESSIAN_MAP
    kind = "block"

    def _read(self, reader: Reader, context: Any) -> Any:
        lead = reader.lead()
        if lead == 0x4E:
            return None
        if lead == 0x4D:
            reader.type_name()
        elif lead != 0x48:
            raise BadValueError
        pairs = []
        while reader.lead() != 0x5A:
            reader.at -= 1
            key = self._item(reader)
            pairs.append((key, self._item(reader)))
        return pairs

    @staticmethod
    def _item(reader: Reader) -> Any:
        start = reader.at
        lead = reader.lead()
        reader.at = start
        if lead < 0x20 or 0x30 <= lead < 0x34 or lead in b"SR":
            return decode_text(reader.text_or_null() or b"")
        reader.skip()
        return Raw(reader.data[start : reader.at])

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(encode_map(obj))
        return obj


def count_types(descriptor: str | None) -> int:
    """How many types a JVM descriptor such as ``Ljava/lang/String;[I`` names; raises BadValueError.

    Providers search a descriptor for what looks like types, so in ``L1II;`` they find two ints. Only a text that their
    pattern takes as a whole is a descriptor here.
    """
    count, at, text = 0, 0, descriptor or ""
    while at < len(text):
        found = _TYPE.match(text, at)
        if found is None:
            raise BadValueError
        at = found.end()
        count += 1
    return count
