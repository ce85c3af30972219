"""Walking over Hessian2 values without ever making one: the reference for the kernel's op.

Nothing of a value is instantiated, no reference is followed, nothing recurses: nesting is a list of counters, and a
count is checked against the bytes that remain, since every value takes at least one. The only state is the number of
fields of each class definition met so far. Source of the format: the Hessian 2.0 serialization specification, and
hessian-lite's reader where the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_DEPTH = 512
"""Maps and open lists inside each other; the kernel keeps a counter for each on its stack."""
MAX_CLASSES = 1024
"""Class definitions in one frame, likewise."""

_WIDTHS: dict[int, int] = {
    **dict.fromkeys([*b"NTF", 0x5B, 0x5C, *range(0x80, 0xC0), *range(0xD8, 0xF0)], 0),
    **dict.fromkeys([0x5D, *range(0xC0, 0xD0), *range(0xF0, 0x100)], 1),
    **dict.fromkeys([0x5E, *range(0x38, 0x40), *range(0xD0, 0xD8)], 2),
    **dict.fromkeys([*b"IYK", 0x5F], 4),
    **dict.fromkeys([*b"LDJ"], 8),
}

_SECOND = {0xE0: (0xA0, 0xBF), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
"""Bounds of the byte after these lead bytes; what is outside would be overlong, or beyond Unicode."""


class BadValueError(Exception):
    """Bytes that are no Hessian2 value."""


class ShortError(Exception):
    """The bytes end inside a value."""


@dataclass
class Reader:
    """A position in bytes. `classes` holds the field counts of the class definitions seen."""

    data: bytes
    at: int = 0
    classes: list[int] = field(default_factory=list)

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise ShortError
        self.at += size
        return self.data[self.at - size : self.at]

    def lead(self) -> int:
        return self.take(1)[0]

    def text_or_null(self) -> bytes | None:
        """A string as raw bytes (its chunks joined), or None for null."""
        lead = self.lead()
        if lead == 0x4E:
            return None
        pieces = []
        while True:
            more = lead == 0x52
            pieces.append(self._units(self._text_length(lead)))
            if not more:
                return b"".join(pieces)
            lead = self.lead()

    def _text_length(self, lead: int) -> int:
        if lead < 0x20:
            return lead
        if 0x30 <= lead < 0x34:
            return (lead - 0x30) << 8 | self.lead()
        if lead in b"SR":
            return int.from_bytes(self.take(2), "big")
        raise BadValueError

    def _units(self, units: int) -> bytes:
        """Java's reader takes overlong characters too; here they are bad, so that no text has two spellings."""
        start = self.at
        while units > 0:
            byte = self.lead()
            if byte < 0x80:
                size, worth = 0, 1
            elif 0xC2 <= byte < 0xE0:
                size, worth = 1, 1
            elif 0xE0 <= byte < 0xF0:
                size, worth = 2, 1
            elif 0xF0 <= byte < 0xF5 and units > 1:
                size, worth = 3, 2
            else:
                raise BadValueError
            more = self.take(size)
            least, most = _SECOND.get(byte, (0x80, 0xBF))
            if any(each & 0xC0 != 0x80 for each in more) or (more and not least <= more[0] <= most):
                raise BadValueError
            units -= worth
        return self.data[start : self.at]

    def _binary(self, lead: int) -> None:
        while True:
            if 0x20 <= lead < 0x30:
                size = lead - 0x20
            elif 0x34 <= lead < 0x38:
                size = (lead - 0x34) << 8 | self.lead()
            elif lead in b"AB":
                size = int.from_bytes(self.take(2), "big")
            else:
                raise BadValueError
            self.take(size)
            if lead != 0x41:
                return
            lead = self.lead()

    def integer(self) -> int:
        """An int in any of its four forms."""
        lead = self.lead()
        if 0x80 <= lead < 0xC0:
            return lead - 0x90
        if 0xC0 <= lead < 0xD0:
            return (lead - 0xC8 << 8) + self.lead()
        if 0xD0 <= lead < 0xD8:
            return (lead - 0xD4 << 16) + int.from_bytes(self.take(2), "big")
        if lead == 0x49:
            return int.from_bytes(self.take(4), "big", signed=True)
        raise BadValueError

    def _count(self) -> int:
        count = self.integer()
        if count < 0:
            raise BadValueError
        if count > len(self.data) - self.at:
            raise ShortError
        return count

    def type_name(self) -> None:
        """A type: a string, or an int that refers to an earlier one."""
        here = self.at
        lead = self.lead()
        self.at = here
        if lead < 0x20 or 0x30 <= lead < 0x34 or lead in b"SR":
            self.text_or_null()
        else:
            self.integer()

    def _definition(self) -> None:
        self.text_or_null()
        fields = self._count()
        for _ in range(fields):
            if self.text_or_null() is None:
                raise BadValueError
        if len(self.classes) >= MAX_CLASSES:
            raise BadValueError
        self.classes.append(fields)

    def _fields(self, reference: int) -> int:
        if not 0 <= reference < len(self.classes):
            raise BadValueError
        return self.classes[reference]

    def skip(self, values: int = 1) -> None:
        """Past so many values."""
        pending = values
        outer: list[int] = []
        while pending or outer:
            if not pending:  # inside something open: until Z
                lead = self.lead()
                if lead == 0x5A:
                    pending = outer.pop()
                    continue
                self.at -= 1
                pending = 1
            pending -= 1
            opened, more = self._one()
            if opened:
                if len(outer) >= MAX_DEPTH:
                    raise BadValueError
                outer.append(pending)
                pending = 0
            pending += more
            if pending > len(self.data) - self.at:
                raise ShortError

    def _one(self) -> tuple[bool, int]:
        """Past one value's own bytes: whether it is open until Z, and how many values follow that belong to it."""
        lead = self.lead()
        if lead in _WIDTHS:
            self.take(_WIDTHS[lead])
        elif lead < 0x20 or 0x30 <= lead < 0x34 or lead in b"SR":
            self.at -= 1
            self.text_or_null()
        elif 0x20 <= lead < 0x38 or lead in b"AB":
            self._binary(lead)
        elif lead in b"HW":
            return True, 0
        elif lead in b"MU":
            self.type_name()
            return True, 0
        elif lead == 0x56:
            self.type_name()
            return False, self._count()
        elif lead == 0x58:
            return False, self._count()
        elif 0x70 <= lead < 0x78:
            self.type_name()
            return False, lead - 0x70
        elif 0x78 <= lead < 0x80:
            return False, lead - 0x78
        elif lead == 0x43:
            self._definition()
            return False, 1
        elif lead == 0x4F:
            return False, self._fields(self.integer())
        elif 0x60 <= lead < 0x70:
            return False, self._fields(lead - 0x60)
        elif lead == 0x51:
            self.integer()
        else:
            raise BadValueError
        return False, 0
