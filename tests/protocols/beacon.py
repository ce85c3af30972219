"""Beacon: a protocol that exists only in the tests, as unlike Bolt and Dubbo as a declaration can be.

All integers are little-endian; the flags are bits of two bytes; ids are 16 bits wide, so that they wrap around in a
test; the header block's length is a varint; the body comes in chunks; a little-endian CRC-32 ends every frame. Nothing
in the package knows it: it is loaded by path, as anyone's protocol is.

    magic 2 | flags 2 | id 2 | [shard 3, version 2] | [timeout 4, when the deadline bit is set] | [status 1, response]
    | service length 1 | header length varint | service | (length 2, key, length 2, value)* | (length 2, bytes)* 0 0 | crc 4
"""

from __future__ import annotations

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Const,
    Enum,
    FixedSized,
    Flag,
    If,
    Int8ul,
    Int16ul,
    Int24ul,
    Int32ul,
    Padding,
    Rebuild,
    Struct,
    VarInt,
    len_,
    this,
)

from xproto.spec import Detect, Fault, Kind, Limits, Protocol, first, header
from xproto.wire import Bounded, Chunked, KeyValues, Known, TrailingCrc32, size_of

MAGIC = 0xBEAC
MAX_TIMEOUT = 86_400_000
MAX_HEADERS = 16_383
"""The largest number that a varint of two bytes holds."""
FRAME_LIMIT = 8 * 1024 * 1024

HEADERS = KeyValues(Int16ul)
STATUS = {
    "ok": 0, "error": 1, "no_route": 2, "no_host": 3, "unreachable": 4, "overload": 5, "timeout": 6, "closed": 7,
    "malformed": 100,
}  # fmt: skip

LAYOUT = Struct(
    "magic" / Const(MAGIC, Int16ul),
    "flags"
    / BitStruct(
        "version" / Bounded(BitsInteger(2), 1, 2),
        "kind" / Known(Enum(BitsInteger(3), request=0, oneway=1, response=2, heartbeat=3, ack=4, goaway=5)),
        "deadline" / Flag,
        "traced" / Flag,
        "priority" / Bounded(BitsInteger(4), 0, 9),
        Padding(5),
    ),
    "id" / Int16ul,
    "shard" / If(this.flags.version == 2, Int24ul),
    "timeout" / If(this.flags.deadline == 1, Bounded(Int32ul, 0, MAX_TIMEOUT)),
    "status" / If(this.flags.kind == "response", Known(Enum(Int8ul, **STATUS))),
    "service_len" / Rebuild(Int8ul, len_(this.service)),
    "headers_len" / Rebuild(Bounded(VarInt, 0, MAX_HEADERS), size_of("headers", HEADERS)),
    "service" / Bytes(this.service_len),
    "headers" / FixedSized(this.headers_len, HEADERS),
    "body" / Chunked(Int16ul),
    "crc" / TrailingCrc32(little=True),
)

_FLAGS = {"version": 1, "deadline": 0, "traced": 0, "priority": 0}
_EMPTY = {"shard": 0, "service": b"", "headers": [], "body": b""}
_STATUSES = {
    Fault.NO_ROUTE: "no_route",
    Fault.NO_HOST: "no_host",
    Fault.CONNECT: "unreachable",
    Fault.OVERLOAD: "overload",
    Fault.TIMEOUT: "timeout",
    Fault.CLOSED: "closed",
    Fault.MALFORMED: "malformed",
}


def beacon(*, frame_limit: int = FRAME_LIMIT) -> Protocol:
    """Beacon; `frame_limit` is in bytes."""
    return Protocol(
        name="beacon",
        frame=LAYOUT,
        id=this.id,
        kind={
            Kind.REQUEST: this.flags.kind == "request",
            Kind.ONEWAY: this.flags.kind == "oneway",
            Kind.RESPONSE: this.flags.kind == "response",
            Kind.HEARTBEAT: this.flags.kind == "heartbeat",
            Kind.HEARTBEAT_ACK: this.flags.kind == "ack",
            Kind.GOAWAY: this.flags.kind == "goaway",
        },
        headers=this.headers,
        service=first(header("service"), this.service),
        method=header("method"),
        timeout=this.timeout,
        variant=(this.flags.version,),
        echo=(this.flags.traced, this.flags.priority),
        detect=Detect("magic"),
        limits=Limits(frame=frame_limit),
        reply_base={**_EMPTY, "flags": {**_FLAGS, "kind": "response"}},
        reply={fault: {"status": status, "body": f"beacon: {status}".encode()} for fault, status in _STATUSES.items()},
        heartbeat={**_EMPTY, "flags": {**_FLAGS, "kind": "heartbeat"}},
        heartbeat_ack={**_EMPTY, "flags": {**_FLAGS, "kind": "ack"}},
        configure=beacon,
        doc=__doc__ or "",
    )


BEACON = beacon()
