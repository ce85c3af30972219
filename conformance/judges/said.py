"""What construct decoded, beside what a vector says: headers and fields, and where two differ.

A vector's text is UTF-8; ``hex:…`` stands for bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xproto.spec import Protocol, View
from xproto.wire import Raw

HEX = "hex:"


def as_bytes(text: str | None) -> bytes | None:
    """A vector's text as it is on the wire."""
    if text is None:
        return None
    return bytes.fromhex(text.removeprefix(HEX)) if text.startswith(HEX) else text.encode()


def headers_of(protocol: Protocol, fields: Any) -> dict[str, bytes]:
    """The texts of the header block by key, the last of each; of HTTP's fields, all in one."""
    role = protocol.headers
    block = (role.block if isinstance(role, View) else role)(fields) if role is not None else None
    found: dict[str, bytes] = {}
    if isinstance(block, Mapping) and "fields" in block:
        for name, value in block["fields"]:
            key = name.decode("latin-1").lower()
            found[key] = b",".join((found[key], value)) if key in found else value
        return found
    for key, value in block.items() if isinstance(block, Mapping) else block or ():
        if isinstance(key, str) and isinstance(value, str):
            found[key] = _encoded(value)
    return found


def _encoded(text: str) -> bytes:
    """Text as it was on the wire, where it was no UTF-8 as well."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def differences(wanted: Any, found: Any, path: str) -> Iterator[tuple[str, object, object]]:
    """Paths at which decoded fields are not what a vector says, with both values."""
    if isinstance(wanted, Mapping):
        named = dict(found) if isinstance(found, list) else found
        if not isinstance(named, Mapping):
            yield path, found, wanted
            return
        for key, value in wanted.items():
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(value, named.get(key), inner)
    elif not _same(wanted, found):
        yield path, found, wanted


def _same(wanted: object, found: object) -> bool:
    if isinstance(found, Raw):
        found = found.data
    if isinstance(found, bytes):
        return isinstance(wanted, str) and found == as_bytes(wanted)
    if isinstance(wanted, str):
        return str(found) == wanted
    return bool(found == wanted)


def changes(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Paths at which two decoded frames differ."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key, value in before.items():
            if not str(key).startswith("_"):
                yield from changes(value, after.get(key), f"{path}.{key}" if path else str(key))
    elif before != after:
        yield path
