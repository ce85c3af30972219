"""Tagged: the headers are a JSON object, which nothing but construct and this file can read. A frame is:

magic 2 | kind 1 | id 4 | status 2 | (length 2, headers: {"service": "…", …}) | (length 4, body)
"""

import json
from typing import Any

from construct import Adapter, Const, Enum, GreedyBytes, Int8ub, Int16ub, Int32ub, Prefixed, Struct, this

from xproto.spec import Fault, Kind, Protocol, header
from xproto.wire import Bounded, Known


class JsonObject(Adapter):
    """A JSON object, as a dict. Whatever is raised here, the frame is malformed."""

    def _decode(self, obj: bytes, context: Any, path: str) -> dict[str, Any]:
        found = json.loads(obj) if obj else {}
        if not isinstance(found, dict):
            raise TypeError("no JSON object")
        return found

    def _encode(self, obj: dict[str, Any], context: Any, path: str) -> bytes:
        return json.dumps(obj, separators=(",", ":")).encode() if obj else b""


HEADERS = JsonObject(GreedyBytes)
EMPTY = {"status": 0, "headers": {}, "body": b""}

TAGGED = Protocol(
    name="tagged",
    frame=Struct(
        "magic" / Const(b"\xf9T"),
        "kind" / Known(Enum(Int8ub, request=0, response=1, ping=2, pong=3)),
        "id" / Int32ub,
        "status" / Int16ub,
        "headers" / Prefixed(Bounded(Int16ub, 0, 4096), HEADERS),  # read by construct, for each call routed by a header
        "body" / Prefixed(Bounded(Int32ub, 0, 1 << 20), GreedyBytes),
    ),
    id=this.id,
    kind={
        Kind.REQUEST: this.kind == "request",
        Kind.RESPONSE: this.kind == "response",
        Kind.HEARTBEAT: this.kind == "ping",
        Kind.HEARTBEAT_ACK: this.kind == "pong",
    },
    headers=this.headers,
    service=header("service"),
    method=header("method"),
    reply_base={**EMPTY, "kind": "response", "status": 500},
    reply={fault: {"body": fault.name.lower().encode()} for fault in Fault if fault is not Fault.MISDIRECTED},
    heartbeat={**EMPTY, "kind": "ping"},
    heartbeat_ack={**EMPTY, "kind": "pong"},
    doc=__doc__ or "",
)
