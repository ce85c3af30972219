"""Whether each role of a declaration has the type it must have: what Python would only notice in the middle of something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from construct import Construct

from xproto.errors import SpecError
from xproto.spec import Detect, Limits, Order, Pool, Protocol, Session

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)

_TYPES: tuple[tuple[str, Any, str], ...] = (
    ("name", str, "a text, such as 'ping'"),
    ("frame", Construct, "a layout: Struct('name' / …)"),
    ("kind", Mapping, "a mapping: {Kind.REQUEST: this.type == …, …}"),
    ("detect", Detect, "Detect('field')"),
    ("limits", Limits, "Limits(frame=…)"),
    ("session", Session | None, "Session(handshake=…, handshake_ack=…)"),
    ("keys", Mapping, "a mapping: {'version': header(…), …}"),
    ("carries", tuple, "a tuple of protocols: (Protocol(…),)"),
    ("media", bytes, "bytes, such as b'application/grpc'"),
    ("statuses", Mapping, "a mapping: {'busy': 4, …}"),
    ("unprocessed", tuple, "a tuple of names: ('busy',)"),
    ("variant", tuple, "a tuple of fields: (this.version,)"),
    ("echo", tuple, "a tuple of fields: (this.codec,)"),
    ("reply_base", Mapping, "a mapping: {'field': value, …}"),
    ("reply", Mapping, "a mapping: {Fault.TIMEOUT: {'field': value}, …}"),
    ("heartbeat", Mapping | None, "a mapping: {'field': value, …}"),
    ("heartbeat_ack", Mapping | None, "a mapping: {'field': value, …}"),
    ("doc", str, "a text"),
)


def refuse_shapes(protocol: Protocol) -> None:
    """Raises `SpecError` for a role of another type, and for a name that configurations could not say."""
    for role, wanted, instead in _TYPES:
        value = getattr(protocol, role)
        if not isinstance(value, wanted):
            raise SpecError(role, f"is {_said(value)}", f"give {instead}")
    if not _NAME.fullmatch(protocol.name):
        raise SpecError("name", f"is {protocol.name!r}", "give one word of letters, digits, - and _, such as my-protocol")
    for role, choices in (("pool", Pool), ("order", Order)):
        if getattr(protocol, role) not in list(choices):
            wrong = f"is {_said(getattr(protocol, role))}"
            raise SpecError(role, wrong, f"give {' or '.join(map(str, map(_dotted, choices)))}")
    for role in ("unwrap", "direct", "configure"):
        if getattr(protocol, role) is not None and not callable(getattr(protocol, role)):
            raise SpecError(role, f"is {_said(getattr(protocol, role))}", "give a function")
    for carried in protocol.carries:
        if not isinstance(carried, Protocol):
            raise SpecError("carries", f"has {_said(carried)}", "give protocols: (Protocol(…),)")
    for fault, fields in protocol.reply.items():
        if not isinstance(fields, Mapping):
            name = getattr(fault, "name", fault)
            raise SpecError(f"reply[{name}]", f"is {_said(fields)}", "give a mapping: {'field': value, …}")


def _said(value: Any) -> str:
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:60] + '…'}, of type {type(value).__name__}"


def _dotted(choice: Pool | Order) -> str:
    return f"{type(choice).__name__}.{choice.name}"
