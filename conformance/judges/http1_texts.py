"""What routes find in an HTTP/1.1 head, worked out from its first line and its fields.

Source: RFC 9110 and 3986, and `docs/protocols.md` for what the keys mean: `http_method`, `path` without its query and
with escapes of unreserved characters undone, `query`, `query.name`, `cookie.name`, `host` in lower case without port and last
dot, and the names of fields in any case; `:path` and the like mean the same and can be no field's name, and `:authority` is the
host with its port. `path:service` and `path:method` are what stands before and behind the path's last slash, but for its first.
"""

from __future__ import annotations

import re
from typing import Any

_UNRESERVED = re.compile(rb"%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")
"""Escapes of letters, digits and ``-._~``."""
_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)


def text_of(head: Any, key: bytes) -> bytes | None:
    """The value of a routing key; None where the head has none. `head` is what `HttpHead` parsed."""
    method = head.line.split(b" ", 1)[0]
    authority, path, query = _split(method, head.target)
    if authority is None:
        authority = next((value for name, value in head.fields if name.lower() == b"host"), None)
    name = key.removeprefix(b":")
    match name.lower():
        case b"http_method":
            return bytes(method)
        case b"path":
            return _unescaped(path)
        case b"path:service" | b"path:method":
            found = re.fullmatch(rb"/(.+)/([^/]+)", _unescaped(path), re.DOTALL)
            return None if found is None else found[1] if name.lower() == b"path:service" else found[2]
        case b"query":
            return query
        case b"host":
            return None if authority is None else _host(authority)
        case b"authority" if name != key:
            return None if authority is None else _host(authority) + _port(authority)
        case _ if name.startswith(b"query."):
            return _parameter(query or b"", name.removeprefix(b"query."))
        case _ if name.startswith(b"cookie."):
            return _cookie([value for known, value in head.fields if known.lower() == b"cookie"], name.removeprefix(b"cookie."))
    values = [value for known, value in head.fields if known.lower() == key.lower()]
    return b",".join(values) if values else None


def _unescaped(path: bytes) -> bytes:
    return _UNRESERVED.sub(lambda escape: bytes((int(escape[1], 16),)), path)


def _split(method: bytes, target: bytes) -> tuple[bytes | None, bytes, bytes | None]:
    """Authority, path and query of a target in any of its four forms."""
    authority: bytes | None = None
    if method == b"CONNECT":
        return target, b"/", None
    if whole := _ABSOLUTE.fullmatch(target):
        authority, target = whole[1], whole[2]
    path, mark, query = target.partition(b"?")
    return authority, path or b"/", query if mark else None


def _host(authority: bytes) -> bytes:
    name = re.sub(rb":[0-9]*\Z", b"", authority)
    return name.removesuffix(b".").lower()


def _port(authority: bytes) -> bytes:
    found = re.search(rb":[0-9]+\Z", authority)
    return found[0] if found else b""


def _parameter(query: bytes, name: bytes) -> bytes | None:
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    return next((value for found, _, value in pairs if found == name), None)


def _cookie(fields: list[bytes], name: bytes) -> bytes | None:
    pairs = (pair.strip(b" \t").partition(b"=") for field in fields for pair in field.split(b";"))
    return next((value for found, equals, value in pairs if equals and found == name), None)
