"""Varied: the id and every length are variable-length integers (LEB128), so nothing behind the kind has a fixed place.

magic 2 | kind 1 | id 1..5 | status 1..2 | (length 1..2, service) | (length 1..2, method) | (length 1..3, body)
"""

from construct import Const, Enum, GreedyBytes, Int8ub, Prefixed, Struct, VarInt, this

from xproto.spec import Detect, Fault, Kind, Protocol
from xproto.wire import Bounded, Known

EMPTY = {"status": 0, "service": b"", "method": b"", "body": b""}


def counted(most: int) -> Prefixed:
    """At most so many bytes, behind a variable-length integer that counts them."""
    return Prefixed(Bounded(VarInt, 0, most), GreedyBytes)


VARIED = Protocol(
    name="varied",
    frame=Struct(
        "magic" / Const(b"\xf7V"),
        "kind" / Known(Enum(Int8ub, request=0, oneway=1, response=2, ping=3, pong=4)),
        "id" / Bounded(VarInt, 0, 2**32 - 1),  # the proxy's own ids all take five bytes; a caller's come back as they came
        "status" / Bounded(VarInt, 0, 999),
        "service" / counted(255),
        "method" / counted(255),
        "body" / counted(1 << 20),
    ),
    id=this.id,
    kind={
        Kind.REQUEST: this.kind == "request",
        Kind.ONEWAY: this.kind == "oneway",
        Kind.RESPONSE: this.kind == "response",
        Kind.HEARTBEAT: this.kind == "ping",
        Kind.HEARTBEAT_ACK: this.kind == "pong",
    },
    service=this.service,
    method=this.method,
    detect=Detect("kind"),
    reply_base={**EMPTY, "kind": "response", "status": 500},
    reply={fault: {"body": fault.name.lower().encode()} for fault in Fault if fault is not Fault.MISDIRECTED},
    heartbeat={**EMPTY, "kind": "ping"},
    heartbeat_ack={**EMPTY, "kind": "pong"},
    doc=__doc__ or "",
)
