"""Packed: little-endian integers, and four fields in the bits of two bytes.

magic 2 | version:3 kind:3 urgent:1 traced:1 priority:4 status:4 | id 8 | service length 2 | body length 4 | service | body
"""

from construct import BitsInteger, BitStruct, Bytes, Const, Enum, Flag, Int16ul, Int32ul, Int64ul, Rebuild, Struct, len_, this

from xproto.spec import Fault, Kind, Protocol
from xproto.wire import Bounded, Known

PLAIN = {"version": 1, "urgent": 0, "traced": 0, "priority": 0, "status": 0}
EMPTY = {"service": b"", "body": b""}


def flags(kind: str, **other: int) -> dict[str, dict[str, object]]:
    """The bits of a frame of this kind."""
    return {"flags": {**PLAIN, "kind": kind, **other}}


PACKED = Protocol(
    name="packed",
    frame=Struct(
        "magic" / Const(0xB17F, Int16ul),
        "flags"
        / BitStruct(  # from the highest bit of the first byte on
            "version" / Bounded(BitsInteger(3), 1, 2),
            "kind" / Known(Enum(BitsInteger(3), request=0, oneway=1, response=2, ping=3, pong=4)),
            "urgent" / Flag,
            "traced" / Flag,
            "priority" / Bounded(BitsInteger(4), 0, 9),
            "status" / BitsInteger(4),
        ),
        "id" / Int64ul,
        "service_len" / Rebuild(Bounded(Int16ul, 0, 255), len_(this.service)),
        "body_len" / Rebuild(Bounded(Int32ul, 0, 1 << 20), len_(this.body)),
        "service" / Bytes(this.service_len),
        "body" / Bytes(this.body_len),
    ),
    id=this.id,
    kind={
        Kind.REQUEST: this.flags.kind == "request",
        Kind.ONEWAY: this.flags.kind == "oneway",
        Kind.RESPONSE: this.flags.kind == "response",
        Kind.HEARTBEAT: this.flags.kind == "ping",
        Kind.HEARTBEAT_ACK: this.flags.kind == "pong",
    },
    service=this.service,
    variant=(this.flags.version,),  # the two versions share no connection to a server
    echo=(this.flags.traced, this.flags.priority),  # what an answer of the proxy repeats
    reply_base={**EMPTY, **flags("response", status=1)},
    reply={fault: {"body": fault.name.lower().encode()} for fault in Fault if fault is not Fault.MISDIRECTED},
    heartbeat={**EMPTY, **flags("ping")},
    heartbeat_ack={**EMPTY, **flags("pong")},
    doc=__doc__ or "",
)
