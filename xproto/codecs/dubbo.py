"""Dubbo (dubbo2): a 16-byte header, then a body in the serialization that the client chose.

Source of the format: Dubbo's ExchangeCodec and DubboCodec. Hessian2 requests are routed by what the provider looks at:
its own lookup takes path and version from the attachments, which override the fields of the same name. Other
serializations pass only when they are allowed, and are routed by the header alone, since letting a client choose the
reader is CVE-2021-25641. Nothing is resynchronised on a later magic, and there is no telnet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Check,
    Computed,
    Const,
    Enum,
    FixedSized,
    Flag,
    GreedyBytes,
    If,
    IfThenElse,
    Int8ub,
    Int16ub,
    Int32sb,
    Int64ub,
    Rebuild,
    Struct,
    this,
)

from xproto.spec import Detect, Direct, Fault, Kind, Limits, Protocol, first, header, item, unless, view
from xproto.wire import Bounded, HessianArguments, HessianMap, HessianText, Known, size_of
from xproto.wire.hessian import encode_text

MAX_BODY = 8 * 1024 * 1024
"""Java's default `payload`; a longer body is refused by every stock provider."""
MAX_EVENT = 15
"""Java's default as well: a longer event is rejected "for security consideration"."""
HEADER_SIZE = 16
READONLY = 0x0152
"""An event whose body is the string "R": the provider is draining."""
SERIALIZATIONS = {
    "hessian2": 2, "java": 3, "compactedjava": 4, "fastjson": 6, "nativejava": 7, "kryo": 8, "fst": 9,
    "nativehessian": 10, "avro": 11, "protostuff": 12, "gson": 16, "jackson": 18, "protobuf_json": 21, "protobuf": 22,
    "fastjson2": 23, "kryo2": 25, "msgpack": 27, "fury": 28,
}  # fmt: skip
STATUSES = {
    "ok": 20, "serialization_error": 25, "client_timeout": 30, "server_timeout": 31, "channel_inactive": 35,
    "bad_request": 40, "bad_response": 50, "service_not_found": 60, "service_error": 70, "server_error": 80,
    "client_error": 90, "server_threadpool_exhausted_error": 100,
}  # fmt: skip
"""Dubbo's Response. An exception that the method itself raised is `ok`: it is part of the result."""
_JSON = {"fastjson", "gson", "jackson", "fastjson2"}
_GENERIC = (b"$invoke", b"$invokeAsync")

_MESSAGES = {
    Fault.NO_ROUTE: (60, "xproto: no route matches this call"),
    Fault.NO_HOST: (60, "xproto: the cluster has no host"),
    Fault.CONNECT: (60, "xproto: no host of the cluster can be reached"),
    Fault.OVERLOAD: (100, "xproto: the cluster is overloaded"),
    Fault.TIMEOUT: (31, "xproto: the provider did not answer in time"),
    Fault.CLOSED: (35, "xproto: the provider's connection closed before it answered"),
    Fault.MALFORMED: (40, "xproto: the request cannot be read"),
    Fault.FILTER: (80, "xproto: a filter failed"),
}


def layout(serializations: Sequence[str], max_body: int) -> Struct:
    """One Dubbo frame."""
    allowed = {name: SERIALIZATIONS[name] for name in serializations}
    hessian = this._.flags.serialization == "hessian2" if "hessian2" in allowed else this._.never == 1
    call = this._.flags.request & ~this._.flags.event & hessian
    body = Struct(
        "call" / Computed(call),
        "event" / IfThenElse(this._.readable, Int16ub, Computed(0)),
        "dubbo" / If(this.call == 1, HessianText()),
        "path" / If(this.call == 1, HessianText()),
        "version" / If(this.call == 1, HessianText()),
        "method" / If(this.call == 1, HessianText()),
        "types" / If(this.call == 1, HessianText()),
        "arguments" / If(this.call == 1, HessianArguments(this.types)),
        "attachments" / If(this.call == 1, HessianMap()),
        "rest" / GreedyBytes,
    )
    return Struct(
        "magic" / Const(b"\xda\xbb"),
        "flags"
        / BitStruct(
            "request" / Flag,
            "two_way" / Flag,
            "event" / Flag,
            "serialization" / Known(Enum(BitsInteger(5), **allowed)),
        ),
        "status" / Int8ub,
        "id" / Int64ub,
        "length" / Rebuild(Bounded(Int32sb, 0, max_body), size_of("body", body)),
        Check((this.flags.event == 0) | (this.length <= MAX_EVENT)),
        "never" / Computed(0),
        "readable" / Computed(this.flags.event & this.flags.request & (this.length == 2)),
        "body" / FixedSized(this.length, body),
    )


