"""HTTP/1.1: a head, and a body that is counted, chunked, or as long as the connection.

Source of the format: RFC 9110 and 9112, read more strictly (see `xproto.kernel.http1`). Messages have no id: a connection
to a server has one exchange at a time, and a client gets answers in the order of its requests.

Not among the built-ins yet: what a proxy owes to heads (fields of one hop, forwarding), bodies in pieces and exchanges
that end with the connection are the data path's, and still to come there.
"""

from __future__ import annotations

from typing import Any

from construct import Struct, this

from xproto.spec import Detect, Fault, Kind, Limits, Order, Pool, Protocol
from xproto.wire import FromUpstream, HttpBody, HttpHead

MAX_FRAME = 16 * 1024 * 1024

_FAULTS = {
    Fault.NO_ROUTE: (b"404 Not Found", b"no route matches this request"),
    Fault.NO_HOST: (b"503 Service Unavailable", b"the cluster has no host"),
    Fault.CONNECT: (b"503 Service Unavailable", b"no host of the cluster can be reached"),
    Fault.OVERLOAD: (b"503 Service Unavailable", b"the cluster is overloaded"),
    Fault.TIMEOUT: (b"504 Gateway Timeout", b"the server did not answer in time"),
    Fault.CLOSED: (b"502 Bad Gateway", b"the server's connection closed before it answered"),
    Fault.MALFORMED: (b"400 Bad Request", b"the request cannot be read"),
}


def _reply(status: bytes, text: bytes) -> dict[str, Any]:
    body = b"xproto: " + text + b"\n"
    fields = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", b"%d" % len(body))]
    if status.startswith(b"503"):
        fields.append((b"Retry-After", b"1"))
    return {"head": {"line": b"HTTP/1.1 " + status, "fields": fields}, "body": body}


def http1(*, max_frame: int = MAX_FRAME) -> Protocol:
    """HTTP/1.1; `max_frame` is what a message may have that is not passed on in pieces, in bytes."""
    return Protocol(
        name="http1",
        frame=Struct("head" / HttpHead(), "body" / HttpBody(this.head), "upstream" / FromUpstream),
        kind={Kind.RESPONSE: this.upstream == 1, Kind.REQUEST: this.upstream == 0},
        headers=this.head,
        pool=Pool.PING_PONG,
        order=Order.IN_ORDER,
        detect=Detect("head"),
        limits=Limits(frame=max_frame),
        reply={fault: _reply(status, text) for fault, (status, text) in _FAULTS.items()},
        configure=http1,
        doc=__doc__ or "",
    )


HTTP1 = http1()
