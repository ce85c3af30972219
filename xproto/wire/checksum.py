"""A trailing CRC-32 (zlib's, IEEE 802.3) over everything of the frame that stands before it.

Of our own because construct's Checksum takes Python functions, which nothing can lower. The proxy never repairs a
checksum: a rewritten id changes it by linearity, so a frame that came corrupted leaves corrupted.
"""

from __future__ import annotations

import zlib
from typing import Any

from construct import ChecksumError, Int32ub, Int32ul

from xproto.plan import LITTLE, OpCode
from xproto.wire.base import WirePrimitive


class TrailingCrc32(WirePrimitive):
    """Four bytes at the frame's root: the CRC-32 of all bytes before them. Parses to, and builds, the checksum."""

    opcode = OpCode.CRC32
    kind = "checksum"

    def __init__(self, *, little: bool = False) -> None:
        super().__init__()
        self.flagbuildnone = True
        self.field = Int32ul if little else Int32ub
        self.flags = LITTLE if little else 0

    def operands(self) -> dict[str, Any]:
        return {"width": 4, "flags": self.flags}

    @staticmethod
    def _computed(stream: Any) -> int:
        here = stream.tell()
        stream.seek(0)
        data = stream.read(here)
        return zlib.crc32(data)

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        expected = self._computed(stream)
        found = int(self.field._parsereport(stream, context, path))
        if found != expected:
            raise ChecksumError(f"checksum {found:#010x}, computed {expected:#010x}", path=path)
        return found

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        value = self._computed(stream)
        return self.field._build(value, stream, context, path)
