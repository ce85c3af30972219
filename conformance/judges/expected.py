"""What a whole frame means, worked out from construct's own parse: what scan and lookups must find.

Roles are evaluated as construct expressions on the parsed fields, and text sources by the words of their declaration,
so nothing of the lowering takes part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.judges.http1_texts import text_of
from conformance.judges.walks.hessian import joined
from xproto.spec import First, Header, Item, Kind, Part, Protocol, Unless, View
from xproto.wire import Raw, TrailingCrc32
from xproto.wire.hessian_skip import BadValueError, Reader, ShortError
from xproto.wire.http1 import Head


@dataclass(frozen=True)
class Meaning:
    """The facts of a frame. kind is None where the declaration has no kind for it; crc_at is -1 without a checksum.

    id: as 64 bits without a sign, which is how the proxy counts; 0 where this frame has none. numbered: whether it has one.
    again: the second one; None where this frame has none.
    timed: whether the frame has the field of the timeout.
    """

    size: int
    kind: Kind | None
    id: int
    numbered: bool
    again: int | None
    crc_at: int
    timeout: int
    timed: bool
    variant: Mapping[str, int]
    echo: Mapping[str, int]


class _Hidden:
    """A header that is there with something that is no text: it hides what it would override."""


HIDDEN = _Hidden()
Text = bytes | _Hidden | None


def meaning(protocol: Protocol, fields: Any, size: int) -> Meaning:
    """The meaning of a frame whose parsed fields these are."""
    checksum = next((s.name for s in protocol.frame.subcons if _is_checksum(s)), None)
    number = _number(protocol.id, fields)
    timeout = None if protocol.timeout is None or isinstance(protocol.timeout, Header) else protocol.timeout(fields)
    return Meaning(
        size,
        next((kind for kind, test in protocol.kind.items() if _holds(test, fields)), None),
        number or 0,
        number is not None,
        _number(protocol.again, fields),
        size - 4 if checksum is not None and fields[checksum] is not None else -1,
        int(timeout or 0),
        timeout is not None,
        {repr(source): source(fields) for source in protocol.variant},
        {repr(source): source(fields) for source in protocol.echo},
    )


def _number(source: Any, fields: Any) -> int | None:
    try:
        found = None if source is None else source(fields)
    except TypeError:  # a field of a part that is not there
        return None
    return None if found is None else int(found) % (1 << 64)


def _is_checksum(sub: Any) -> bool:
    while hasattr(sub, "subcon") or hasattr(sub, "thensubcon"):
        sub = sub.thensubcon if hasattr(sub, "thensubcon") else sub.subcon
    return type(sub) is TrailingCrc32


def _holds(test: Any, fields: Any) -> bool:
    return bool(test(fields) if callable(test) else test)


def lookup(protocol: Protocol, fields: Any, key: str) -> bytes | None:
    """The value of a routing key."""
    role = {"service": protocol.service, "method": protocol.method, **protocol.keys}.get(key)
    found = _text(protocol, fields, role if role is not None else Header(key))
    return found if isinstance(found, bytes) else None


def _text(protocol: Protocol, fields: Any, source: Any) -> Text:
    match source:
        case Header(name):
            found = _header(protocol, fields, name)
            if found is None and isinstance(protocol.headers, View) and name in protocol.headers.fields:
                return _text(protocol, fields, protocol.headers.fields[name])
            return found
        case First(sources):
            for one in sources:
                found = _text(protocol, fields, one)
                if found is not None:
                    return found
            return None
        case Unless(inner, values):
            found = _text(protocol, fields, inner)
            return None if found in values else found
        case Part(inner, separator, behind):
            return _part(_text(protocol, fields, inner), separator, behind=behind)
        case Item(block, _):
            return _first_item(block(fields))
    return _as_bytes(source(fields))


def _part(found: Text, separator: bytes, *, behind: bool) -> Text:
    if not isinstance(found, bytes):
        return found
    front, there, back = found.partition(separator)
    if behind:
        return back if there else found
    return front if there else None


def _header(protocol: Protocol, fields: Any, name: str) -> Text:
    headers = protocol.headers.block if isinstance(protocol.headers, View) else protocol.headers
    pairs = None if headers is None else headers(fields)
    if isinstance(pairs, Head):
        return text_of(pairs, name.encode())
    pairs = pairs.items() if isinstance(pairs, Mapping) else pairs
    values = [value for key, value in pairs or () if isinstance(key, str) and key == name]
    if not values:
        return None
    if isinstance(values[-1], Raw):
        return HIDDEN
    return _as_bytes(values[-1]) if type(values[-1]) in {str, bytes, int} else None


def _as_bytes(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    try:
        return str(value).encode("utf-8", "surrogateescape")
    except UnicodeError:
        return str(value).encode("utf-8", "surrogatepass")


def _first_item(block: Any) -> bytes | None:
    data = block.data if isinstance(block, Raw) else b""
    if not data or data[:1] == b"N":
        return None
    try:
        return joined(Reader(data).text_or_null() or b"")
    except (BadValueError, ShortError):
        return None
