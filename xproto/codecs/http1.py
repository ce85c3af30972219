"""HTTP/1.1: a head, and a body that is counted, chunked, or as long as the connection.

Source of the format: RFC 9110 and 9112, read more strictly (see `xproto.kernel.http1`). Messages have no id: a connection
to a server has one exchange at a time, and a client gets answers in the order of its requests.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from construct import Struct, this

from xproto.codecs.grpc import FAULTS, escaped
from xproto.errors import SpecError
from xproto.spec import Detect, Fault, Kind, Order, Pool, Protocol
from xproto.wire import FromUpstream, HttpBody, HttpHead
from xproto.wire.http1 import METHODS, WEB_TEXT, fact

_FAULTS = {
    Fault.NO_ROUTE: (b"404 Not Found", "no route matches this request"),
    Fault.NO_HOST: (b"503 Service Unavailable", "the cluster has no host"),
    Fault.CONNECT: (b"503 Service Unavailable", "no host of the cluster can be reached"),
    Fault.OVERLOAD: (b"503 Service Unavailable", "the cluster is overloaded"),
    Fault.TIMEOUT: (b"504 Gateway Timeout", "the server did not answer in time"),
    Fault.CLOSED: (b"502 Bad Gateway", "the server's connection ended before it answered"),
    Fault.MALFORMED: (b"400 Bad Request", "the request cannot be read"),
    Fault.MISDIRECTED: (b"421 Misdirected Request", "this host is not to be had on this connection"),
    Fault.FILTER: (b"500 Internal Server Error", "a filter failed"),
}
_MEDIA = {"text": b"text/plain; charset=utf-8", "json": b"application/json"}


def _facts(fields: Any) -> int:
    return int(fields["head"].get("facts") or 0)


def _grpc_web(fault: Fault, *, text: bool) -> list[tuple[bytes, bytes]]:
    """The fields of an answer without a body to a call of gRPC-Web: what gRPC would say."""
    status, message = FAULTS[fault]
    return [
        (b"Content-Type", b"application/grpc-web-text+proto" if text else b"application/grpc-web+proto"),
        (b"grpc-status", b"%d" % status),
        (b"grpc-message", escaped(f"xproto: {message}")),
        (b"Content-Length", b"0"),
    ]


def _reply(fault: Fault, status: bytes, text: str, written: str) -> dict[str, Any]:
    """What the proxy answers itself. It has no body where HEAD was asked, and ends a connection whose framing is in doubt."""
    said = json.dumps({"error": fault.name.lower(), "message": text}) if written == "json" else f"xproto: {text}"
    body = said.encode() + b"\n"

    def line(frame: Any) -> bytes:
        return b"HTTP/1.1 " + (b"200 OK" if fact(_facts(frame), "web") else status)

    def fields(frame: Any) -> list[tuple[bytes, bytes]]:
        facts = _facts(frame)
        if fact(facts, "web"):
            found = _grpc_web(fault, text=fact(facts, "web") == WEB_TEXT)
        else:
            found = [(b"Content-Type", _MEDIA[written]), (b"Content-Length", b"%d" % len(body))]
        if not fact(facts, "web") and status.startswith(b"503"):
            found.append((b"Retry-After", b"1"))
        if fact(facts, "closes") or fact(facts, "awaits"):
            found.append((b"Connection", b"close"))
        elif facts and not fact(facts, "minor"):
            found.append((b"Connection", b"keep-alive"))
        return found

    def content(frame: Any) -> bytes:
        facts = _facts(frame)
        return b"" if fact(facts, "method") == METHODS[b"HEAD"] or fact(facts, "web") else body

    return {"head": {"line": line, "fields": fields}, "body": content}


def http1(*, local_replies: Literal["text", "json"] = "text") -> Protocol:
    """HTTP/1.1. `local_replies`: whether the proxy's own answers are plain text or JSON."""
    if local_replies not in _MEDIA:
        raise SpecError("local_replies", f"{local_replies!r} is no form of a reply", "write text or json")
    return Protocol(
        name="http1",
        frame=Struct("head" / HttpHead(), "body" / HttpBody(this.head), "upstream" / FromUpstream),
        kind={
            Kind.REQUEST: this.upstream == 0,
            Kind.RESPONSE: (this.head.status >= 200) | (this.head.status == 101),
            Kind.INTERIM: this.upstream == 1,
        },
        headers=this.head,
        echo=(this.head.facts,),
        pool=Pool.PING_PONG,
        order=Order.IN_ORDER,
        detect=Detect("head"),
        reply={fault: _reply(fault, status, text, local_replies) for fault, (status, text) in _FAULTS.items()},
        configure=http1,
        doc=__doc__ or "",
    )


HTTP1 = http1()
