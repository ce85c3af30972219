"""Thrift: a message is a call, a reply, an exception or a oneway; forms differ in how they write it and where it ends.

Source of the formats: the Thrift specifications of the binary and the compact protocol, and of THeader, as Apache Thrift
publishes them; Dubbo's ThriftCodec for dubbothrift. `name` is the method, or ``Service:method`` where several services
share a port (TMultiplexedProtocol).

Stock servers answer one call after the other, and stock clients read answers in the order of their requests without
looking at the id (thriftpy2 sends 0 in all of them): so connections are not shared, unless a cluster says that its
servers allow it, and answers keep their order. THeader clients tell answers apart by their id.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Check,
    Const,
    Construct,
    Enum,
    FixedSized,
    GreedyBytes,
    If,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int32sb,
    Int32ub,
    Int64ub,
    Rebuild,
    Struct,
    Tell,
    VarInt,
    len_,
    this,
)

from xproto.spec import Detect, Fault, Kind, Limits, Order, Pool, Protocol, after, before, first, header
from xproto.wire import Bounded, Known, Raw, ThriftInfo, ThriftStruct, size_of
from xproto.wire.theader import inflate, varint

MAX_FRAME = 16_384_000
"""The default limit of Apache Thrift's own servers."""
MAX_NAME = 1024
MAX_HEADER_WORDS = 65_536 // 4
TYPES = {"call": 1, "reply": 2, "exception": 3, "oneway": 4}
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_ID = 2**32 - 1

