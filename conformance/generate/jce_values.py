"""Random fields of jce in all of the format's types: for skippers, which must find where each one ends."""

from __future__ import annotations

import random
from dataclasses import dataclass

from xproto.wire.jce import head, integer_field, text_field

_TEXTS = (b"", b"x", b"com.test.Echo", b"\xff", b"a" * 255, b"b" * 256)
_NUMBERS = (0, 1, -1, 127, 128, -32768, 65535, (1 << 31) - 1, 1 << 40)
_WIDTHS = (1, 2, 4, 8, 4, 8)


@dataclass
class JceWriter:
    """Writes fields, no deeper than `deepest`."""

    rng: random.Random
    deepest: int = 3

    def fields(self, first: int) -> bytes:
        """A few fields of rising tags from `first` on."""
        out, tag = b"", first
        for _ in range(self.rng.randrange(4)):
            out += self.field(tag)
            tag = min(tag + self.rng.choice((1, 2, 5)), 255)
        return out

    def field(self, tag: int, depth: int = 0) -> bytes:
        """One field of any type."""
        rng = self.rng
        simple = (self._integer, self._wide, self._text, self._bytes, self._float)
        if depth >= self.deepest or rng.random() < 0.6:
            return rng.choice(simple)(tag)
        return rng.choice((self._map, self._list, self._struct))(tag, depth + 1)

    def _integer(self, tag: int) -> bytes:
        return integer_field(tag, self.rng.choice(_NUMBERS))

    def _wide(self, tag: int) -> bytes:
        """An integer of a type that is wider than it needs to be."""
        kind = self.rng.randrange(4)
        return head(tag, kind) + self.rng.choice((0, 1, -1)).to_bytes(_WIDTHS[kind], "big", signed=True)

    def _float(self, tag: int) -> bytes:
        kind = self.rng.choice((4, 5))
        return head(tag, kind) + self.rng.randbytes(_WIDTHS[kind])

    def _text(self, tag: int) -> bytes:
        text = self.rng.choice(_TEXTS)
        if self.rng.random() < 0.3:
            return head(tag, 7) + len(text).to_bytes(4, "big") + text
        return text_field(tag, text)

    def _bytes(self, tag: int) -> bytes:
        data = self.rng.randbytes(self.rng.choice((0, 1, 9, 200)))
        return head(tag, 13) + head(0, 0) + integer_field(0, len(data)) + data

    def _map(self, tag: int, depth: int) -> bytes:
        count = self.rng.randrange(3)
        pairs = b"".join(self.field(side, depth) for _ in range(count) for side in (0, 1))
        return head(tag, 8) + integer_field(0, count) + pairs

    def _list(self, tag: int, depth: int) -> bytes:
        count = self.rng.randrange(4)
        return head(tag, 9) + integer_field(0, count) + b"".join(self.field(0, depth) for _ in range(count))

    def _struct(self, tag: int, depth: int) -> bytes:
        inner = b"".join(self.field(self.rng.randrange(20), depth) for _ in range(self.rng.randrange(3)))
        return head(tag, 10) + inner + head(0, 11)
