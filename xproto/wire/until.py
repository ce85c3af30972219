"""Text that lasts until a delimiter, as the lines of text protocols do.

Of our own because construct's NullTerminated has no limit: a frame's end that is looked for needs one.
"""

from __future__ import annotations

from typing import Any

from construct import StringError, ValidationError, stream_read, stream_write

from xproto.plan import MAX_UNTIL, OpCode
from xproto.wire.base import WirePrimitive


class Until(WirePrimitive):
    """The bytes before `end`, at most `most` of them; `end` itself is taken too.

    Parses to bytes without the delimiter, and builds from them; a value that holds the delimiter cannot be built.
    """

    opcode = OpCode.UNTIL
    kind = "bytes"

    def __init__(self, end: bytes, most: int) -> None:
        super().__init__()
        if not isinstance(end, bytes) or not end:
            raise StringError(f"Until needs the bytes that end the text, such as b'\\n', not {end!r}")
        if not 0 <= most <= MAX_UNTIL:
            raise StringError(f"Until looks for its end within 0..{MAX_UNTIL} bytes, not {most}")
        self.end = end
        self.most = most

    def operands(self) -> dict[str, Any]:
        return {"data": self.end, "most": self.most}

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        found = b""
        while not found.endswith(self.end):
            if len(found) >= self.most + len(self.end):
                raise ValidationError(f"no {self.end!r} behind {self.most} bytes", path=path)
            found += stream_read(stream, 1, path)
        return found[: -len(self.end)]

    def _build(self, obj: bytes, stream: Any, context: Any, path: str) -> Any:
        whole = obj + self.end
        if len(obj) > self.most or whole.find(self.end) != len(obj):
            raise ValidationError(f"{obj!r} is over {self.most} bytes, or holds {self.end!r}", path=path)
        stream_write(stream, whole, len(whole), path)
        return obj
