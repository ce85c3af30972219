"""THeader: ids, headers and transforms in front of each message.

Source of the format: Apache Thrift's THeader specification. Its clients tell answers apart by their id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from construct import (
    Bytes,
    Const,
    Construct,
    FixedSized,
    GreedyBytes,
    If,
    IfThenElse,
    Int16ub,
    Int32ub,
    Rebuild,
    Struct,
    Tell,
    VarInt,
    this,
)

from xproto.codecs.thrift.message import (
    MAX_FRAME,
    binary_exception,
    common,
    compact,
    compact_exception,
    kinds,
    replies,
    strict,
)
from xproto.spec import Detect, Kind, Limits, Order, Protocol, before, first, header
from xproto.wire import Bounded, ThriftInfo, size_of
from xproto.wire.theader import inflate, varint

MAX_HEADER_WORDS = 65_536 // 4


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

    def inner(context: Any) -> int:
        if context.header.get("transforms"):
            return 0  # all of it is in the body, compressed
        return 12 + len(context.name) if number == 0 else 2 + len(varint(context.seqid)) + _varint_text(context.name)

    def size(context: Any) -> int:
        return 10 + 4 * words(context) + inner(context) + len(context.body)

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
        "status": type_,
        "kind": {Kind.WRAPPED: this.header.transforms > 0, **kinds(type_)},
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
    return common(
        "thrift-header", thrift_header, "Thrift: THeader, binary inside.",
        **_with_header("thrift-header", 0, strict, this.type, max_frame, max_inflated),
        reply_base={"flags": 0, "header": _HEADER, "type": "exception"}, **replies(binary_exception),
    )  # fmt: skip


def thrift_header_compact(*, max_frame: int = MAX_FRAME, max_inflated: int = MAX_INFLATED) -> Protocol:
    """THeader with compact inside; `max_frame` and `max_inflated` (of a compressed frame) are in bytes."""
    reply = {"flags": 0, "header": {**_HEADER, "protocol": 2}, "head": {"type": "exception"}}
    return common(
        "thrift-header-compact", thrift_header_compact, "Thrift: THeader, compact inside.",
        **_with_header("thrift-header-compact", 2, compact, this.head.type, max_frame, max_inflated),
        reply_base=reply, **replies(compact_exception),
    )  # fmt: skip
