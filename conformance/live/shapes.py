"""How an error looks in a protocol: the fields to which the declaration's own answer for no route gives a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.bench import Bench
from xproto.registry import Registered
from xproto.spec import Fault
from xproto.templates import merge


def declared(registered: Registered, *, numbers: bool) -> dict[str, Any]:
    """What the declaration's answer for no route gives a value: names everywhere, numbers where it is that fault's own."""
    protocol = registered.protocol
    own = protocol.reply.get(Fault.NO_ROUTE)
    if own is None:
        return {}
    kept: dict[str, Any] = {path: value for path, value in _flat(merge(protocol.reply_base, own)) if isinstance(value, str)}
    if numbers:
        kept |= {path: value for path, value in _flat(own) if isinstance(value, int)}
    return {path: value for path, value in kept.items() if _is_integer(registered, path)}


def _is_integer(registered: Registered, path: str) -> bool:
    fields = registered.lowered.scope.fields
    value = None
    for part in path.split("."):
        value = fields.get(part)
        if value is None:
            return False
        fields = value.fields
    return value is not None and value.kind == "integer"


def leaves(bench: Bench, data: bytes) -> dict[str, Any]:
    """Every field of an answer by its path, as construct reads it; none where that does not."""
    fields = bench.subjects[1].oracle.parse(data)[1]
    return dict(_flat(fields)) if fields is not None else {}


def _flat(values: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{outer}{name}.")
        else:
            yield f"{outer}{name}", value


def looks_like_no_route(bench: Bench, data: bytes) -> bool:
    """Whether an answer says what the declaration's own for no route says."""
    wanted, found = declared(bench.registered, numbers=True), leaves(bench, data)
    shared = [path for path in wanted if path in found]
    return bool(shared) and all(found[path] == wanted[path] for path in shared)
