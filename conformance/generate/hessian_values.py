"""Random Hessian2 values in all of the format's encodings: for skippers, which must find where each one ends."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from xproto.wire.hessian import encode_text

_TEXTS = ("", "x", "com.test.Echo", "\N{SNOWMAN}\u00e9", "\U0001f600!", "a" * 31, "b" * 32, "c" * 1023, "d" * 1100)


@dataclass
class HessianWriter:
    """Writes values; `classes` holds the field counts of the definitions so far, as a reader of the frame sees them."""

    rng: random.Random
    classes: list[int] = field(default_factory=list)
    deepest: int = 4

    def text(self) -> bytes:
        rng = self.rng
        value = rng.choice(_TEXTS)
        if rng.random() < 0.2:
            pieces = [rng.choice(_TEXTS) for _ in range(rng.randrange(3))]
            return b"".join(b"R" + _units(p).to_bytes(2, "big") + _cesu(p) for p in pieces) + encode_text(value)
        if rng.random() < 0.3:
            return b"S" + _units(value).to_bytes(2, "big") + _cesu(value)
        return encode_text(value)

    def integer(self, value: int | None = None) -> bytes:
        """An int in one of the forms that can hold it."""
        rng = self.rng
        number = rng.choice((0, 1, -1, 47, 48, 2047, -2048, 262143, 1 << 30, -(1 << 31))) if value is None else value
        forms = [b"I" + number.to_bytes(4, "big", signed=True)]
        if -0x10 <= number <= 0x2F:
            forms.append(bytes((0x90 + number,)))
        if -0x800 <= number <= 0x7FF:
            forms.append(bytes((0xC8 + (number >> 8), number & 0xFF)))
        if -0x40000 <= number <= 0x3FFFF:
            forms.append(bytes((0xD4 + (number >> 16), number >> 8 & 0xFF, number & 0xFF)))
        return rng.choice(forms)

    def binary(self) -> bytes:
        rng = self.rng
        data = rng.randbytes(rng.choice((0, 1, 15, 16, 300, 1030)))
        out = b""
        if rng.random() < 0.3:
            out, data = b"A" + len(data).to_bytes(2, "big") + data, data[:9]
        if len(data) < 16:
            return out + bytes((0x20 + len(data),)) + data
        if len(data) < 1024:
            return out + bytes((0x34 + (len(data) >> 8), len(data) & 0xFF)) + data
        return out + b"B" + len(data).to_bytes(2, "big") + data

    def fixed(self) -> bytes:
        rng = self.rng
        lead = rng.choice((*b"NTF", 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, *b"IYKLDJ", 0xE0, 0xF8, 0x3C, 0xD8, 0xEF, 0xF0, 0xFF, 0x38))
        width = {0x5D: 1, 0x5E: 2, 0x5F: 4, 0xF8: 1, 0xF0: 1, 0xFF: 1, 0x3C: 2, 0x38: 2}
        width |= dict.fromkeys(b"IYK", 4) | dict.fromkeys(b"LDJ", 8)
        return bytes((lead,)) + rng.randbytes(width.get(lead, 0))

    def type_name(self) -> bytes:
        return self.text() if self.rng.random() < 0.6 else self.integer(self.rng.randrange(9))

    def value(self, depth: int = 0) -> bytes:
        rng = self.rng
        simple = (self.text, self.integer, self.binary, self.fixed, lambda: b"Q" + self.integer(rng.randrange(300)))
        if depth >= self.deepest or rng.random() < 0.5:
            return rng.choice(simple)()
        return rng.choice((self._map, self._open_list, self._counted, self._object))(depth + 1)

    def _map(self, depth: int) -> bytes:
        head = b"H" if self.rng.random() < 0.5 else b"M" + self.type_name()
        return head + b"".join(self.value(depth) for _ in range(2 * self.rng.randrange(4))) + b"Z"

    def _open_list(self, depth: int) -> bytes:
        head = b"W" if self.rng.random() < 0.5 else b"U" + self.type_name()
        return head + b"".join(self.value(depth) for _ in range(self.rng.randrange(4))) + b"Z"

    def _counted(self, depth: int) -> bytes:
        count = self.rng.randrange(8)
        head = self.rng.choice(
            (
                lambda: b"V" + self.type_name() + self.integer(count),
                lambda: b"X" + self.integer(count),
                lambda: bytes((0x70 + count,)) + self.type_name(),
                lambda: bytes((0x78 + count,)),
            )
        )()
        return head + b"".join(self.value(depth) for _ in range(count))

    def _object(self, depth: int) -> bytes:
        rng = self.rng
        if not self.classes or rng.random() < 0.5:
            fields = rng.randrange(4)
            self.classes.append(fields)
            names = b"".join(encode_text(f"field{i}") for i in range(fields))
            return b"C" + self.text() + self.integer(fields) + names + self.value(depth)
        which = rng.randrange(len(self.classes))
        head = bytes((0x60 + which,)) if which < 16 and rng.random() < 0.7 else b"O" + self.integer(which)
        return head + b"".join(self.value(depth) for _ in range(self.classes[which]))


def _units(text: str) -> int:
    return len(text.encode("utf-16-be")) // 2


def _cesu(text: str) -> bytes:
    units = text.encode("utf-16-be")
    return b"".join(
        units[i : i + 2].decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass") for i in range(0, len(units), 2)
    )
