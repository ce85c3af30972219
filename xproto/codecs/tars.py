"""Tars: a length that counts itself, then jce fields in the order of their tags.

Source of the format: RequestF.tars of the Tars framework. A TARS answer has a layout of its own; one in TUP has the
request's, so a frame must know where it came from. Servers are asked by ``tars_ping``, a call like any other, and say
that they are going by an answer to nobody with the result ``_reconnect_``.
"""

from __future__ import annotations

from typing import Any

from construct import Computed, FixedSized, If, IfThenElse, Int32ub, Rebuild, Struct, this

from xproto.spec import Detect, Fault, Kind, Limits, Protocol
from xproto.wire import Ahead, Bounded, FromUpstream, JceBytes, JceInteger, JceMap, JceRest, JceText, size_of

MAX_FRAME = 10_485_760
"""The limit of the Go implementation."""
TUP = 3
"""TARS is 1, TUP in an older form 2, XML 4, JSON 5."""
PING = b"\x66\x09tars_ping"
"""Field 6, a text of nine bytes."""
RECONNECT = b"\x86\x0b_reconnect_"
"""Field 8 of an answer, a text of eleven bytes."""

STATUSES = {
    "success": 0, "decode_error": -1, "encode_error": -2, "no_function": -3, "no_servant": -4, "reset_grid": -5,
    "queue_timeout": -6, "invoke_timeout": -7, "proxy_connect_error": -8, "server_overload": -9, "adapter_null": -10,
    "invalid_set": -11, "client_decode_error": -12, "unknown_error": -99,
}  # fmt: skip
"""The codes of TARS answers; one in TUP has its code in a map, and counts as success."""

_FAULTS = {
    Fault.NO_ROUTE: (-4, "xproto: no route matches this call"),
    Fault.NO_HOST: (-10, "xproto: the cluster has no host"),
    Fault.CONNECT: (-8, "xproto: no host of the cluster can be reached"),
    Fault.OVERLOAD: (-9, "xproto: the cluster is overloaded"),
    Fault.TIMEOUT: (-7, "xproto: the server did not answer in time"),
    Fault.CLOSED: (-8, "xproto: the server's connection closed before it answered"),
    Fault.MALFORMED: (-1, "xproto: the request cannot be read"),
    Fault.FILTER: (-99, "xproto: a filter failed"),
}


def layout(max_frame: int) -> Struct:
    """One frame."""
    body = Struct(
        "version" / JceInteger(1, 1, 5),
        "oneway" / JceInteger(2, -128, 127),
        "upstream" / FromUpstream,
        "answer" / Computed((this.upstream == 1) & (this.version != 2) & (this.version != TUP)),
        "message_type" / If(this.answer == 0, JceInteger(3)),
        "id" / JceInteger(4 - this.answer),
        "answer_type" / If(this.answer == 1, JceInteger(4)),
        "code" / If(this.answer == 1, JceInteger(5)),
        "servant" / If(this.answer == 0, JceText(5)),
        "ping" / IfThenElse(this.answer == 0, Ahead(PING), Computed(0)),
        "function" / If(this.answer == 0, JceText(6)),
        "result" / If(this.answer == 1, JceBytes(6)),
        "buffer" / If(this.answer == 0, JceBytes(7)),
        "answer_status" / If(this.answer == 1, JceMap(7)),
        "timeout" / If(this.answer == 0, JceInteger(8)),
        "reconnect" / IfThenElse(this.answer == 1, Ahead(RECONNECT), Computed(0)),
        "context" / If(this.answer == 0, JceMap(9)),
        "status" / If(this.answer == 0, JceMap(10)),
        "rest" / JceRest(),
    )
    inner = size_of("body", body)
    return Struct(
        "size" / Rebuild(Bounded(Int32ub, 4, max_frame), lambda context: inner(context) + 4),
        "body" / FixedSized(this.size - 4, body),
    )


_EMPTY = {
    "version": 1, "oneway": 0, "message_type": 0, "answer_type": 0, "code": 0, "servant": b"", "function": b"",
    "result": b"", "buffer": b"", "answer_status": [], "timeout": 0, "context": [], "status": [], "rest": b"",
}  # fmt: skip


MAX_STRING1 = 255
"""Bytes of a string whose length is one byte."""


def _reply(code: int, text: str) -> dict[str, Any]:
    """A TARS answer has a code and a description (field 8); TUP, with the request's layout, has both in its status."""
    said = text.encode()[:MAX_STRING1]

    def rest(fields: Any) -> bytes:
        is_tup = fields["body"]["version"] in {2, TUP}
        return b"" if is_tup else b"\x86" + bytes((len(said),)) + said

    return {"body": {"code": code, "status": {"STATUS_RESULT_CODE": str(code), "STATUS_RESULT_DESC": text}, "rest": rest}}


def tars(*, max_frame: int = MAX_FRAME) -> Protocol:
    """Tars; `max_frame` is in bytes."""
    return Protocol(
        name="tars",
        frame=layout(max_frame),
        id=this.body.id,
        length=this.size,
        kind={
            Kind.GOAWAY: (this.body.reconnect == 1) & (this.body.id == 0),
            Kind.RESPONSE: this.body.upstream == 1,
            Kind.HEARTBEAT: (this.body.ping == 1) & (this.body.oneway == 0),
            Kind.ONEWAY: this.body.oneway != 0,
            Kind.REQUEST: this.body.oneway == 0,
        },
        headers=this.body.context,
        answer_headers=this.body.answer_status,
        service=this.body.servant,
        method=this.body.function,
        timeout=this.body.timeout,
        status=this.body.code,
        statuses=STATUSES,
        unprocessed=("no_servant", "queue_timeout", "server_overload"),
        echo=(this.body.version,),
        detect=Detect("body.version"),
        limits=Limits(frame=max_frame),
        reply_base={"body": _EMPTY},
        reply={fault: _reply(code, text) for fault, (code, text) in _FAULTS.items()},
        direct=lambda given: _reply(_FAULTS[given.fault][0], given.message),
        heartbeat={"body": {**_EMPTY, "servant": b"xproto.Ping", "function": b"tars_ping"}},
        heartbeat_ack={"body": {**_EMPTY, "function": b"tars_ping"}},
        configure=tars,
        doc=__doc__ or "",
    )


TARS = tars()
