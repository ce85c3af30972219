"""What a route changes in requests and answers, and where a call says that it goes."""

from __future__ import annotations

from typing import Literal

import msgspec

EditOp = Literal["set", "add", "append", "remove"]
RoleName = Literal["service", "method", "version", "path", "host"]
MAX_EDITS = 64
"""Headers that are edited of one call, by all levels together, and again of its answer: what the kernel takes at a time."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a value: a text, or (`variable`) what it stands for, of which `text` is the argument."""

    text: str
    variable: str = ""


class HeaderEdit(msgspec.Struct, frozen=True):
    """One header, of a request or of an answer."""

    op: EditOp
    name: str
    value: tuple[Piece, ...] = ()


class Rewrite(msgspec.Struct, frozen=True):
    """Where a call says that it goes. Of a path: `prefix`, only where it begins so, and only that; `regex`, what it matches."""

    role: RoleName
    value: tuple[Piece, ...]
    prefix: str = ""
    regex: str = ""


class Edits(msgspec.Struct, frozen=True):
    """What a route changes, in this order: rewrites, then headers one after the other."""

    request: tuple[HeaderEdit, ...] = ()
    response: tuple[HeaderEdit, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