_FAULTS = {
    Fault.NO_ROUTE: (1, "xproto: no route matches this call"),
    Fault.NO_HOST: (6, "xproto: the cluster has no host"),
    Fault.CONNECT: (6, "xproto: no host of the cluster can be reached"),
    Fault.OVERLOAD: (6, "xproto: the cluster is overloaded"),
    Fault.TIMEOUT: (6, "xproto: the server did not answer in time"),
    Fault.CLOSED: (6, "xproto: the server's connection closed before it answered"),
    Fault.MALFORMED: (7, "xproto: the request cannot be read"),
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


def strict() -> list[Construct]:
    """The head of a message in the strict binary protocol."""
    return [
        "version" / Const(b"\x80\x01\x00"),
        "type" / Known(Enum(Int8ub, **TYPES)),
        "name_size" / Rebuild(Bounded(Int32ub, 0, MAX_NAME), len_(this.name)),
        "name" / Bytes(this.name_size),
        "seqid" / Int32ub,
    ]


def old() -> list[Construct]:
    """The head of a message in the binary protocol before it had a version."""
    return [
        "name_size" / Rebuild(Bounded(Int32ub, 0, MAX_NAME), len_(this.name)),
        "name" / Bytes(this.name_size),
        "type" / Known(Enum(Int8ub, **TYPES)),
        "seqid" / Int32ub,
    ]


def compact() -> list[Construct]:
    """The head of a message in the compact protocol; its id is a varint, plain and not zigzag."""
    return [
        "magic" / Const(b"\x82"),
        "head" / BitStruct("type" / Known(Enum(BitsInteger(3), **TYPES)), "version" / Const(1, BitsInteger(5))),
        "seqid" / Bounded(VarInt, 0, _ID),
        "name_size" / Rebuild(Bounded(VarInt, 0, MAX_NAME), len_(this.name)),
        "name" / Bytes(this.name_size),
    ]


def _kinds(type_: Any) -> dict[Kind, Any]:
    return {
        Kind.REQUEST: type_ == "call",
        Kind.ONEWAY: type_ == "oneway",
        Kind.RESPONSE: (type_ == "reply") | (type_ == "exception"),
    }


def _replies(write: Callable[[int, str], bytes]) -> dict[Fault, Mapping[str, Any]]:
    return {fault: {"body": write(code, text)} for fault, (code, text) in _FAULTS.items()}


def _raw_replies(write: Callable[[int, str], bytes]) -> dict[Fault, Mapping[str, Any]]:
    return {fault: {"body": Raw(write(code, text))} for fault, (code, text) in _FAULTS.items()}


def _common(name: str, configure: Callable[..., Protocol], doc: str, **more: Any) -> Protocol:
    """What all forms share: whose method it is, and how the connections are used."""
    return Protocol(
        name=name,
        service=more.pop("service", before(this.name, b":")),
        method=after(this.name, b":"),
        pool=more.pop("pool", Pool.PING_PONG),
        order=more.pop("order", Order.IN_ORDER),
        echo_text=after(this.name, b":"),  # servers answer by the method alone, and Apache's clients check it
        configure=configure,
        doc=doc,
        **more,
    )


def _framed(max_frame: int, parts: list[Construct], size: Callable[[Any], int]) -> Struct:
    return Struct(
        "size" / Rebuild(Bounded(Int32sb, 0, max_frame), size),
        *parts,
        "here" / Tell,
        "body" / Bytes(this.size + 4 - this.here),
    )


def thrift(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Framed, strict binary; `max_frame` is in bytes."""
    layout = _framed(max_frame, strict(), lambda context: 12 + len(context.name) + len(context.body))
    return _common(
        "thrift", thrift, "Thrift: framed, strict binary.",
        frame=layout, id=this.seqid, kind=_kinds(this.type), detect=Detect("type"), limits=Limits(frame=max_frame + 4),
        reply_base={"type": "exception"}, reply=_replies(binary_exception),
    )  # fmt: skip


def thrift_old(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Framed, binary without a version; `max_frame` is in bytes."""
    layout = _framed(max_frame, old(), lambda context: 9 + len(context.name) + len(context.body))
    return _common(
        "thrift-old", thrift_old, "Thrift: framed, binary without a version (strictWrite off).",
        frame=layout, id=this.seqid, kind=_kinds(this.type), detect=Detect("name_size", followed_by=LETTERS),
        limits=Limits(frame=max_frame + 4), reply_base={"type": "exception"}, reply=_replies(binary_exception),
    )  # fmt: skip


def thrift_compact(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Framed, compact; `max_frame` is in bytes."""

    def size(context: Any) -> int:
        name = context.name
        return 2 + len(varint(context.seqid)) + len(varint(len(name))) + len(name) + len(context.body)

    return _common(
        "thrift-compact", thrift_compact, "Thrift: framed, compact.",
        frame=_framed(max_frame, compact(), size), id=this.seqid, length=this.size, kind=_kinds(this.head.type),
        detect=Detect("head.version"), limits=Limits(frame=max_frame + 4),
        reply_base={"head": {"type": "exception"}}, reply=_replies(compact_exception),
    )  # fmt: skip


def thrift_unframed(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Unframed, strict binary; `max_frame` is in bytes."""
    return _common(
        "thrift-unframed", thrift_unframed, "Thrift: unframed, strict binary.",
        frame=Struct(*strict(), "body" / ThriftStruct()), id=this.seqid, kind=_kinds(this.type), detect=Detect("type"),
        limits=Limits(frame=max_frame), reply_base={"type": "exception"}, reply=_raw_replies(binary_exception),
    )  # fmt: skip


def thrift_unframed_old(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Unframed, binary without a version; `max_frame` is in bytes."""
    return _common(
        "thrift-unframed-old", thrift_unframed_old, "Thrift: unframed, binary without a version.",
        frame=Struct(*old(), "body" / ThriftStruct()), id=this.seqid, kind=_kinds(this.type),
        detect=Detect("name_size", followed_by=LETTERS), limits=Limits(frame=max_frame),
        reply_base={"type": "exception"}, reply=_raw_replies(binary_exception),
    )  # fmt: skip


def thrift_unframed_compact(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Unframed, compact; `max_frame` is in bytes."""
    return _common(
        "thrift-unframed-compact", thrift_unframed_compact, "Thrift: unframed, compact.",
        frame=Struct(*compact(), "body" / ThriftStruct(compact=True)), id=this.seqid, kind=_kinds(this.head.type),
        detect=Detect("head.version"), limits=Limits(frame=max_frame),
        reply_base={"head": {"type": "exception"}}, reply=_raw_replies(compact_exception),
    )  # fmt: skip


def dubbothrift(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Dubbo's framing around strict binary; `max_frame` is in bytes."""

    def size(context: Any) -> int:
        return 33 + len(context.service) + len(context.name) + len(context.body)

    layout = Struct(
        "size" / Rebuild(Bounded(Int32ub, 0, max_frame), size),
        "magic" / Const(b"\xda\xbc"),
        "again_size" / Rebuild(Int32ub, size),
        Check(this.again_size == this.size),
        "head_size" / Rebuild(Int16ub, 21 + len_(this.service)),
        "header_version" / Const(1, Int8ub),
        "service_size" / Rebuild(Bounded(Int32ub, 0, MAX_NAME), len_(this.service)),
        Check(this.head_size == this.service_size + 21),
        "service" / Bytes(this.service_size),
        "id" / Int64ub,
        *strict(),
        "here" / Tell,
        "body" / Bytes(this.size + 4 - this.here),
    )
    return _common(
        "dubbothrift", dubbothrift, "dubbothrift: Dubbo's header, then strict binary.",
        frame=layout, id=this.id, service=first(this.service), pool=Pool.MULTIPLEXED, order=Order.BY_ID,
        kind=_kinds(this.type), detect=Detect("magic"), limits=Limits(frame=max_frame + 4),
        reply_base={"type": "exception", "service": b"", "seqid": 0}, reply=_replies(binary_exception),
    )  # fmt: skip


def _theader(number: int, message: Callable[[], list[Construct]], max_frame: int) -> Struct:
    head = Struct(
        "protocol" / Bounded(VarInt, number, number),
        "transforms" / Bounded(VarInt, 0, 7),
        "info" / If(this.transforms == 0, ThriftInfo()),
        "rest" / IfThenElse(this.transforms == 0, Bytes(0), GreedyBytes),
    )
    sized = size_of("header", head)

    def words(context: Any) -> int:
        return -(-int(sized(context)) // 4)

    def size(context: Any) -> int:
        inner = 12 + len(context.name) if number == 0 else 2 + len(varint(context.seqid)) + _varint_text(context.name)
        return 10 + 4 * words(context) + inner + len(context.body)

    return Struct(
        "size" / Rebuild(Bounded(Int32ub, 0, max_frame), size),
        "mark" / Const(b"\x0f\xff"),
        "flags" / Int16ub,
        "seq" / Int32ub,
        "words" / Rebuild(Bounded(Int16ub, 1, MAX_HEADER_WORDS), words),
        "header" / FixedSized(this.words * 4, head),
        *(part.name / If(this.header.transforms == 0, part.subcon) for part in message()),
        "here" / Tell,
        "body" / Bytes(this.size + 4 - this.here),
    )


def _varint_text(text: bytes) -> int:
    return len(varint(len(text))) + len(text)


def _with_header(
    name: str, number: int, message: Callable[[], list[Construct]], type_: Any, max_frame: int, max_inflated: int
) -> Mapping[str, Any]:
    return {
        "frame": _theader(number, message, max_frame),
        "id": this.seq,
        "again": this.seqid,
        "length": this.size,
        "kind": {Kind.WRAPPED: this.header.transforms > 0, **_kinds(type_)},
        "headers": this.header.info,
        "service": first(before(this.name, b":"), header("service")),
        "order": Order.BY_ID,
        "detect": Detect("header.protocol"),
        "limits": Limits(frame=max_frame + 4),
        "unwrap": lambda frame: inflate(name, frame, max_inflated),
    }


_HEADER = {"protocol": 0, "transforms": 0, "info": [], "rest": b""}
MAX_INFLATED = 4 * 1024 * 1024


def thrift_header(*, max_frame: int = MAX_FRAME, max_inflated: int = MAX_INFLATED) -> Protocol:
    """THeader with strict binary inside; `max_frame` and `max_inflated` (of a compressed frame) are in bytes."""
    return _common(
        "thrift-header", thrift_header, "Thrift: THeader, binary inside.",
        **_with_header("thrift-header", 0, strict, this.type, max_frame, max_inflated),
        reply_base={"flags": 0, "header": _HEADER, "type": "exception"}, reply=_replies(binary_exception),
    )  # fmt: skip


def thrift_header_compact(*, max_frame: int = MAX_FRAME, max_inflated: int = MAX_INFLATED) -> Protocol:
    """THeader with compact inside; `max_frame` and `max_inflated` (of a compressed frame) are in bytes."""
    reply = {"flags": 0, "header": {**_HEADER, "protocol": 2}, "head": {"type": "exception"}}
    return _common(
        "thrift-header-compact", thrift_header_compact, "Thrift: THeader, compact inside.",
        **_with_header("thrift-header-compact", 2, compact, this.head.type, max_frame, max_inflated),
        reply_base=reply, reply=_replies(compact_exception),
    )  # fmt: skip


THRIFTS = (
    thrift(),
    thrift_compact(),
    thrift_header(),
    thrift_header_compact(),
    dubbothrift(),
    thrift_unframed(),
    thrift_unframed_compact(),
    thrift_old(),
    thrift_unframed_old(),
)
"""In rank order; no two of them can be taken for each other."""
