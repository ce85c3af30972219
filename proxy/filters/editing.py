"""Headers of a message set, appended and removed, as bytes: the one place that filters' edits go through.

How a protocol's headers are written follows from its declaration: that is the kernel's editor, which routes' edits use, too.
Here is what filters may not do with it.

What always holds: no name or value can end the line that it stands in; nothing that frames a message is edited.
"""

from __future__ import annotations

import re
from functools import lru_cache

from xproto.kernel import edit_face
from xproto.kernel.codec import Codec
from xproto.kernel.editor import Editor

FRAMING = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "grpc-timeout",
    }
)  # fmt: skip
"""Fields of HTTP that say where a message ends, what becomes of its connection, or how long it may take."""
NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE_ENDS = re.compile(r"[\r\n\0]")
MAX_EDITORS = 64
"""That are kept: more than a process has protocols, so that those of declarations which were reloaded go."""


def edited(codec: Codec, frame: bytes, operation: edit_face.Op, name: str, value: str, *, response: bool = False) -> bytes:
    """The frame, or the head of HTTP, with another header.

    Raises `NotImplementedError` where the protocol has no headers that can be edited, `LookupError` where this frame has no
    place for one, `OverflowError` where a limit is in the way, `ValueError` for what must not be written.
    """
    if codec.headed:
        _check_field(name, value)
        value = value.strip(" \t")
    return edit_face.edit(
        _editor(codec, response=response), frame, [(operation, _bytes(name), _bytes(value))], direction=int(response)
    )


def without_expectation(head: bytes) -> bytes:
    """The head of a request, which was read and is well formed, without what its client waits for."""
    return b"\r\n".join(line for line in head.split(b"\r\n") if line[:7].lower() != b"expect:")


def field(codec: Codec, frame: bytes, name: str) -> str | None:
    """The values of a header of an answer, joined with commas, as fields of HTTP are."""
    pairs = edit_face.headers(_editor(codec, response=True), frame, direction=1) or []
    if codec.headed:
        name, pairs = name.lower(), [(key.lower(), value) for key, value in pairs]
    found = [value for key, value in pairs if key == _bytes(name)]
    return b",".join(found).decode("utf-8", "surrogateescape") if found else None


def head_status(head: bytes) -> int:
    """The status that an answer of HTTP/1.1 begins with."""
    return int(head[9:12])


def _check_field(name: str, value: str) -> None:
    if NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a field of HTTP")
    if name.lower() in FRAMING:
        raise ValueError(f"the field {name!r} frames the message, and is not for filters")
    if _LINE_ENDS.search(value):
        raise ValueError(f"the value of {name!r} has an end of a line in it")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _editor(codec: Codec, *, response: bool) -> Editor:
    found = _editor_of(codec)
    if not (found.answers if response else found.calls):
        what = "answers" if response else "requests"
        raise NotImplementedError(f"{codec.name}: headers of {what} cannot be edited")
    return found


@lru_cache(maxsize=MAX_EDITORS)
def _editor_of(codec: Codec) -> Editor:
    return Editor(codec)
