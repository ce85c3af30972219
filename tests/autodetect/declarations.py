"""Declarations with the beginnings that real protocols have, and hardly more: what a detector sees of them."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    Enum,
    FixedSized,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Struct,
    VarInt,
    this,
)

from xproto.registry import Registered, register
from xproto.spec import Detect, Kind, Limits, Protocol
from xproto.wire import Bounded, Known

LIMIT = 16 * 1024 * 1024 - 1
LETTERS = string.ascii_letters.encode()
CALLS = Known(Enum(Int8ub, call=1, reply=2, exception=3, oneway=4))
KIND = {Kind.REQUEST: this.type == "call", Kind.RESPONSE: this.type == "reply"}
STRICT = (Const(b"\x80\x01"), "zero" / Const(b"\x00"), "type" / CALLS)


def declare(name: str, *fields: Any, kind: Any = KIND, **roles: Any) -> Protocol:
    limit = roles.pop("limit", LIMIT)
    return Protocol(name=name, frame=Struct(*fields), kind=kind, id=this.id, limits=Limits(frame=limit), **roles)


def always(name: str, *fields: Any, **roles: Any) -> Protocol:
    """All its frames are requests."""
    return declare(name, *fields, kind={Kind.REQUEST: this.id >= 0}, **roles)


def framed_thrift(*, max_frame: int = LIMIT) -> Protocol:
    """Strict binary messages, each behind its length."""
    return declare(
        "thrift", "length" / Bounded(Int32ub, 12, max_frame), *STRICT, "id" / Int32ub, "rest" / Bytes(this.length - 8),
        limit=2**31 - 1, detect=Detect("zero"), configure=framed_thrift,
    )  # fmt: skip


def unframed_thrift() -> Protocol:
    return declare("thrift_unframed", *STRICT, "id" / Int32ub, detect=Detect("zero"))


def non_strict_thrift(**detect: Any) -> Protocol:
    found = Detect("name_length", **{"followed_by": LETTERS, **detect})
    return declare(
        "thrift_old", "name_length" / Bounded(Int32ub, 1, 255), "name" / Bytes(this.name_length), "type" / CALLS,
        "id" / Int32ub, detect=found,
    )  # fmt: skip


def compact_thrift() -> Protocol:
    head = BitStruct("type" / Bounded(BitsInteger(3), 1, 4), "version" / Bounded(BitsInteger(5), 1, 1))
    return always("thrift_compact", Const(b"\x82"), "head" / head, "id" / Int32ub, detect=Detect("head.version"))


def theader() -> Protocol:
    protocol = Known(Enum(Bounded(VarInt, 0, 2), binary=0, compact=2))
    return always(
        "theader", "length" / Bounded(Int32ub, 12, LIMIT), "magic" / Const(b"\x0f\xff"), "flags" / Int16ub, "id" / Int32ub,
        "words" / Int16ub, "protocol" / protocol, "rest" / Bytes(this.length - 11), detect=Detect("protocol"),
    )  # fmt: skip


def dubbothrift() -> Protocol:
    return always(
        "dubbothrift", "length" / Bounded(Int32ub, 12, LIMIT), "magic" / Const(b"\xda\xbc"), "id" / Int32ub,
        "rest" / Bytes(this.length - 6), detect=Detect("magic"),
    )  # fmt: skip


def tars() -> Protocol:
    return always(
        "tars", "length" / Bounded(Int32ub, 12, 10_485_760), Const(b"\x10"), "version" / Known(Enum(Int8ub, tars=1, tup=3)),
        "id" / Int32ub, "rest" / Bytes(this.length - 10), detect=Detect("version"),
    )  # fmt: skip


def sectioned() -> Protocol:
    """Framed, as a declaration would say it: what the length covers is a section."""
    message = Struct("version" / Const(0x8001, Int16ub), "type" / CALLS, "rest" / GreedyBytes)
    length = "length" / Bounded(Int32ub, 3, LIMIT)
    kind = {Kind.REQUEST: this.message.type == "call"}
    return declare("sectioned", length, "message" / FixedSized(this.length, message), "id" / Int32ub, kind=kind)


def text(name: str = "text", **detect: Any) -> Protocol:
    """Begins with any capital letter."""
    return always(name, "word" / Bounded(Int8ub, 65, 90), "id" / Int32ub, detect=Detect("word", **detect))


_ALL = (framed_thrift, unframed_thrift, non_strict_thrift, compact_thrift, theader, dubbothrift, tars)
FAMILY: dict[str, Registered] = {protocol.name: register(protocol) for protocol in (make() for make in _ALL)}


def configured(protocol: Protocol, **options: Any) -> Registered:
    """As the registry does with `protocol_options`."""
    assert protocol.configure is not None
    return replace(register(protocol.configure(**options)), declared=protocol, options=options)
