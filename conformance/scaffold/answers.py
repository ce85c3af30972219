"""What has to be known of a protocol before its declaration can be begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_MAGIC = 8


class ScaffoldError(ValueError):
    """A protocol that cannot be begun: what is wrong, and what to do instead."""


@dataclass(frozen=True)
class Question:
    """One question. choices: the answers that there are; none: any text."""

    key: str
    text: str
    default: str
    choices: tuple[str, ...] = ()


def questions(name: str) -> tuple[Question, ...]:
    """All questions about the protocol `name`, with the answers that `--yes` takes."""
    return (
        Question("order", "Which end of an integer comes first?", "big", ("big", "little")),
        Question("magic", "Which bytes does every frame begin with (hex)?", (b"\xf0" + name[:2].encode()).hex()),
        Question("id", "How many bits has the id that ties an answer to its call?", "32", ("16", "32", "64", "none")),
        Question("length", "Is there a length for each part, or one for the whole frame?", "parts", ("parts", "whole")),
        Question("headers", "Are service and method pairs in a header block, or fields?", "pairs", ("pairs", "fields")),
        Question("heartbeat", "Do the two ends ask each other whether they are still there?", "yes", ("yes", "no")),
        Question("checksum", "Does a CRC-32 end the frame?", "no", ("yes", "no")),
    )


@dataclass(frozen=True)
class Answers:
    """The answers. id_bits: 0 where frames have no id. whole: one length counts the frame from its first byte on."""

    name: str
    little: bool
    magic: bytes
    id_bits: int
    whole: bool
    pairs: bool
    heartbeat: bool
    checksum: bool

    @classmethod
    def of(cls, name: str, given: Mapping[str, str]) -> Answers:
        """From the answers by key; raises `ScaffoldError`."""
        return cls(
            name, given["order"] == "little", _magic(given["magic"]), 0 if given["id"] == "none" else int(given["id"]),
            given["length"] == "whole", given["headers"] == "pairs", given["heartbeat"] == "yes", given["checksum"] == "yes",
        )  # fmt: skip


def _magic(text: str) -> bytes:
    try:
        magic = bytes.fromhex(text)
    except ValueError:
        raise ScaffoldError(f"the magic {text!r} is not hex; write two digits a byte: f06b") from None
    if not 1 <= len(magic) <= MOST_MAGIC:
        raise ScaffoldError(f"a magic of {len(magic)} bytes; choose 1 to {MOST_MAGIC}")
    return magic
