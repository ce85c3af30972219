"""Sealed: headers and a body, and behind them a CRC-32 of the whole frame.

magic 3 | kind 1 | id 4 | status 1 | header length 2 | body length 4 | headers | body | crc 4
"""

from construct import Bytes, Const, Enum, FixedSized, Int8ub, Int16ub, Int32ub, Rebuild, Struct, len_, this

from xproto.spec import Fault, Kind, Protocol, header
from xproto.wire import Bounded, KeyValues, Known, TrailingCrc32, size_of

HEADERS = KeyValues(Int16ub)
EMPTY = {"status": 0, "headers": [], "body": b""}

SEALED = Protocol(
    name="sealed",
    frame=Struct(
        "magic" / Const(b"\xf5SL"),
        "kind" / Known(Enum(Int8ub, request=0, oneway=1, response=2, ping=3, pong=4)),
        "id" / Int32ub,
        "status" / Int8ub,
        "headers_len" / Rebuild(Bounded(Int16ub, 0, 8192), size_of("headers", HEADERS)),
        "body_len" / Rebuild(Bounded(Int32ub, 0, 1 << 20), len_(this.body)),
        "headers" / FixedSized(this.headers_len, HEADERS),
        "body" / Bytes(this.body_len),
        "crc" / TrailingCrc32(),  # a new id changes it by as much: a corrupt frame stays corrupt
    ),
    id=this.id,
    kind={
        Kind.REQUEST: this.kind == "request",
        Kind.ONEWAY: this.kind == "oneway",
        Kind.RESPONSE: this.kind == "response",
        Kind.HEARTBEAT: this.kind == "ping",
        Kind.HEARTBEAT_ACK: this.kind == "pong",
    },
    headers=this.headers,
    service=header("service"),
    method=header("method"),
    reply_base={**EMPTY, "kind": "response", "status": 1},
    reply={fault: {"body": fault.name.lower().encode()} for fault in Fault if fault is not Fault.MISDIRECTED},
    heartbeat={**EMPTY, "kind": "ping"},
    heartbeat_ack={**EMPTY, "kind": "pong"},
    doc=__doc__ or "",
)
