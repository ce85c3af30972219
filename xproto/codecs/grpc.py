"""gRPC: messages of HTTP whose path names a service and a method, and whose trailers say how the call ended.

Source of the format: the document "gRPC over HTTP2" of the gRPC project. A call is one message each way, as HTTP's are:
here is what its heads say. It comes as a stream of HTTP/2, which is gRPC's if the request's content type says so. How the
body is cut into gRPC's own messages is nobody's business but the two ends'.

Triple, of Dubbo 3, is gRPC with fields of its own: a service's version and group are keys by the names that they have in
Dubbo (`version`, `group`), and win over fields that are called so.

What always holds: an answer of the proxy's own is a head without a body (trailers only), its message in printable ASCII.
"""

from __future__ import annotations

from typing import Any

from construct import Struct, this

from xproto.spec import Detect, Direct, Fault, Kind, Order, Pool, Protocol, first, header, spelled
from xproto.wire import FromUpstream, HttpBody, HttpHead

MEDIA = b"application/grpc"

STATUSES = {
    "ok": 0, "cancelled": 1, "unknown": 2, "invalid_argument": 3, "deadline_exceeded": 4, "not_found": 5,
    "already_exists": 6, "permission_denied": 7, "resource_exhausted": 8, "failed_precondition": 9, "aborted": 10,
    "out_of_range": 11, "unimplemented": 12, "internal": 13, "unavailable": 14, "data_loss": 15, "unauthenticated": 16,
}  # fmt: skip

FAULTS = {
    Fault.NO_ROUTE: (12, "no route matches this call"),
    Fault.NO_HOST: (14, "the cluster has no host"),
    Fault.CONNECT: (14, "no host of the cluster can be reached"),
    Fault.OVERLOAD: (8, "the cluster is overloaded"),
    Fault.TIMEOUT: (4, "the server did not answer in time"),
    Fault.CLOSED: (14, "the server's connection ended before it answered"),
    Fault.MALFORMED: (13, "the request cannot be read"),
    Fault.MISDIRECTED: (14, "this host is not to be had on this connection"),
    Fault.FILTER: (13, "a filter failed"),
}
"""4 DEADLINE_EXCEEDED, 8 RESOURCE_EXHAUSTED, 12 UNIMPLEMENTED, 13 INTERNAL, 14 UNAVAILABLE (a client may ask again)."""


def escaped(message: str) -> bytes:
    """As grpc-message is written: what is no printable ASCII, and the percent sign, as escapes of its UTF-8."""
    return b"".join(b"%c" % byte if 0x20 <= byte < 0x7F and byte != 0x25 else b"%%%02X" % byte for byte in message.encode())


def _reply(status: int, message: str) -> dict[str, Any]:
    fields = [
        (b"content-type", MEDIA),
        (b"grpc-status", b"%d" % status),
        (b"grpc-message", escaped(message)),
        (b"content-length", b"0"),  # of the text alone: on the wire the end of the stream says it
    ]
    return {"head": {"line": b"HTTP/1.1 200 OK", "fields": fields}, "body": b""}


def _direct(given: Direct) -> dict[str, Any]:
    return _reply(given.grpc_status, given.message)


GRPC = Protocol(
    name="grpc",
    frame=Struct("head" / HttpHead(), "body" / HttpBody(this.head), "upstream" / FromUpstream),
    kind={
        Kind.REQUEST: this.upstream == 0,
        Kind.RESPONSE: (this.head.status >= 200) | (this.head.status == 101),
        Kind.INTERIM: this.upstream == 1,
    },
    headers=this.head,
    service=header("path:service"),
    method=header("path:method"),
    keys={
        "version": first(header("tri-service-version"), header("version")),
        "group": first(header("tri-service-group"), header("group")),
    },
    status=header("grpc-status"),
    statuses=STATUSES,
    timeout=spelled("grpc-timeout"),
    echo=(this.head.facts,),
    pool=Pool.PING_PONG,
    order=Order.IN_ORDER,
    media=MEDIA,
    detect=Detect("head"),
    reply={fault: _reply(status, f"xproto: {message}") for fault, (status, message) in FAULTS.items()},
    direct=_direct,
    doc=__doc__ or "",
)
