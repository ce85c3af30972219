"""Where a frame has what decides its size and its form, found by asking the codec about changed bytes.

So it works for any declaration: a length is where one more in an integer makes the codec ask for one more byte; a version
or a serialization is where a changed byte is refused, or read as another, under the name of a field of the roles `variant`
and `echo`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from conformance.generate.mutations import reseal
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Frame
from xproto.registry import Registered

HEAD = 64
"""Bytes of a frame in which its lengths and versions are looked for."""
WIDTH = 4
"""Of a length that can announce more than a frame's limit, in bytes."""
GIANTS = (1 << 30, (1 << 31) - 1)
"""Lengths that are positive however they are read; the greater may overflow where a header's size is added."""
PER_BYTE = 4
"""Values that each byte of a version or serialization is changed to."""


@dataclass(frozen=True)
class LengthField:
    """An integer of four bytes that counts bytes."""

    at: int
    order: Literal["big", "little"]

    def put(self, data: bytes, value: int) -> bytes:
        return data[: self.at] + value.to_bytes(WIDTH, self.order) + data[self.at + WIDTH :]


def length_fields(registered: Registered, frame: bytes) -> list[LengthField]:
    """The lengths of the frame that can announce more than its protocol's limit."""
    within = registered.protocol.limits.frame // 2 & ~0xFF  # one more changes the lowest byte alone
    orders: tuple[Literal["big", "little"], ...] = ("big", "little")
    places = range(min(len(frame) - WIDTH, HEAD) + 1)

    def asks(field: LengthField, value: int) -> int:
        return _asks(registered, field.put(frame, value))

    found = [LengthField(at, order) for order in orders for at in places]
    return [field for field in found if asks(field, within + 1) - asks(field, within) == 1]


def _asks(registered: Registered, data: bytes) -> int:
    """How many bytes the codec asks for, 0 where it does not ask."""
    try:
        found = registered.codec.scan_bytes(data, 0)
    except MalformedError:
        return 0
    return found.total if isinstance(found, NeedMore) else 0


def unknown_forms(registered: Registered, frame: bytes) -> Iterator[tuple[str, bytes]]:
    """The frame with another version or serialization, and what was changed; its size, kind and id are the same."""
    lowered, codec = registered.lowered, registered.codec
    before = codec.scan_bytes(frame, 0)
    assert isinstance(before, Frame), before
    paths = {value.path for value in (*lowered.variant.fields, *lowered.echo.fields)}
    ids = range(before.id_at, before.id_end if before.id_end > before.id_at >= 0 else before.id_at + lowered.id_width)
    for at in range(min(len(frame), HEAD)):
        if at in ids:
            continue
        changed = 0
        for flip in (0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0xFF):
            data = reseal(lowered.verify, frame[:at] + bytes((frame[at] ^ flip,)) + frame[at + 1 :])
            if changed < PER_BYTE and _other_form(registered, before, data, paths):
                changed += 1
                yield f"{data[at]:#04x} for {frame[at]:#04x} at offset {at}", data


def _other_form(registered: Registered, before: Frame, data: bytes, paths: set[str]) -> bool:
    try:
        after = registered.codec.scan_bytes(data, 0)
    except MalformedError as error:
        return error.path in paths
    if isinstance(after, NeedMore):
        return False
    same = before._replace(variant=after.variant, echo=after.echo) == after
    return same and (after.variant, after.echo) != (before.variant, before.echo)
