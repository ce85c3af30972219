"""Frames that the proxy makes itself: error replies and heartbeats, built whole by construct from their declaration.

Building takes tens of microseconds, so the kernel asks once for each (what, variant, echo) and keeps the bytes; only the
id changes after that. Every template is also built when its protocol is loaded, so a wrong one is refused then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import construct as c

from xproto.errors import MalformedError, NeedMore, SpecError
from xproto.lower.roles import ECHO_TEXT
from xproto.spec import Direct, Fault, Kind, Protocol

if TYPE_CHECKING:
    from xproto.lower import Lowered

OWN_KINDS = (Kind.HEARTBEAT, Kind.HEARTBEAT_ACK, Kind.HANDSHAKE, Kind.HANDSHAKE_ACK)


What = Fault | Direct | Kind
_TRIED = Direct(503, b"down for maintenance", Fault.OVERLOAD, 14)
"""The answer by which a declaration's `direct` is judged when it is loaded."""


def goes_upstream(what: What) -> bool:
    """Whether this frame of the proxy's own is for a server; all others are for clients."""
    return what is Kind.HEARTBEAT or what is Kind.HANDSHAKE  # not by equality: a Fault and a Kind of one number are equal


def complete(layout: c.Construct, fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with None for every field of the layout that they leave out, since `If` demands its key even when not taken."""
    full = dict(fields)
    for sub in layout.subcons:
        if sub.name is None:
            continue
        inner, always = _within(sub)
        value = full.setdefault(sub.name, None)
        if type(inner) is c.Struct and ((value is None and always) or isinstance(value, Mapping)):
            full[sub.name] = complete(inner, value or {})
    return full


def _within(sub: c.Construct) -> tuple[c.Construct, bool]:
    """What a member of a layout is inside of names, sections and `If`s, and whether it is always there."""
    always = True
    while type(sub) is not c.Struct:
        if isinstance(sub, c.IfThenElse) and sub.elsesubcon is c.Pass:
            sub, always = sub.thensubcon, False
        elif isinstance(sub, c.Subconstruct):
            sub = sub.subcon
        else:
            break
    return sub, always


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, into nested mappings too."""
    out = dict(base)
    for name, value in over.items():
        old = out.get(name)
        out[name] = merge(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return out


def build_frame(lowered: Lowered, fields: Mapping[str, Any], *, from_upstream: bool = True) -> bytes:
    """One frame with these field values. A value that is a function gets all the others and gives the real one."""
    layout = lowered.protocol.frame

    def resolved(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: resolved(value) if isinstance(value, Mapping) else value(fields) if callable(value) else value
            for name, value in values.items()
        }

    return bytes(layout.build(complete(layout, resolved(fields)), from_upstream=int(from_upstream)))


def build_template(lowered: Lowered, what: What, variant: int, echo: int, text: bytes = b"") -> bytes:
    """The frame for a fault, an answer that was configured, a heartbeat or its ack; b"" where the protocol declares none.

    text: what `echo_text` is to be; a heartbeat without one has the text that it is declared with.
    """
    protocol = lowered.protocol
    fields = _given(protocol, what)
    if fields is None:
        return b""
    echoed = {} if goes_upstream(what) else lowered.echo.unpack(echo)
    chosen = merge(merge(fields, echoed), lowered.variant.unpack(variant))
    for path in [field.path for field in lowered.identity.fields]:
        chosen = merge(_nested(path, 0), chosen)
    if protocol.echo_text is not None and (not isinstance(what, Kind) or text):
        for source in lowered.texts.key(ECHO_TEXT):
            chosen = merge(chosen, _nested(source.path, text))
    return build_frame(lowered, chosen, from_upstream=not goes_upstream(what))


def _given(protocol: Protocol, what: What) -> Mapping[str, Any] | None:
    """The fields that the declaration gives for it."""
    if isinstance(what, Kind):
        return _own(protocol, what)
    if isinstance(what, Direct) and protocol.direct is not None:
        return merge(protocol.reply_base, protocol.direct(what))
    fault = what.fault if isinstance(what, Direct) else what
    own = protocol.reply.get(fault)
    if own is None and fault is Fault.FILTER:  # declarations are older than filters
        own = protocol.reply.get(Fault.OVERLOAD)
    return None if own is None else merge(protocol.reply_base, own)


def _has_functions(fields: Mapping[str, Any]) -> bool:
    return any(_has_functions(value) if isinstance(value, Mapping) else callable(value) for value in fields.values())


def _unknown(layout: c.Construct, fields: Mapping[str, Any], around: str = "") -> Iterator[str]:
    """Fields that are given and that the layout does not have: construct would pass over them."""
    subs = {sub.name: sub for sub in layout.subcons if sub.name is not None}
    for name, value in fields.items():
        if name not in subs:
            yield f"{around}{name}"
            continue
        inner, _ = _within(subs[name])
        if type(inner) is c.Struct and isinstance(value, Mapping):
            yield from _unknown(inner, value, f"{around}{name}.")


def _own(protocol: Protocol, what: Kind) -> Mapping[str, Any] | None:
    session = protocol.session
    return {
        Kind.HEARTBEAT: protocol.heartbeat,
        Kind.HEARTBEAT_ACK: protocol.heartbeat_ack,
        Kind.HANDSHAKE: None if session is None else session.handshake,
        Kind.HANDSHAKE_ACK: None if session is None else session.handshake_ack,
    }[what]


def _nested(path: str, value: Any) -> dict[str, Any]:
    *outer, name = path.split(".")
    found = {name: value}
    for part in reversed(outer):
        found = {part: found}
    return found


def check_templates(lowered: Lowered, scan: Callable[[bytes, int], Any]) -> None:
    """Builds every template and reads it back; raises `SpecError` for one that is right in no variant.

    Variants are the product of their fields' bounds, so some may be none that the layout allows.
    scan: the codec's `scan_bytes`.
    """
    protocol = lowered.protocol
    whats: list[What] = [*protocol.reply, *((_TRIED,) if protocol.direct is not None else ()), *OWN_KINDS]
    unknown = [fault for fault in protocol.reply if not isinstance(fault, Fault)]
    if unknown:
        raise SpecError("reply", f"{unknown[0]!r} is not a Fault", f"use {', '.join(f.name for f in Fault)}")
    for what in whats:
        role = f"reply[{what.name}]" if isinstance(what, Fault) else "direct" if isinstance(what, Direct) else what.name.lower()
        errors = [_try(lowered, what, variant, scan) for variant in lowered.variant.values()]
        if all(error is not None for error in errors):
            wrong, instead = errors[0] or ("", "")
            raise SpecError(role, wrong, instead)


def _try(lowered: Lowered, what: What, variant: int, scan: Callable[[bytes, int], Any]) -> tuple[str, str] | None:
    try:
        given = _given(lowered.protocol, what) or {}
    except Exception as error:  # noqa: BLE001 - as below
        return f"cannot be asked: {type(error).__name__}: {error}", "give a function from a Direct to a mapping of fields"
    unknown = next(_unknown(lowered.protocol.frame, given), None)
    if unknown is not None and not _has_functions(given):  # functions read what they like
        return f"there is no field {unknown!r} in the frame", f"its fields are: {', '.join(lowered.scope.fields)}"
    try:
        frame = build_template(lowered, what, variant, 0)
    except KeyError as error:
        if error.args != (None,):
            return f"cannot be built: {error}", "give every field of the frame a value that fits it"
        return "cannot be built: a field of the layout has no name", "name it: 'name' / …"
    except Exception as error:  # noqa: BLE001 - construct and the declaration's own functions raise anything
        text = str(error).strip().replace("\n", " ") or type(error).__name__
        return f"cannot be built: {text}", "give every field of the frame a value that fits it"
    kind = what if isinstance(what, Kind) else Kind.RESPONSE
    try:
        found = scan(frame, int(not goes_upstream(what))) if frame else None
    except MalformedError as error:
        return f"is refused when it is read back: {error}", "give its fields values that the layout allows"
    also = Kind.RESPONSE if kind is Kind.HEARTBEAT_ACK else kind  # where heartbeats are calls
    if found is not None and (isinstance(found, NeedMore) or found.size != len(frame) or found.kind not in {kind, also}):
        return f"is not one whole {kind.name.lower()} when it is read back", "set the fields that decide its kind and size"
    if not isinstance(what, Kind) and lowered.identity.id is not None and found is not None and found.id_at < 0:
        return "has no id when it is read back", "set the fields that decide whether there is one"
    return None
