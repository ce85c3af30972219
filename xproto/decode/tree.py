"""All declared fields of a frame with their places: `--fields`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from xproto.decode.fields import plain
from xproto.decode.message import Message
from xproto.registry import Registered
from xproto.tracing import Visit, trace


class Field(NamedTuple):
    """path: dotted. offset, size: in bytes, or None where it has no place; a field narrower than a byte counts as that byte."""

    path: str
    offset: int | None
    size: int | None
    value: Any
    depth: int


def fields(registered: Registered, message: Message) -> list[Field]:
    """Every field of the message's frame, in the order of the frame."""
    return list(_fields(trace(registered.protocol.frame, message.plain, message.direction), "", 0))


def _fields(visit: Visit, around: str, depth: int) -> Iterator[Field]:
    for each in visit.inner:
        if each.name.startswith("(") and not each.inner:
            continue
        path = f"{around}.{each.name}" if around else each.name
        offset = each.start // 8 if each.placed else None
        size = (each.end + 7) // 8 - each.start // 8 if each.placed else None
        yield Field(path, offset, size, None if each.inner else plain(each.value), depth)
        yield from _fields(each, path, depth + 1)
