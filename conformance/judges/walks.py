"""Reading bytes as a Plan does: sections, integers, and the wire primitives, with a note of every integer read.

The Python half of what the kernel does in `keyvalues.pyx` and `hessian.pyx`, written from the formats' descriptions.
Hessian values are walked by the reference in `xproto.wire.hessian_skip`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

from conformance.judges.trace import Part
from xproto.lower.interpreted import Reader as InterpretedReader
from xproto.plan import LITTLE, NONE, SIGNED, Op, OpCode, Plan
from xproto.wire.hessian import count_types
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError

_PAIR = re.compile(rb"\xed([\xa0-\xaf])(.)\xed([\xb0-\xbf])(.)", re.DOTALL)


class ShortSignal(Exception):  # noqa: N818 - a signal to the interpreter
    """The bytes end; `total` would be enough for the read that failed, 0 where that is not known."""

    def __init__(self, total: int = 0) -> None:
        super().__init__()
        self.total = total


class BadSignal(Exception):  # noqa: N818 - likewise
    """The bytes are no value of this kind."""


@dataclass
class Reading:
    """A position in a frame's bytes, the sections around it, and what was captured."""

    plan: Plan
    data: bytes
    at: int = 0
    sections: list[int] = field(default_factory=list)
    slots: dict[int, bytes] = field(default_factory=dict)
    inner: list[Part] = field(default_factory=list)
    reader: Reader | None = None
    direction: int = 0

    @property
    def stop(self) -> int:
        return self.sections[-1] if self.sections else len(self.data)

    def take(self, size: int) -> bytes:
        if self.at + size > self.stop:
            raise ShortSignal(self.at + size)
        self.at += size
        return self.data[self.at - size : self.at]

    def integer(self, width: int, flags: int) -> int:
        raw = self.take(width)
        return int.from_bytes(raw, "little" if flags & LITTLE else "big", signed=bool(flags & SIGNED))

    def _text(self, op: Op) -> bytes | None:
        here = self.at
        size = self.integer(op.width, op.flags)
        self.inner.append(Part(here, op.width, op.width, op.flags & (LITTLE | SIGNED)))
        if size < -1 or size >= 1 << 63:
            raise BadSignal
        return None if size == -1 else self.take(size)

    def key_values(self, op: Op) -> None:
        while self.at < self.stop:
            key, value = self._text(op), self._text(op)
            if key is not None and value is not None:
                for name, slot in op.keys:
                    if name == key:
                        self.slots[slot] = value

    def chunks(self, op: Op) -> None:
        while True:
            here = self.at
            size = self.integer(op.width, op.flags)
            self.inner.append(Part(here, op.width, op.width, op.flags & LITTLE))
            if not size:
                return
            if self.at + size > self.plan.limit:
                raise BadSignal
            if self.at + size > self.stop:
                raise ShortSignal(self.at + size + op.width)
            self.at += size

    def until(self, op: Op) -> None:
        found = self.data[: self.stop].find(op.data, self.at)
        if found > self.at + op.x or (found < 0 and self.stop - self.at >= op.x + len(op.data)):
            raise BadSignal
        if found < 0:
            raise ShortSignal(max(self.stop + 1, self.at + len(op.data)))
        if op.b != NONE:
            self.slots[op.b] = self.data[self.at : found]
        self.at = found + len(op.data)

    def interpreted(self, op: Op) -> None:
        data = self.take(self.stop - self.at if op.x < 0 else op.x)
        reader = cast("InterpretedReader", op.reader)
        try:
            value = reader.parse(data, self.direction)
            found = reader.block(value) if op.keys else {}
        except Exception:  # noqa: BLE001 - whatever the construct raises is the frame's fault
            raise BadSignal from None
        texts = {slot: reader.pick(found, key) for key, slot in op.keys}
        if op.b != NONE:
            texts[op.b] = reader.text(value)
        self.slots.update({slot: text for slot, text in texts.items() if text is not None})

    def hessian(self, op: Op) -> None:
        classes = self.reader.classes if self.reader else []
        reader = self.reader = Reader(self.data[: self.stop], self.at, classes)
        try:
            match op.code:
                case OpCode.HESSIAN_TEXT:
                    self._capture(op.b, reader.text_or_null())
                case OpCode.HESSIAN_ARGS:
                    self._arguments(op, reader)
                case _:
                    self._map(op, reader)
        except BadValueError:
            raise BadSignal from None
        except ShortError:
            raise ShortSignal from None
        self.at = reader.at

    def _capture(self, slot: int, text: bytes | None) -> None:
        self.slots.pop(slot, None)
        if slot != NONE and text is not None:
            self.slots[slot] = joined(text)

    def _arguments(self, op: Op, reader: Reader) -> None:
        count = count_types(self.slots.get(op.a, b"").decode("latin-1"))
        if count > len(reader.data) - reader.at:
            raise ShortError
        if count and _is_text(reader):
            self._capture(op.b, reader.text_or_null())
            count -= 1
        reader.skip(count)

    def _map(self, op: Op, reader: Reader) -> None:
        lead = reader.lead()
        if lead == 0x4E:
            return
        if lead == 0x4D:
            reader.type_name()
        elif lead != 0x48:
            raise BadValueError
        slots = dict(op.keys)
        while reader.lead() != 0x5A:
            reader.at -= 1
            key = self._item(reader)
            value = self._item(reader)
            slot = slots.get(key) if key is not None else None
            if slot is not None:
                self._capture(slot, value)

    @staticmethod
    def _item(reader: Reader) -> bytes | None:
        if _is_text(reader):
            return joined(reader.text_or_null() or b"")
        reader.skip()
        return None


def _is_text(reader: Reader) -> bool:
    lead = reader.lead()
    reader.at -= 1
    return lead < 0x20 or 0x30 <= lead < 0x34 or lead in b"SR"


def joined(text: bytes) -> bytes:
    """Java's pairs of three-byte surrogates as the four bytes of UTF-8; all other bytes as they are."""
    at, found = 0, False
    while at < len(text) and not found:
        lead = text[at]
        found = lead == 0xED and text[at + 1 : at + 2] >= b"\xa0"
        at += 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    return _PAIR.sub(_point, text) if found else text


def _point(pair: re.Match[bytes]) -> bytes:
    high = (pair[1][0] & 0x0F) << 6 | pair[2][0] & 0x3F
    low = (pair[3][0] & 0x0F) << 6 | pair[4][0] & 0x3F
    return chr(0x10000 + (high << 10 | low)).encode()
