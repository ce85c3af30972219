"""Bolt, the protocol of SOFARPC: v1, and v2 with its optional CRC-32, in both directions.

Source of the format: SOFABolt's RpcProtocol and RpcProtocolV2. A server answers in the version of a connection's first
frame, so `proto` and `ver1` are the variant. Class and header lengths stop at 0x7FFF: some implementations read them as
signed, and two readings of one length are two different frame ends.
"""

from __future__ import annotations

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Check,
    Computed,
    Enum,
    FixedSized,
    Flag,
    If,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int32sb,
    Int32ub,
    Rebuild,
    Struct,
    len_,
    this,
)

from xproto.spec import Detect, Fault, Kind, Limits, Protocol, header
from xproto.wire import Bounded, KeyValues, Known, TrailingCrc32, size_of

MAX_SHORT = 0x7FFF
MAX_CONTENT = 0x7FFFFFFF
FRAME_LIMIT = 16 * 1024 * 1024 - 1

HEADERS = KeyValues(Int32sb)

STATUSES = {
    "success": 0, "error": 1, "server_exception": 2, "unknown": 3, "server_threadpool_busy": 4, "error_comm": 5,
    "no_processor": 6, "call_timeout": 7, "client_send_error": 8, "codec_exception": 9, "connection_closed": 16,
    "server_serial_exception": 17, "server_deserial_exception": 18,
}  # fmt: skip
"""SOFABolt's ResponseStatus."""


def layout(*, goaway: bool = False) -> Struct:
    """One Bolt frame. Goaway frames are MOSN's alone: the Java implementation throws on them."""
    commands = {"heartbeat": 0, "request": 1, "response": 2} | ({"goaway": 100} if goaway else {})
    return Struct(
        "proto" / Bounded(Int8ub, 1, 2),
        "ver1" / IfThenElse(this.proto == 2, Bounded(Int8ub, 1, 2), Computed(0)),
        "type" / Known(Enum(Int8ub, response=0, request=1, oneway=2)),
        "command" / Known(Enum(Int16ub, **commands)),
        "version" / Int8ub,
        "id" / Int32ub,
        "codec" / Int8ub,
        "switch" / If(this.proto == 2, BitStruct("unused" / BitsInteger(7), "crc" / Flag)),
        "checked" / IfThenElse(this.proto == 2, Computed(this.switch.crc), Computed(0)),
        If(this.proto == 2, Check((this.ver1 == 2) | (this.checked == 0))),
        "timeout" / If(this.type != "response", Int32sb),
        "status" / If(this.type == "response", Int16ub),
        "class_len" / Rebuild(Bounded(Int16ub, 0, MAX_SHORT), len_(this.class_name)),
        "header_len" / Rebuild(Bounded(Int16ub, 0, MAX_SHORT), size_of("headers", HEADERS)),
        "content_len" / Rebuild(Bounded(Int32ub, 0, MAX_CONTENT), len_(this.content)),
        "class_name" / Bytes(this.class_len),
        "headers" / FixedSized(this.header_len, HEADERS),
        "content" / Bytes(this.content_len),
        "crc" / If(this.checked == 1, TrailingCrc32()),
    )


_EMPTY = {"version": 1, "codec": 1, "switch": {"unused": 0, "crc": 0}, "class_name": b"", "headers": [], "content": b""}
_RESPONSE = {**_EMPTY, "type": "response", "command": "response"}


def bolt(*, goaway: bool = False, frame_limit: int = FRAME_LIMIT) -> Protocol:
    """Bolt; `goaway` accepts MOSN's goaway frames, `frame_limit` is in bytes."""
    kinds = {
        Kind.REQUEST: (this.type == "request") & (this.command == "request"),
        Kind.ONEWAY: (this.type == "oneway") & (this.command == "request"),
        Kind.RESPONSE: (this.type == "response") & (this.command == "response"),
        Kind.HEARTBEAT: (this.type == "request") & (this.command == "heartbeat"),
        Kind.HEARTBEAT_ACK: (this.type == "response") & (this.command == "heartbeat"),
    }
    if goaway:
        kinds[Kind.GOAWAY] = this.command == "goaway"
    return Protocol(
        name="bolt",
        frame=layout(goaway=goaway),
        id=this.id,
        kind=kinds,
        headers=this.headers,
        service=header("service"),
        method=header("sofa_head_method_name"),
        timeout=this.timeout,
        status=this.status,
        statuses=STATUSES,
        unprocessed=("server_threadpool_busy", "no_processor"),
        variant=(this.proto, this.ver1),
        echo=(this.codec,),
        detect=Detect("command"),
        limits=Limits(frame=frame_limit),
        reply_base=_RESPONSE,
        reply={
            Fault.NO_ROUTE: {"status": 6},
            Fault.NO_HOST: {"status": 6},
            Fault.CONNECT: {"status": 16},
            Fault.OVERLOAD: {"status": 4},
            Fault.TIMEOUT: {"status": 7},
            Fault.CLOSED: {"status": 16},
            Fault.MALFORMED: {"status": 9},
            Fault.FILTER: {"status": 1},
        },
        heartbeat={**_EMPTY, "type": "request", "command": "heartbeat", "timeout": -1},
        heartbeat_ack={**_EMPTY, "type": "response", "command": "heartbeat", "status": 0},
        configure=bolt,
        doc=__doc__ or "",
    )


BOLT = bolt()
