"""TTwitter: Thrift as Finagle speaks it, with a header of its own before each message once a connection is upgraded.

Source of the format: Finagle's filters for clients and servers, and its tracing.thrift. A client's first call has a name
that no service would choose; a server that answers it has upgraded the connection, and from then on a struct with the
client's id, contexts and delegations stands before each message of it, and another before each answer. A server that
knows nothing of this answers with an exception, and the client goes on with plain Thrift.

Here: who asks for an upgrade gets it, and each upstream connection is upgraded before its first call; a server that
declines counts as one that cannot be connected to. For servers without TTwitter name `thrift` alone in a listener's
protocols: it declines. Routes find a context by its key, the client's id as `client_id`, the destination as `dest`.
"""

from __future__ import annotations

from typing import Any

from construct import Bytes, Const, Enum, If, IfThenElse, Int8ub, Int32sb, Int32ub, Rebuild, Struct, Tell, len_, this

from xproto.codecs.thrift.message import (
    MAX_FRAME,
    MAX_NAME,
    TYPES,
    UPGRADE,
    binary_exception,
    common,
    replies,
)
from xproto.spec import Detect, Kind, Limits, Order, Protocol, Session, before, first, header
from xproto.wire import Ahead, Bounded, Known, TTwitterHeader
from xproto.wire.ttwitter import header_bytes

_VERSION = b"\x80\x01\x00"
_NOTHING = b"\x00"
"""A struct without fields: the options of an upgrade, and its result."""


def layout(max_frame: int) -> Struct:
    """One frame: an upgrade or the answer to one, which are plain, or a message behind its header."""

    def size(context: Any) -> int:
        if context.plain:
            return 12 + len(UPGRADE) + len(context.body)
        return len(header_bytes(context.header)) + 12 + len(context.name) + len(context.body)

    named = Rebuild(Bounded(Int32ub, 0, MAX_NAME), len_(this.name))
    return Struct(
        "size" / Rebuild(Bounded(Int32sb, 0, max_frame), size),
        "plain" / Ahead(_VERSION[:1], certain=True),
        "header" / If(this.plain == 0, TTwitterHeader()),
        "version" / Const(_VERSION),
        "type" / Known(Enum(Int8ub, **TYPES)),
        "name_size" / IfThenElse(this.plain == 1, Const(len(UPGRADE), Int32ub), named),
        "upgrade" / If(this.plain == 1, Const(UPGRADE)),
        "name" / If(this.plain == 0, Bytes(this.name_size)),
        "seqid" / Int32ub,
        "here" / Tell,
        "body" / Bytes(this.size + 4 - this.here),
    )


def ttwitter(*, max_frame: int = MAX_FRAME) -> Protocol:
    """TTwitter; `max_frame` is in bytes."""
    with_header = this.plain == 0
    return common(
        "thrift-twitter", ttwitter, __doc__ or "",
        frame=layout(max_frame),
        id=this.seqid,
        kind={
            Kind.HANDSHAKE: (this.plain == 1) & (this.type == "call"),
            Kind.HANDSHAKE_ACK: (this.plain == 1) & (this.type == "reply"),
            Kind.REQUEST: with_header & (this.type == "call"),
            Kind.ONEWAY: with_header & (this.type == "oneway"),
            Kind.RESPONSE: with_header & ((this.type == "reply") | (this.type == "exception")),
        },
        session=Session(
            handshake={"plain": 1, "type": "call", "body": _NOTHING},
            handshake_ack={"plain": 1, "type": "reply", "body": _NOTHING},
        ),
        headers=this.header,
        service=first(before(this.name, b":"), header("dest")),
        order=Order.BY_ID,
        detect=Detect("upgrade", before=("thrift",)),
        limits=Limits(frame=max_frame + 4),
        reply_base={"plain": 0, "header": [], "type": "exception"},
        **replies(binary_exception),
    )  # fmt: skip
