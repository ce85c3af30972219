"""HTTP/2: frames, each of one stream or of the connection, behind the client's preface.

Source of the format: RFC 9113. Here is how one frame is read: its size, its fields, which stream it may be of. What a
sequence of frames may be (the states of a stream, windows, a header block that goes on in CONTINUATION) and what a header
block says (HPACK, RFC 7541) is for whoever follows the connection; so one HEADERS frame is a request of a client's and a
response of a server's, be it the trailers of one.

What always holds: a frame has the length that it says, and its payload is taken up to the last byte. Reserved bits are
ignored and stay, unknown types and flags are passed over, as the RFC asks of receivers. Stricter than it: a length that is
wrong for a type, or a stream that is, refuses the frame, where the RFC has some of them end only their stream.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from construct import (
    Array,
    BitsInteger,
    BitStruct,
    Bytes,
    Check,
    Computed,
    Const,
    Enum,
    Flag,
    If,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int24ub,
    Int32ub,
    Rebuild,
    Struct,
    len_,
    this,
)

from xproto.codecs.grpc import GRPC
from xproto.codecs.http1 import http1
from xproto.errors import SpecError
from xproto.spec import Detect, Fault, Kind, Limits, Protocol, Session
from xproto.wire import Ahead, Bounded, FromUpstream

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client's connection begins with. As a frame it would be one of 5,263,945 bytes: "PRI" is told from any length."""
HEADER_SIZE = 9
MAX_FRAME_SIZE = 16_384
"""SETTINGS_MAX_FRAME_SIZE, of a payload: its first value, and the least that can be set. A peer sends no longer frame before it
is allowed to."""
LARGEST_FRAME_SIZE = int.from_bytes(PREFACE[:3], "big") - 1
"""The RFC allows 2**24 - 1; a frame as long as that could be taken for the preface."""

TYPES = {
    "data": 0, "headers": 1, "priority": 2, "rst_stream": 3, "settings": 4, "push_promise": 5, "ping": 6, "goaway": 7,
    "window_update": 8, "continuation": 9,
}  # fmt: skip
ERRORS = {
    "no_error": 0, "protocol_error": 1, "internal_error": 2, "flow_control_error": 3, "settings_timeout": 4,
    "stream_closed": 5, "frame_size_error": 6, "refused_stream": 7, "cancel": 8, "compression_error": 9,
    "connect_error": 10, "enhance_your_calm": 11, "inadequate_security": 12, "http_1_1_required": 13,
}  # fmt: skip
SETTINGS = {
    "header_table_size": 1, "enable_push": 2, "max_concurrent_streams": 3, "initial_window_size": 4, "max_frame_size": 5,
    "max_header_list_size": 6, "enable_connect_protocol": 8, "no_rfc7540_priorities": 9,
}  # fmt: skip
"""RFC 9113, 8441 and 9218."""

OF_STREAMS = ("data", "headers", "priority", "rst_stream", "push_promise", "continuation")
OF_CONNECTIONS = ("settings", "ping", "goaway")
"""WINDOW_UPDATE is of either; where an unknown type belongs is not known."""


def _is(*types: str) -> Any:
    """Whether a frame is of one of these types."""
    found = this.type == types[0]
    for each in types[1:]:
        found = found | (this.type == each)
    return found


def _size(size: int) -> Check:
    return "size" / Check(this._.length == size)


def _padded(*fields: Any, fixed: Any = None) -> Struct:
    """A payload that may be padded. fixed: bytes in front of what has any length, `rest`, beside the padding's length."""
    padded = this._.flags.padded
    before = padded if fixed is None else fixed + padded
    return Struct(
        "room" / Check(this._.length >= before),
        "pad_length" / IfThenElse(padded == 1, Rebuild(Int8ub, len_(this.padding)), Computed(0)),
        "rest" / Computed(this._.length - before - this.pad_length),
        "padding_fits" / Check(this.rest >= 0),
        *fields,
        "padding" / If(padded == 1, Bytes(this.pad_length)),
    )


