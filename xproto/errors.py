"""One small error tree: what a declaration did wrong, and what a peer did wrong, are different types.

"Need more bytes" is never an error; it is the value `NeedMore`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class XprotoError(Exception):
    """Everything that this package raises on purpose."""


class SpecError(XprotoError):
    """A declaration that is refused when it is loaded.

    `path` names the field or role, `wrong` what is wrong with it, `instead` what to write.
    """

    def __init__(self, path: str, wrong: str, instead: str) -> None:
        super().__init__(f"{path}: {wrong}; {instead}")
        self.path = path
        self.wrong = wrong
        self.instead = instead

    def within(self, protocol: str) -> SpecError:
        """The same error, with the protocol's name in front of the path."""
        return SpecError(f"{protocol}: {self.path}", self.wrong, self.instead)


class ChoiceError(SpecError):
    """A name that is nothing's, or one that several protocols answer to: nothing is wrong with any declaration."""


class MalformedError(XprotoError):
    """Bytes of a peer that are not a frame: the protocol, the field's path and the offset in bytes."""

    def __init__(self, protocol: str, path: str, offset: int, why: str) -> None:
        super().__init__(f"{protocol}: {path}: {why}, at offset {offset}")
        self.protocol = protocol
        self.path = path
        self.offset = offset
        self.why = why


@dataclass(frozen=True, slots=True)
class NeedMore:
    """Not enough bytes yet: asking again is useless before `total` bytes are there."""

    total: int


def suggest(word: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown word: the nearest known one, or the list of them."""
    names = list(known)
    near = difflib.get_close_matches(word, names, 1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"write one of: {', '.join(names)}" if names else "there is none to choose from"
