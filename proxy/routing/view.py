"""What routes would see of a call that a person describes: the values of keys, by the same rules as in the data path.

A request of HTTP is written as one and read by the kernel, roles of gRPC included. Of other protocols the roles are looked
up in the headers that are given, as the protocol declares them, unless they are given themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.routing.keys import METADATA, PROTOCOL, SAN, SNI, SOURCE, asked_of
from xproto.spec import First, Header, Part, Protocol, Unless

Pairs = Sequence[tuple[str, str]]


class Call(NamedTuple):
    """A call as it is described. None: not given."""

    headers: Pairs = ()
    path: str | None = None
    """Of HTTP, with its query if it has one; as the query, the host and the method."""
    host: str | None = None
    http_method: str | None = None
    query: Pairs = ()
    source: str | None = None
    sni: str | None = None
    san: str | None = None
    metadata: Pairs = ()


def values(keys: Iterable[str], call: Call, protocol: Protocol, codec: Any) -> dict[str, bytes | None]:
    """By key. `codec` is the protocol's; raises ValueError for what could not be sent so."""
    own = {
        PROTOCOL: protocol.name,
        SOURCE: call.source,
        SNI: call.sni,
        SAN: call.san,
        **{f"{METADATA}{name}": value for name, value in call.metadata},
    }
    found = {key: None if (value := own.get(key)) is None else value.encode() for key in keys}
    asked = {key: name for key in found if (name := asked_of(key, protocol, codec.headed)) is not None}
    names = tuple(dict.fromkeys(asked.values()))
    if codec.headed:
        said = dict(zip(names, _http(names, call, protocol, codec), strict=True))
    else:
        headers = {name: value.encode() for name, value in call.headers}
        said = {name: _role(name, headers, protocol) for name in names}
    return found | {key: said[name] for key, name in asked.items()}


def _http(keys: tuple[str, ...], call: Call, protocol: Protocol, codec: Any) -> Sequence[bytes | None]:
    target = call.path or "/"
    if call.query:
        target += ("&" if "?" in target else "?") + "&".join(f"{name}={value}" for name, value in call.query)
    method = call.http_method or ("POST" if protocol.media else "GET")
    lines = [f"{method} {target} HTTP/1.{0 if call.host is None else 1}"]
    lines += [] if call.host is None else [f"Host: {call.host}"]
    lines += [f"{name}: {value}" for name, value in call.headers if name not in ("service", "method") or not protocol.media]
    request = "\r\n".join([*lines, "", ""]).encode()
    if not keys:
        return ()
    found: Sequence[bytes | None] = codec.lookup(keys).find_bytes(request)
    given = {name: value.encode() for name, value in call.headers} if protocol.media else {}
    return [given.get(key, value) if key in ("service", "method") else value for key, value in zip(keys, found, strict=True)]


def _role(key: str, headers: Mapping[str, bytes], protocol: Protocol) -> bytes | None:
    """The value of a key, which may be a role, as the protocol finds it in headers."""
    roles = {"service": protocol.service, "method": protocol.method, **(protocol.keys or {})}
    if key in headers or roles.get(key) is None:
        return headers.get(key)
    return _source(roles[key], headers)


def _source(source: Any, headers: Mapping[str, bytes]) -> bytes | None:
    match source:
        case Header(name):
            return headers.get(name)
        case First(sources):
            return next((value for each in sources if (value := _source(each, headers)) is not None), None)
        case Unless(inner, without):
            value = _source(inner, headers)
            return None if value in without else value
        case Part(inner, separator, behind):
            value = _source(inner, headers)
            if value is None or (separator not in value and not behind):
                return None
            before, found, after = value.partition(separator)
            return (after if found else value) if behind else before
    return None  # a field of the frame, which nobody describes
