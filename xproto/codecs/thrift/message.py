"""What all forms of Thrift share: the heads of messages, their kinds, the exceptions that the proxy answers with."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Computed,
    Const,
    Construct,
    Enum,
    IfThenElse,
    Int8ub,
    Int32sb,
    Int32ub,
    Rebuild,
    Struct,
    Tell,
    VarInt,
    len_,
    this,
)

from xproto.spec import Fault, Kind, Order, Pool, Protocol, after, before
from xproto.wire import Ahead, Bounded, Known, Raw
from xproto.wire.theader import varint

MAX_FRAME = 16_384_000
"""The default limit of Apache Thrift's own servers."""
MAX_NAME = 1024
MAX_ID = 2**32 - 1
TYPES = {"call": 1, "reply": 2, "exception": 3, "oneway": 4}
STATUSES = {"reply": TYPES["reply"], "exception": TYPES["exception"]}
"""An exception that the service declares is a reply; `exception` is TApplicationException, of servers and proxies."""
UPGRADE = b"__can__finagle__trace__v3__"
"""The call that changes what a connection to a Finagle server speaks: see `ttwitter`."""

FAULTS = {
    Fault.NO_ROUTE: (1, "xproto: no route matches this call"),
    Fault.NO_HOST: (6, "xproto: the cluster has no host"),
    Fault.CONNECT: (6, "xproto: no host of the cluster can be reached"),
    Fault.OVERLOAD: (6, "xproto: the cluster is overloaded"),
    Fault.TIMEOUT: (6, "xproto: the server did not answer in time"),
    Fault.CLOSED: (6, "xproto: the server's connection closed before it answered"),
    Fault.MALFORMED: (7, "xproto: the request cannot be read"),
    Fault.FILTER: (6, "xproto: a filter failed"),
}
"""TApplicationException's types: 1 unknown method, 6 internal error, 7 protocol error."""


def binary_exception(code: int, text: str) -> bytes:
    """A TApplicationException in the binary protocol: {1: text, 2: code}."""
    said = text.encode()
    return b"\x0b\x00\x01" + struct.pack(">i", len(said)) + said + b"\x08\x00\x02" + struct.pack(">i", code) + b"\x00"


def compact_exception(code: int, text: str) -> bytes:
    """The same in the compact protocol, where integers are zigzag."""
    said = text.encode()
    return b"\x18" + varint(len(said)) + said + b"\x15" + varint(2 * code) + b"\x00"


def upgrade() -> Construct:
    """Whether the name that follows is the one which asks for TTwitter; in each form, as Finagle asks in any."""
    return IfThenElse(this.name_size == len(UPGRADE), Ahead(UPGRADE, certain=True), Computed(0))


def strict() -> list[Construct]:
    """The head of a message in the strict binary protocol."""
    return [
        "version" / Const(b"\x80\x01\x00"),
        "type" / Known(Enum(Int8ub, **TYPES)),
        "name_size" / Rebuild(Bounded(Int32ub, 0, MAX_NAME), len_(this.name)),
        "upgrade" / upgrade(),
        "name" / Bytes(this.name_size),
        "seqid" / Int32ub,
    ]


def old() -> list[Construct]:
    """The head of a message in the binary protocol before it had a version."""
    return [
        "name_size" / Rebuild(Bounded(Int32ub, 0, MAX_NAME), len_(this.name)),
        "upgrade" / upgrade(),
        "name" / Bytes(this.name_size),
        "type" / Known(Enum(Int8ub, **TYPES)),
        "seqid" / Int32ub,
    ]


def compact() -> list[Construct]:
    """The head of a message in the compact protocol; its id is a varint, plain and not zigzag."""
    return [
        "magic" / Const(b"\x82"),
        "head" / BitStruct("type" / Known(Enum(BitsInteger(3), **TYPES)), "version" / Const(1, BitsInteger(5))),
        "seqid" / Bounded(VarInt, 0, MAX_ID),
        "name_size" / Rebuild(Bounded(VarInt, 0, MAX_NAME), len_(this.name)),
        "upgrade" / upgrade(),
        "name" / Bytes(this.name_size),
    ]


def kinds(type_: Any) -> dict[Kind, Any]:
    return {
        Kind.HANDSHAKE: (this.upgrade == 1) & (type_ == "call"),
        Kind.REQUEST: type_ == "call",
        Kind.ONEWAY: type_ == "oneway",
        Kind.RESPONSE: (type_ == "reply") | (type_ == "exception"),
    }


def replies(write: Callable[[int, str], bytes | Raw]) -> dict[str, Any]:
    """The roles of what the proxy answers itself."""
    return {
        "reply": {fault: {"body": write(code, text)} for fault, (code, text) in FAULTS.items()},
        "direct": lambda given: {"body": write(FAULTS[given.fault][0], given.message)},
    }


def raw_replies(write: Callable[[int, str], bytes]) -> dict[str, Any]:
    """The same where the body is a struct."""
    return replies(lambda code, text: Raw(write(code, text)))


def common(name: str, configure: Callable[..., Protocol], doc: str, **more: Any) -> Protocol:
    """What all forms share: whose method it is, and how the connections are used."""
    return Protocol(
        name=name,
        service=more.pop("service", before(this.name, b":")),
        method=after(this.name, b":"),
        pool=more.pop("pool", Pool.PING_PONG),
        order=more.pop("order", Order.IN_ORDER),
        echo_text=after(this.name, b":"),  # servers answer by the method alone, and Apache's clients check it
        status=more.pop("status", this.type),
        statuses=STATUSES,
        configure=configure,
        doc=doc,
        **more,
    )


def framed(max_frame: int, parts: list[Construct], size: Callable[[Any], int]) -> Struct:
    return Struct(
        "size" / Rebuild(Bounded(Int32sb, 0, max_frame), size),
        *parts,
        "here" / Tell,
        "body" / Bytes(this.size + 4 - this.here),
    )
