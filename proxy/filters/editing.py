"""Headers of a message set, appended and removed, as bytes: the one place that filters' edits go through.

HTTP's heads are text. Of protocols with a block of pairs, Bolt's is written again and put in the place of the old one; what
that changes in lengths and checksums is the kernel's (`xproto.kernel.splice`). Others refuse.

What always holds: no name or value can end the line that it stands in; nothing that frames a message is edited.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from construct import Int32sb

from xproto.kernel.codec import Codec
from xproto.kernel.splice import Splicer
from xproto.wire import KeyValues

FRAMING = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "grpc-timeout",
    }
)  # fmt: skip
"""Fields of HTTP that say where a message ends, what becomes of its connection, or how long it may take."""
NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE_ENDS = re.compile(r"[\r\n\0]")
_PAIRS = {"bolt": ("headers", KeyValues(Int32sb))}
Pairs = list[tuple[str, str]]


def edit_head(codec: Codec, head: bytes, operation: str, name: str, value: str, *, response: bool = False) -> bytes:
    """A head of HTTP/1.1 with another field. Raises `ValueError`."""
    del codec, response
    if NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a field of HTTP")
    if name.lower() in FRAMING:
        raise ValueError(f"the field {name!r} frames the message, and is not for filters")
    if _LINE_ENDS.search(value):
        raise ValueError(f"the value of {name!r} has an end of a line in it")
    lines = head[:-4].split(b"\r\n")
    own = name.lower().encode()
    if operation != "append":
        lines = [lines[0], *(line for line in lines[1:] if line.partition(b":")[0].lower() != own)]
    if operation != "remove":
        lines.append(name.encode() + b": " + value.strip(" \t").encode("utf-8", "surrogateescape"))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def head_field(codec: Codec, head: bytes, name: str) -> str | None:
    """The values of a field in a head of HTTP/1.1, joined with commas."""
    if not codec.headed:
        raise NotImplementedError(f"{codec.name}: headers of answers cannot be read here")
    own = name.lower().encode()
    found = [line.partition(b":")[2].strip() for line in head[:-4].split(b"\r\n")[1:] if line.partition(b":")[0].lower() == own]
    return b",".join(found).decode("utf-8", "surrogateescape") if found else None


def head_status(head: bytes) -> int:
    """The status that an answer of HTTP/1.1 begins with."""
    return int(head[9:12])


def edit_frame(codec: Codec, frame: bytes, operation: str, name: str, value: str, *, response: bool = False) -> bytes:
    """A frame with another header. Raises `NotImplementedError` where the protocol's cannot be edited."""
    if codec.name not in _PAIRS or response:
        what = "answers" if response else "requests"
        raise NotImplementedError(f"{codec.name}: headers of {what} cannot be edited")
    splicer, parse, build = _splicer(codec)
    block = splicer.find(frame)
    pairs = parse(block) if block else []
    if operation != "append":
        pairs = [pair for pair in pairs if pair[0] != name]
    if operation != "remove":
        pairs.append((name, value))
    return splicer.splice(frame, build(pairs))


@cache
def _splicer(codec: Codec) -> tuple[Splicer, Callable[[bytes], Pairs], Callable[[Pairs], bytes]]:
    path, pairs = _PAIRS[codec.name]
    return Splicer(codec, path), lambda block: list(pairs.parse(block)), pairs.build
