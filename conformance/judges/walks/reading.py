"""A position in a frame's bytes, and what a run of a Plan has gathered on the way there."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.judges.trace import Part
from xproto.plan import LITTLE, NONE, SIGNED, Form, Op, Plan


class ShortSignal(Exception):  # noqa: N818 - a signal to the interpreter
    """The bytes end; `total` would be enough for the read that failed, 0 where that is not known."""

    def __init__(self, total: int = 0) -> None:
        super().__init__()
        self.total = total


class BadSignal(Exception):  # noqa: N818 - likewise
    """The bytes are no value of this kind."""


@dataclass
class Reading:
    """Where a run is, the sections around it, its registers and slots.

    direction: 1 for a frame from a server. inner: the integers that the current op read. origin: which bytes of the frame
    a register was made of. classes: the field counts of Hessian2's class definitions so far.
    """

    plan: Plan
    data: bytes
    direction: int = 0
    at: int = 0
    sections: list[int] = field(default_factory=list)
    registers: dict[int, int] = field(default_factory=dict)
    origin: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    slots: dict[int, bytes] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    """Slots whose key is there with something that is no text."""
    inner: list[Part] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)

    @property
    def stop(self) -> int:
        """The end of the bytes that are there for the value."""
        return self.sections[-1] if self.sections else len(self.data)

    @property
    def room(self) -> int:
        """How many bytes a value may still take: those of its section, or at the root those within the frame limit."""
        return (self.sections[-1] if self.sections else self.plan.limit) - self.at

    def take(self, size: int) -> bytes:
        if self.at + size > self.stop:
            raise ShortSignal(self.at + size)
        self.at += size
        return self.data[self.at - size : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self, width: int, flags: int = 0) -> int:
        """A number of this many bytes, noted as one of the op's own."""
        here, raw = self.at, self.take(width)
        self.inner.append(Part(here, width, width, flags & (LITTLE | SIGNED)))
        return int.from_bytes(raw, "little" if flags & LITTLE else "big", signed=bool(flags & SIGNED))

    def varint(self, most: int) -> int:
        """LEB128 of at most so many bytes, noted as one of the op's own."""
        here, value = self.at, 0
        for index in range(most):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                self.inner.append(Part(here, self.at - here, 0, form=Form.VARINT))
                return value
        raise BadSignal

    def set(self, reg: int, value: int, parts: tuple[Part, ...] = ()) -> None:
        self.registers[reg] = value
        self.origin[reg] = parts

    def get(self, reg: int) -> int:
        return self.registers.get(reg, 0)

    def capture(self, slot: int, value: bytes | None) -> None:
        """A text for a slot; None is none."""
        self.slots.pop(slot, None)
        self.hidden.discard(slot)
        if slot != NONE and value is not None:
            self.slots[slot] = value

    def hide(self, slot: int) -> None:
        """A value that is no text, for a slot: it hides what it would override."""
        self.capture(slot, None)
        self.hidden.add(slot)

    def pair(self, op: Op, key: bytes, value: bytes) -> None:
        """A pair of a block: into the slots that ask for its key."""
        for name, slot in op.keys:
            if name == key:
                self.capture(slot, value)