def _message(fields: Mapping[str, Any]) -> bytes:
    """The text of a local reply in the request's serialization.

    Empty where we cannot write it: the consumer's reader then fails, which its caller sees as an error as well.
    """
    text, serialization = fields["status_text"], fields["flags"]["serialization"]
    if serialization in {"hessian2", "nativehessian"}:
        return encode_text(text)
    return json.dumps(text).encode() + b"\n" if serialization in _JSON else b""


def _direct(given: Direct) -> dict[str, Any]:
    return {"status": _MESSAGES[given.fault][0], "status_text": given.message}


def dubbo(*, serializations: Sequence[str] = ("hessian2",), max_body: int = MAX_BODY) -> Protocol:
    """Dubbo; `serializations` is the allow-list (names), `max_body` is in bytes."""
    unknown = [name for name in serializations if name not in SERIALIZATIONS]
    if unknown or not serializations:
        raise ValueError(f"serializations: {unknown or 'none'} is not known; there are: {', '.join(SERIALIZATIONS)}")
    first_allowed = "hessian2" if "hessian2" in serializations else serializations[0]
    event = {"two_way": 0, "event": 1, "serialization": first_allowed}
    reply = {"flags": {"request": 0, "two_way": 0, "event": 0}, "body": {"event": 0, "rest": _message}}
    return Protocol(
        name="dubbo",
        frame=layout(serializations, max_body),
        id=this.id,
        kind={
            Kind.GOAWAY: this.flags.request & this.flags.event & (this.body.event == READONLY),
            Kind.HEARTBEAT: this.flags.request & this.flags.event & this.flags.two_way & (this.body.event == 0),
            Kind.HEARTBEAT_ACK: this.flags.event,  # and every other event: nothing is owed for it
            Kind.REQUEST: this.flags.request & this.flags.two_way & ~this.flags.event,
            Kind.ONEWAY: this.flags.request & ~this.flags.two_way & ~this.flags.event,
            Kind.RESPONSE: ~this.flags.request & ~this.flags.event,
        },
        headers=view(this.body.attachments, path=this.body.path, version=this.body.version, dubbo=this.body.dubbo),
        answer_headers=False,  # they stand behind a value of any class, and in some answers only
        service=first(header("path")),
        method=first(unless(this.body.method, *_GENERIC), item(this.body.arguments), this.body.method),
        timeout=header("timeout"),
        status=this.status,
        statuses=STATUSES,
        unprocessed=("service_not_found", "server_threadpool_exhausted_error"),
        echo=(this.flags.serialization,),
        detect=Detect("magic"),
        limits=Limits(frame=max_body + HEADER_SIZE),
        reply_base=reply,
        reply={fault: {"status": status, "status_text": text} for fault, (status, text) in _MESSAGES.items()},
        direct=_direct,
        heartbeat={"flags": {**event, "request": 1, "two_way": 1}, "status": 0, "body": {"event": 0, "rest": b"N"}},
        heartbeat_ack={"flags": {**event, "request": 0}, "status": 20, "body": {"event": 0, "rest": b"N"}},
        configure=dubbo,
        doc=__doc__ or "",
    )


DUBBO = dubbo()