_STREAM = BitStruct("reserved" / Flag, "id" / BitsInteger(31))
_PRIORITY = BitStruct("exclusive" / Flag, "dependency" / BitsInteger(31), "weight" / BitsInteger(8))
_FRAGMENT = Bytes(this.rest)
"""Of a header block."""
_ERROR = Enum(Int32ub, **ERRORS)

PAYLOADS = {
    "data": _padded("data" / Bytes(this.rest)),
    "headers": _padded(
        "priority" / If(this._.flags.priority == 1, _PRIORITY),
        "fragment" / _FRAGMENT,
        fixed=this._.flags.priority * 5,
    ),
    "priority": Struct(_size(5), "priority" / _PRIORITY),
    "rst_stream": Struct(_size(4), "error" / _ERROR),
    "settings": Struct(
        "size" / Check(this._.length % 6 == 0),
        "ack_size" / Check((this._.ack == 0) | (this._.length == 0)),
        "entries" / Array(this._.length // 6, Struct("identifier" / Enum(Int16ub, **SETTINGS), "value" / Int32ub)),
    ),
    "push_promise": _padded("promised" / _STREAM, "fragment" / _FRAGMENT, fixed=4),
    "ping": Struct(_size(8), "opaque" / Bytes(8)),
    "goaway": Struct(
        "size" / Check(this._.length >= 8), "last" / _STREAM, "error" / _ERROR, "debug" / Bytes(this._.length - 8)
    ),
    "window_update": Struct(_size(4), "window" / BitStruct("reserved" / Flag, "increment" / BitsInteger(31))),
    "continuation": Struct("fragment" / Bytes(this._.length)),
}
"""By the type's name."""


def _length(fields: Any) -> int:
    """How many bytes the payload is built to."""
    kind, flags = str(fields.type), fields.flags
    if kind not in TYPES:
        return len(fields.unknown)
    payload = fields[kind]
    padded = 1 + len(payload["padding"]) if flags["padded"] and "padding" in payload else 0
    priority = 5 if kind == "priority" or (kind == "headers" and flags["priority"]) else 0
    fixed = {"rst_stream": 4, "push_promise": 4, "ping": 8, "goaway": 8, "window_update": 4}.get(kind, 0)
    rest = sum(len(payload[name]) for name in ("data", "fragment", "debug") if name in payload)
    return padded + priority + fixed + rest + 6 * len(payload.get("entries", ()))


def layout(max_frame_size: int) -> Struct:
    """One frame behind the preface."""
    return Struct(
        "length" / Rebuild(Bounded(Int24ub, 0, max_frame_size), _length),
        "type" / Enum(Int8ub, **TYPES),
        "flags"
        / BitStruct(
            "unused_80_40" / BitsInteger(2),
            "priority" / Flag,
            "unused_10" / Flag,
            "padded" / Flag,
            "end_headers" / Flag,
            "unused_02" / Flag,
            "end_stream" / Flag,  # of SETTINGS and PING this bit is ACK
        ),
        "ack" / Computed(this.flags.end_stream & _is("settings", "ping")),
        "of_connection" / Computed(_is(*OF_CONNECTIONS)),
        "of_stream" / Computed(_is(*OF_STREAMS)),
        "no_stream" / If(this.of_connection == 1, BitStruct("reserved" / Flag, "id" / Const(0, BitsInteger(31)))),
        "stream" / If(this.of_connection == 0, _STREAM),
        "number" / IfThenElse(this.of_connection == 0, Computed(this.stream.id), Computed(0)),
        "has_stream" / Check((this.of_stream == 0) | (this.number != 0)),
        *(name / If(this.type == name, payload) for name, payload in PAYLOADS.items()),
        "known" / Computed((this.of_connection == 1) | (this.of_stream == 1) | (this.type == "window_update")),
        "unknown" / If(this.known == 0, Bytes(this.length)),
    )


_FLAGS = {
    "unused_80_40": 0, "priority": 0, "unused_10": 0, "padded": 0, "end_headers": 0, "unused_02": 0, "end_stream": 0,
}  # fmt: skip
_WHOLE = {**_FLAGS, "end_headers": 1, "end_stream": 1}
_HEARTBEAT = {"type": "ping", "flags": _FLAGS, "no_stream": {"reserved": 0}, "ping": {"opaque": bytes(8)}}
_INDEXED = {b"400": 12, b"404": 13, b"500": 14}
"""Of HPACK's static table: whole fields."""
_STATUS, _RETRY_AFTER = 8, 53
"""And names."""


def _field(name: int, value: bytes) -> bytes:
    """A literal field that enters no table, its name from the static one (RFC 7541, 6.2.2 and 5.1), its value not Huffman's."""
    index = bytes((name,)) if name < 15 else bytes((15, name - 15))
    return index + bytes((len(value),)) + value


def _block(status: bytes) -> bytes:
    """The header block of an answer without a body, right in any state of the tables."""
    line = bytes((0x80 | _INDEXED[status],)) if status in _INDEXED else _field(_STATUS, status)
    return line + (_field(_RETRY_AFTER, b"1") if status == b"503" else b"")


_STATUSES = {
    Fault.NO_ROUTE: b"404",
    Fault.NO_HOST: b"503",
    Fault.CONNECT: b"503",
    Fault.OVERLOAD: b"503",
    Fault.TIMEOUT: b"504",
    Fault.CLOSED: b"502",
    Fault.MALFORMED: b"400",
    Fault.MISDIRECTED: b"421",
    Fault.FILTER: b"500",
}


def http2(*, max_frame_size: int = MAX_FRAME_SIZE, local_replies: Literal["text", "json"] = "text") -> Protocol:
    """HTTP/2. `max_frame_size`: of a payload, in bytes; `local_replies`: as of http1, for answers that have a body."""
    if not MAX_FRAME_SIZE <= max_frame_size <= LARGEST_FRAME_SIZE:
        wrong = f"{max_frame_size} is no size of a frame"
        raise SpecError("max_frame_size", wrong, f"choose {MAX_FRAME_SIZE}..{LARGEST_FRAME_SIZE}")
    frame = this.frame
    from_client, from_server = this.upstream == 0, this.upstream == 1
    return Protocol(
        name="http2",
        frame=Struct(
            "upstream" / FromUpstream,
            "opens" / IfThenElse(this.upstream == 0, Ahead(PREFACE[:3], certain=True), Computed(0)),
            "preface" / If(this.opens == 1, Const(PREFACE)),
            "frame" / If(this.opens == 0, layout(max_frame_size)),
        ),
        id=frame.stream.id,
        kind={
            Kind.HANDSHAKE: this.opens == 1,
            Kind.REQUEST: (frame.type == "headers") & from_client,
            Kind.RESPONSE: (frame.type == "headers") & from_server,
            Kind.HEARTBEAT: (frame.type == "ping") & (frame.ack == 0),
            Kind.HEARTBEAT_ACK: frame.type == "ping",
            Kind.GOAWAY: frame.type == "goaway",
            Kind.PART: (frame.type == "data")
            | (frame.type == "continuation")
            | (frame.type == "rst_stream")
            | (frame.type == "push_promise")
            | ((frame.type == "window_update") & (frame.number != 0)),
            Kind.CONTROL: this.opens == 0,  # PRIORITY, which may name any stream, and unknown types, too
        },
        session=Session(handshake={"opens": 1}),
        carries=(replace(http1(local_replies=local_replies), name="http2", configure=None), GRPC),
        echo_text=frame.ping.opaque,
        detect=Detect("preface"),
        limits=Limits(frame=HEADER_SIZE + max_frame_size),
        reply_base={"frame": {"type": "headers", "flags": _WHOLE, "stream": {"reserved": 0, "id": 1}}},
        reply={fault: {"frame": {"headers": {"fragment": _block(status)}}} for fault, status in _STATUSES.items()},
        heartbeat={"opens": 0, "frame": _HEARTBEAT},
        heartbeat_ack={"opens": 0, "frame": {**_HEARTBEAT, "flags": {**_FLAGS, "end_stream": 1}}},
        configure=http2,
        doc=__doc__ or "",
    )


HTTP2 = http2()
