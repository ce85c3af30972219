"""Length-prefixed key-value blocks, as Bolt's header map: length, key, length, value, until the section ends.

A length of -1 is null, and a pair with a null key or value is dropped. A repeated key resolves to its last value, as
the Java implementation's map does. Source of the format: SOFABolt's and SOFARPC's header serializers.
"""

from __future__ import annotations

from typing import Any

from construct import Construct, StreamError, StringError

from xproto.plan import SIGNED, OpCode
from xproto.wire.base import WirePrimitive
from xproto.wire.integers import integer_shape

NULL = -1


class KeyValues(WirePrimitive):
    """Pairs of byte strings until the end of the section, each with a length in front.

    length: a fixed-width integer construct; where it is signed, -1 is null and anything below is malformed.
    Parses to a list of (key, value) pairs of `str`, in wire order; builds from such a list or a mapping.
    """

    opcode = OpCode.KEYVALUES
    kind = "block"
    needs_section = True

    def __init__(self, length: Construct) -> None:
        super().__init__()
        shape = integer_shape(length)
        if shape is None:
            raise StringError("KeyValues needs a fixed-width integer for its lengths, such as Int32sb")
        self.length = length
        self.width, self.flags = shape

    def operands(self) -> dict[str, Any]:
        return {"width": self.width, "flags": self.flags}

    def _text(self, stream: Any, context: Any, path: str) -> bytes | None:
        size = self.length._parsereport(stream, context, path)
        if size < 0:
            if size == NULL and self.flags & SIGNED:
                return None
            raise StringError(f"length {size} is negative", path=path)
        data = stream.read(size) if size <= _remaining(stream) else b""
        if len(data) != size:
            raise StreamError(f"length {size} runs past the end of the block", path=path)
        return bytes(data)

    def _parse(self, stream: Any, context: Any, path: str) -> list[tuple[str, str]]:
        pairs = []
        while _remaining(stream):
            key, value = self._text(stream, context, path), self._text(stream, context, path)
            if key is not None and value is not None:
                pairs.append((key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")))
        return pairs

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for pair in obj.items() if hasattr(obj, "items") else obj or ():
            for text in pair:
                data = text.encode("utf-8", "surrogateescape")
                self.length._build(len(data), stream, context, path)
                stream.write(data)
        return obj


def _remaining(stream: Any) -> int:
    here = stream.tell()
    stream.seek(0, 2)
    end = stream.tell()
    stream.seek(here)
    return int(end - here)
