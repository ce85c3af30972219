"""Frames that the proxy makes itself: error replies and heartbeats, built whole by construct from their declaration.

Building takes tens of microseconds, so the kernel asks once for each (what, variant, echo) and keeps the bytes; only the
id changes after that. Every template is also built when its protocol is loaded, so a wrong one is refused then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import construct as c

from xproto.errors import SpecError
from xproto.spec import Fault, Kind

if TYPE_CHECKING:
    from xproto.lower import Lowered


def complete(layout: c.Construct, fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with None for every field of the layout that they leave out, since `If` demands its key even when not taken."""
    full = dict(fields)
    for sub in layout.subcons:
        inner = sub
        while isinstance(inner, c.Subconstruct) and type(inner) is not c.Struct:
            inner = inner.subcon
        if sub.name is None:
            continue
        value = full.setdefault(sub.name, None)
        if type(inner) is c.Struct and (value is None or isinstance(value, Mapping)):
            full[sub.name] = complete(inner, value or {})
    return full


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, into nested mappings too."""
    out = dict(base)
    for name, value in over.items():
        old = out.get(name)
        out[name] = merge(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return out


def build_frame(lowered: Lowered, fields: Mapping[str, Any]) -> bytes:
    """One frame with these field values. A value that is a function gets all the others and gives the real one."""
    layout = lowered.protocol.frame

    def resolved(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: resolved(value) if isinstance(value, Mapping) else value(fields) if callable(value) else value
            for name, value in values.items()
        }

    return bytes(layout.build(complete(layout, resolved(fields))))


def build_template(lowered: Lowered, what: Fault | Kind, variant: int, echo: int) -> bytes:
    """The frame for a fault, a heartbeat or its ack; b"" where the protocol declares none."""
    protocol = lowered.protocol
    fields: Mapping[str, Any] | None
    if isinstance(what, Fault):
        own = protocol.reply.get(what)
        fields = None if own is None else merge(protocol.reply_base, own)
    else:
        fields = protocol.heartbeat if what is Kind.HEARTBEAT else protocol.heartbeat_ack
    if fields is None:
        return b""
    id_name = lowered.id_name
    echoed = {} if what is Kind.HEARTBEAT else lowered.echo.unpack(echo)
    chosen = merge(merge(fields, echoed), lowered.variant.unpack(variant))
    return build_frame(lowered, merge({id_name: 0}, chosen))


def check_templates(lowered: Lowered) -> None:
    """Builds every template; raises `SpecError` for one that cannot be built in any variant.

    Variants are the product of their fields' bounds, so some may be none that the layout allows.
    """
    protocol = lowered.protocol
    whats: list[Fault | Kind] = [*protocol.reply, Kind.HEARTBEAT, Kind.HEARTBEAT_ACK]
    unknown = [fault for fault in protocol.reply if not isinstance(fault, Fault)]
    if unknown:
        raise SpecError("reply", f"{unknown[0]!r} is not a Fault", f"use {', '.join(f.name for f in Fault)}")
    for what in whats:
        role = f"reply[{what.name}]" if isinstance(what, Fault) else what.name.lower()
        errors = [_try_build(lowered, what, variant) for variant in lowered.variant.values()]
        if all(error is not None for error in errors):
            text = str(errors[0]).strip().replace("\n", " ")
            raise SpecError(role, f"cannot be built: {text}", "give every field of the frame a value") from errors[0]


def _try_build(lowered: Lowered, what: Fault | Kind, variant: int) -> Exception | None:
    try:
        build_template(lowered, what, variant, 0)
    except (c.ConstructError, KeyError, TypeError, ValueError, AttributeError) as error:
        return error
    return None
