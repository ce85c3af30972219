"""A protocol that nobody speaks, declared rightly: what the broken declarations beside it differ from by one slip each."""

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    Enum,
    FixedSized,
    Flag,
    If,
    Int8ub,
    Int16ub,
    Int32ub,
    Rebuild,
    Struct,
    len_,
    this,
)

from xproto.spec import Detect, Fault, Kind, Limits, Protocol, header
from xproto.wire import Bounded, KeyValues, Known, TrailingCrc32, size_of

HEADERS = KeyValues(Int16ub)
EMPTY = {"flags": {"unused": 0, "checked": 0}, "headers": [], "body": b""}

PARCEL = Protocol(
    name="parcel",
    frame=Struct(
        "magic" / Const(b"\x5a\xc3\x07"),
        "type" / Known(Enum(Int8ub, call=1, answer=2, notice=3, ping=4, pong=5)),
        "flags" / BitStruct("unused" / BitsInteger(7), "checked" / Flag),
        "id" / Int32ub,
        "timeout" / If(this.type == "call", Int32ub),
        "status" / If(this.type == "answer", Int16ub),
        "head_len" / Rebuild(Bounded(Int16ub, 0, 0x4000), size_of("headers", HEADERS)),
        "body_len" / Rebuild(Bounded(Int32ub, 0, 0x100000), len_(this.body)),
        "headers" / FixedSized(this.head_len, HEADERS),
        "body" / Bytes(this.body_len),
        "crc" / If(this.flags.checked == 1, TrailingCrc32()),
    ),
    id=this.id,
    kind={
        Kind.REQUEST: this.type == "call",
        Kind.RESPONSE: this.type == "answer",
        Kind.ONEWAY: this.type == "notice",
        Kind.HEARTBEAT: this.type == "ping",
        Kind.HEARTBEAT_ACK: this.type == "pong",
    },
    headers=this.headers,
    service=header("service"),
    method=header("method"),
    timeout=this.timeout,
    echo=(this.flags.checked,),
    detect=Detect("magic"),
    limits=Limits(frame=0x200000),
    reply_base={**EMPTY, "type": "answer", "status": 500},
    reply={
        Fault.NO_ROUTE: {"status": 404, "body": b"no route"},
        Fault.TIMEOUT: {"status": 504, "body": b"timeout"},
        Fault.MALFORMED: {"status": 400, "body": b"malformed"},
    },
    heartbeat={**EMPTY, "type": "ping"},
    heartbeat_ack={**EMPTY, "type": "pong"},
)
