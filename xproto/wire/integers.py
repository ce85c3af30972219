"""Integers whose limits are part of the layout, so that construct and the Plan refuse the same bytes.

construct's own validators hide their bounds in closures, where nothing can read them.
"""

from __future__ import annotations

from typing import Any

from construct import BytesInteger as ConstructBytesInteger
from construct import Construct, Enum, EnumInteger, FormatField, Subconstruct, ValidationError, VarInt, stream_read

from xproto.plan import LITTLE, SIGNED


def varint_bytes(hi: int) -> int:
    """The most bytes that a varint of at most `hi` takes; a longer form of the same number is malformed."""
    return max(1, -(-hi.bit_length() // 7))


class Bounded(Subconstruct):  # type: ignore[misc]
    """An integer that must lie in lo..hi (both inclusive)."""

    def __init__(self, sub: Construct, lo: int, hi: int) -> None:
        super().__init__(sub)
        self.lo = lo
        self.hi = hi

    def _check(self, value: int | None, path: str) -> int:
        if value is None:
            raise ValidationError("it has no value", path=path)
        if not self.lo <= value <= self.hi:
            raise ValidationError(f"{value} is not in {self.lo}..{self.hi}", path=path)
        return value

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        value = self._varint(stream, path) if self.subcon is VarInt else self.subcon._parsereport(stream, context, path)
        return self._check(value, path)

    def _varint(self, stream: Any, path: str) -> int:
        value = 0
        for index in range(varint_bytes(self.hi)):
            byte = int(stream_read(stream, 1, path)[0])
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return value
        raise ValidationError(f"a varint of more than {varint_bytes(self.hi)} bytes", path=path)

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> Any:
        return self.subcon._build(self._check(obj, path), stream, context, path)


class Known(Subconstruct):  # type: ignore[misc]
    """An Enum of which only the named values are legal."""

    def __init__(self, sub: Enum) -> None:
        super().__init__(sub)

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        value = self.subcon._parsereport(stream, context, path)
        if type(value) is EnumInteger:
            raise ValidationError(f"{int(value)} is none of {', '.join(sorted(map(str, self.subcon.encmapping)))}", path=path)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.subcon._build(obj, stream, context, path)


_FORMATS = {"B": 1, "H": 2, "L": 4, "Q": 8, "b": 1, "h": 2, "l": 4, "q": 8}


def integer_shape(sub: Construct) -> tuple[int, int] | None:
    """Width in bytes and the LITTLE and SIGNED flags of a fixed-width integer construct; None for anything else."""
    if type(sub) is FormatField:
        end, code = sub.fmtstr
        if code not in _FORMATS or end == "=":
            return None
        return _FORMATS[code], (LITTLE if end == "<" else 0) | (SIGNED if code.islower() else 0)
    if type(sub) is ConstructBytesInteger and isinstance(sub.length, int) and 1 <= sub.length <= 8:
        if not isinstance(sub.swapped, bool):
            return None
        return sub.length, (LITTLE if sub.swapped else 0) | (SIGNED if sub.signed else 0)
    return None
