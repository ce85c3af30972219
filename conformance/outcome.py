"""What reading bytes can end in: a whole frame, the wish for more, or a refusal. One vocabulary for all readers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Complete:
    """A frame of `size` bytes is there."""

    size: int


@dataclass(frozen=True, slots=True)
class More:
    """Asking again is useless before `total` bytes are there."""

    total: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """No continuation makes this a frame. `path` is the field that refused, `why` the reader's own words."""

    path: str = ""
    why: str = ""


Outcome = Complete | More | Malformed


class DisagreementError(AssertionError):
    """Two readings of the same bytes that must not differ, or a reading that must not be.

    what: the fault, in words that name the field. found: what each reader said.
    field: the dotted path of the field at fault, "" where it is no field's.
    made, wanted: bytes that were made from the frame, and those that should have been.
    """

    def __init__(
        self, what: str, data: bytes, *found: object, field: str = "", made: bytes | None = None, wanted: bytes | None = None
    ) -> None:
        shown = data.hex() if len(data) <= 512 else f"{data[:512].hex()}… ({len(data)} bytes)"
        super().__init__("\n".join([what, *(f"  {item}" for item in found), f"  bytes: {shown}"]))
        self.what = what
        self.data = data
        self.found = tuple(map(str, found))
        self.field = field
        self.made = made
        self.wanted = wanted
