"""A frame as spans: which bytes are which field, and what construct made of them."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import construct as c

from conformance.report.text import counted, line
from conformance.suite import Failure, Report
from xproto.spec import Protocol
from xproto.tracing import Visit, trace
from xproto.wire import Raw

MOST_TEXT = 120
"""Characters of a value that are shown."""


class State(enum.StrEnum):
    """READ: construct read it. REFUSED: the parse ended here. UNREAD: behind that. BEHIND: after the whole frame."""

    READ = "read"
    REFUSED = "refused"
    UNREAD = "unread"
    BEHIND = "behind"


@dataclass(frozen=True)
class Span:
    """One field's bytes.

    offset, size: in bytes, of every byte that the field has a bit in; size 0 where it takes none.
    path: dotted, as roles name it; ``items[2].name`` for an element, ``(Check)`` for a member without a name.
    depth: 0 for the members of the frame, 1 for those of a member, and so on; a member comes before its own.
    bits: the first bit (0 is the highest of the byte at `offset`) and how many, where the field is no whole bytes.
    why: of a refused span, construct's words.
    """

    offset: int
    size: int
    path: str
    value: str
    depth: int
    state: State = State.READ
    why: str = ""
    bits: tuple[int, int] | None = None

    @property
    def end(self) -> int:
        return self.offset + self.size


def picture(protocol: Protocol, data: bytes, direction: int = 0) -> list[Span]:
    """The spans of the frame that `data` begins with, by a parse of its layout; any bytes at all have a picture.

    direction: 0 for a frame from a client, 1 for one from a server.
    Fields that are absent (None, of no bytes) are left out. A frame that is cut short or malformed has the spans up to the
    one that refuses, and one UNREAD span for the rest.
    """
    root = trace(protocol.frame, data, direction)
    spans = list(_spans(root, "", 0))
    if root.refused:
        spans.insert(0, Span(0, 0, "", "", 0, State.REFUSED, root.fault))
    stopped = next((span for span in spans if span.state is State.REFUSED), None)
    end = stopped.end if stopped else _bytes(root)[1]
    if end < len(data):
        rest = len(data) - end
        state = State.UNREAD if stopped else State.BEHIND
        spans.append(Span(end, rest, "", counted(rest, "byte"), 0, state))
    return spans


def drawn(report: Report, failure: Failure) -> list[Span]:
    """The picture of a failure's bytes; none without a declaration."""
    declaration = failure.declaration or report.declaration
    return picture(declaration, failure.data, failure.direction) if declaration and failure.data else []


def owners(spans: Sequence[Span], size: int) -> list[int]:
    """For each byte of a frame of this size, the index of the innermost span of whole bytes that it is of; -1 for none."""
    found = [-1] * size
    for index, span in enumerate(spans):
        if span.bits is None:
            found[span.offset : span.end] = [index] * (min(span.end, size) - span.offset)
    return found


def at_fault(spans: Sequence[Span], field: str) -> set[int]:
    """Indices of the spans to point at: of the failure's field, or where it names none, the one that refuses."""
    named = {index for index, span in enumerate(spans) if field and span.path == field}
    return named or {index for index, span in enumerate(spans) if span.state is State.REFUSED}


def _spans(visit: Visit, prefix: str, depth: int) -> Iterator[Span]:
    for each in visit.inner:
        path = prefix + each.name if each.name[:1] == "[" or not prefix else f"{prefix}.{each.name}"
        offset, end = _bytes(each)
        size = end - offset if each.placed else 0
        state = State.REFUSED if each.refused else State.READ
        text = "" if each.inner or each.value is None else said(each.value)
        if size or each.inner or each.refused or (each.value is not None and each.name[:1] != "("):
            whole = each.start % 8 == 0 and each.end % 8 == 0
            bits = None if whole or not each.placed else (each.start % 8, each.end - each.start)
            yield Span(offset, size, path, text, depth, state, each.fault, bits)
        yield from _spans(each, path, depth + 1)


def _bytes(visit: Visit) -> tuple[int, int]:
    return visit.start // 8, -(-visit.end // 8)


def said(value: Any) -> str:
    """A decoded value on one line."""
    text = line(_words(value))
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"


def _words(value: Any) -> str:
    match value:
        case None:
            return "null"
        case c.EnumIntegerString():
            return f"{value!s} ({int(value.intvalue)})"
        case bool() | c.EnumInteger():
            return str(int(value))
        case int():
            return f"{value} ({value:#x})" if value > 9 else str(value)
        case Raw(data) | bytes(data):
            return _of_bytes(data)
        case str():
            return f'"{value}"'
        case dict():
            return ", ".join(f"{key}={_words(each)}" for key, each in value.items() if not str(key).startswith("_"))
        case list():
            return ", ".join(_item(each) for each in value) or "empty"
    return str(value)


def _item(value: Any) -> str:
    return f"{_words(value[0])}: {_words(value[1])}" if isinstance(value, tuple) and len(value) == 2 else _words(value)


def _of_bytes(data: bytes) -> str:
    if not data:
        return "empty"
    shown = data[: MOST_TEXT + 1]
    return f'"{shown.decode()}"' if all(0x20 <= byte < 0x7F for byte in shown) else shown.hex(" ")
