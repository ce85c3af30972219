"""A body in chunks: length and bytes, again and again, until a chunk of length zero."""

from __future__ import annotations

from typing import Any

from construct import Construct, StringError, stream_read

from xproto.plan import SIGNED, OpCode
from xproto.wire.base import WirePrimitive
from xproto.wire.integers import integer_shape


class Chunked(WirePrimitive):
    """Chunks with an unsigned fixed-width length each; the empty chunk ends them.

    Parses to the list of non-empty chunks (bytes); builds from such a list, or from bytes as one chunk.
    """

    opcode = OpCode.CHUNKS
    kind = "chunks"

    def __init__(self, length: Construct) -> None:
        super().__init__()
        shape = integer_shape(length)
        if shape is None or shape[1] & SIGNED or shape[0] > 4:
            raise StringError("Chunked needs an unsigned integer of at most 4 bytes for its lengths, such as Int16ul")
        self.length = length
        self.width, self.flags = shape

    def operands(self) -> dict[str, Any]:
        return {"width": self.width, "flags": self.flags}

    def _parse(self, stream: Any, context: Any, path: str) -> list[bytes]:
        chunks = []
        while size := self.length._parsereport(stream, context, path):
            chunks.append(stream_read(stream, size, path))
        return chunks

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for chunk in [obj] if isinstance(obj, bytes) else obj or ():
            if chunk:
                self.length._build(len(chunk), stream, context, path)
                stream.write(chunk)
        self.length._build(0, stream, context, path)
        return obj
