"""Random Thrift structs in all of the encodings of the binary and the compact protocol, and TTwitter's headers.

Written from Apache Thrift's specifications and Finagle's tracing.thrift.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from xproto.wire.theader import varint

BOOL, I8, DOUBLE, I16, I32, I64, STRING, STRUCT, MAP, SET, LIST, UUID = 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16
_WIDTHS = {BOOL: 1, I8: 1, DOUBLE: 8, I16: 2, I32: 4, I64: 8, UUID: 16}
_COMPACT = {I8: 3, I16: 4, I32: 5, I64: 6, DOUBLE: 7, STRING: 8, LIST: 9, SET: 10, MAP: 11, STRUCT: 12, UUID: 13}
_SIMPLE = (BOOL, I8, DOUBLE, I16, I32, I64, STRING, UUID)
_NESTED = (STRUCT, MAP, SET, LIST)
_TEXTS = (b"", b"x", b"com.test.Echo", b"\xff\x00", b"a" * 130)


@dataclass
class ThriftWriter:
    """Writes structs in one of the two protocols, no deeper than `deepest`."""

    rng: random.Random
    compact: bool = False
    deepest: int = 3

    def struct(self, depth: int = 0) -> bytes:
        """A struct of a few fields."""
        out, last = b"", 0
        for _ in range(self.rng.choice((0, 1, 1, 2, 3, 5))):
            number = last + self.rng.choice((1, 1, 2, 15, 16, 300)) if self.rng.random() < 0.9 else self.rng.randrange(99)
            out += self.field(number, last, self.kind(depth), depth)
            last = number
        return out + b"\0"

    def kind(self, depth: int) -> int:
        """A type that a value at this depth may have."""
        return self.rng.choice(_SIMPLE if depth >= self.deepest or self.rng.random() < 0.6 else _NESTED)

    def field(self, number: int, last: int, kind: int, depth: int) -> bytes:
        """A field. last: the number of the one before, from which the compact protocol counts."""
        if not self.compact:
            return bytes((kind,)) + number.to_bytes(2, "big") + self.value(kind, depth + 1)
        code = self.rng.choice((1, 2)) if kind == BOOL else _COMPACT[kind]
        head = bytes((number - last << 4 | code,)) if 0 < number - last < 16 else bytes((code,)) + varint(2 * number)
        return head if kind == BOOL else head + self.value(kind, depth + 1)

    def value(self, kind: int, depth: int) -> bytes:
        """A value, as a field or an element has it."""
        rng = self.rng
        if self.compact and kind in {I16, I32, I64}:
            return varint(rng.choice((0, 1, 127, 128, 300, (1 << 8 * _WIDTHS[kind]) - 1)))
        if kind in _WIDTHS:
            return rng.choice((b"\1", b"\2")) if kind == BOOL else rng.randbytes(_WIDTHS[kind])
        if kind == STRING:
            text = rng.choice(_TEXTS)
            return self.size(len(text)) + text
        if kind == STRUCT:
            return self.struct(depth)
        return self.map(depth) if kind == MAP else self.list(depth)

    def size(self, size: int) -> bytes:
        return varint(size) if self.compact else size.to_bytes(4, "big")

    def map(self, depth: int) -> bytes:
        count, key, value = self.rng.choice((0, 1, 2)), self.kind(depth), self.kind(depth)
        if self.compact:
            head = varint(count) + (bytes((self.code(key) << 4 | self.code(value),)) if count else b"")
        else:
            head = bytes((key, value)) + self.size(count)
        return head + b"".join(self.value(each, depth + 1) for _ in range(count) for each in (key, value))

    def list(self, depth: int) -> bytes:
        count, kind = self.rng.choice((0, 1, 2, 14, 15, 16) if depth > 1 else (0, 1, 3)), self.kind(depth)
        if not self.compact:
            head = bytes((kind,)) + self.size(count)
        elif count < 15:
            head = bytes((count << 4 | self.code(kind),))
        else:
            head = bytes((0xF0 | self.code(kind),)) + varint(count)
        return head + b"".join(self.value(kind, depth + 1) for _ in range(count))

    def code(self, kind: int) -> int:
        """The compact protocol's number for the type of an element."""
        return self.rng.choice((1, 2)) if kind == BOOL else _COMPACT[kind]

    def header(self) -> bytes:
        """A header of TTwitter: the fields that Finagle has, others, and some of another type than it has."""
        rng, out = self.rng, b""
        for number in rng.sample((1, 6, 6, 7, 8, 8, 9, 9, 10), rng.randrange(5)):
            if number == 8 and rng.random() < 0.8:
                contexts = [self._context() for _ in range(rng.randrange(4))]
                out += b"\x0f\x00\x08\x0c" + len(contexts).to_bytes(4, "big") + b"".join(contexts)
            elif number == 6 and rng.random() < 0.8:
                out += (
                    b"\x0c\x00\x06" + self._text(1, rng.choice((b"web", b""))) + rng.choice((b"", self._text(2, b"x"))) + b"\0"
                )
            elif number == 9 and rng.random() < 0.8:
                out += self._text(9, rng.choice((b"/s/echo", b"")))
            else:
                out += self.field(number, 0, self.kind(1), 1)
        return out + b"\0"

    def _context(self) -> bytes:
        keys = (b"service", b"group", b"k", b"client_id", b"dest", b"method")
        parts = [self._text(1, self.rng.choice(keys)), self._text(2, self.rng.choice((b"v", b"", b"last")))]
        if self.rng.random() < 0.3:
            parts.append(self.field(self.rng.choice((1, 2, 3)), 0, self.kind(2), 2))
        self.rng.shuffle(parts)
        return b"".join(parts[: self.rng.choice((1, 2, 3, 3))]) + b"\0"

    @staticmethod
    def _text(number: int, text: bytes) -> bytes:
        return b"\x0b" + number.to_bytes(2, "big") + len(text).to_bytes(4, "big") + text
