"""The interpreted path: a part of a frame that only construct can read, read by it alone, apart from the rest.

What always holds: the reader is given the bytes of its own section, so it cannot look beyond; nothing of what it reads
decides where the frame ends; whatever it raises, the frame is malformed. It is slow and runs in the middle of the data
path: a part that routing keys come from is at most `MAX_INTERPRETED` bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import construct as c
from construct.expr import ExprMixin, Path

from xproto.lower.expressions import path_names

MAX_INTERPRETED = 65_536


class Reader:
    """Reads one field with its own construct."""

    def __init__(self, con: c.Construct) -> None:
        self.construct = con

    def __repr__(self) -> str:
        return type(self.construct).__name__

    def parse(self, data: bytes, direction: int = 0) -> Any:
        """The field's value; raises whatever construct does. direction: 1 in a frame from upstream."""
        return self.construct.parse(data, from_upstream=direction)

    @staticmethod
    def text(value: Any) -> bytes | None:
        """A value as the text that routes compare: text as UTF-8, integers in decimal; None for anything else."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            try:
                return value.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                return value.encode("utf-8", "surrogatepass")
        return str(value).encode() if type(value) is int else None

    @staticmethod
    def block(value: Any) -> Mapping[Any, Any]:
        """A mapping as it is; a sequence of pairs by its keys, a repeated one with its last value. Others raise."""
        return value if isinstance(value, Mapping) else dict(value or ())

    @classmethod
    def pick(cls, block: Mapping[Any, Any], name: bytes) -> bytes | None:
        """The text of a key, which the block has as text or as bytes."""
        found = block.get(name.decode("utf-8", "surrogateescape"))
        return cls.text(block.get(name) if found is None else found)


def reader(con: c.Construct) -> Reader | None:
    """The reader of a field; None where it refers to fields outside of itself, which it could not see."""
    return Reader(con) if not any(_outside(path, depth) for path, depth in _paths(con, 0, set())) else None


def _outside(path: Path, depth: int) -> bool:
    base, names = path_names(path)
    if base != "this":
        return False
    up = next((i for i, name in enumerate(names) if name != "_"), len(names))
    return up >= depth or names[up : up + 1] == ["_root"]


_SCOPES = (c.Struct, c.Sequence, c.Union)


def _paths(part: Any, depth: int, seen: set[int]) -> Iterator[tuple[Path, int]]:
    """Every `this` expression of a construct, with the number of structs around it."""
    if isinstance(part, Path):
        yield part, depth
    elif id(part) not in seen and isinstance(part, c.Construct | ExprMixin | list | tuple | dict):
        seen.add(id(part))
        inner = depth + isinstance(part, _SCOPES)
        inside = part if isinstance(part, list | tuple) else part.values() if isinstance(part, dict) else vars(part).values()
        for each in inside:
            yield from _paths(each, inner, seen)
