"""HTTP/1.1: a head, and a body that is counted, chunked, or as long as the connection.

Source of the format: RFC 9110 and 9112, read more strictly (see `xproto.kernel.http1`). Messages have no id: a connection
to a server has one exchange at a time, and a client gets answers in the order of its requests.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Literal

from construct import Struct, this

from xproto.codecs.grpc import FAULTS, escaped
from xproto.errors import SpecError
from xproto.spec import LOCATION, Detect, Direct, Fault, Kind, Order, Pool, Protocol
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
STATUSES: Mapping[str, int | Collection[int]] = {
    "4xx": range(400, 500), "5xx": range(500, 600), "gateway_error": (502, 503, 504), "misdirected_request": 421,
    "too_early": 425, "too_many_requests": 429, "internal_server_error": 500, "bad_gateway": 502,
    "service_unavailable": 503, "gateway_timeout": 504,
}  # fmt: skip
_BODILESS = frozenset({204, 304})
"""Answers that have no body, nor a length of one (RFC 9110 sections 15.3.5 and 15.4.5)."""
_MEDIA = {"text": b"text/plain; charset=utf-8", "json": b"application/json"}


def _facts(fields: Any) -> int:
    return int(fields["head"].get("facts") or 0)


def _grpc_web(status: int, message: str, *, text: bool) -> list[tuple[bytes, bytes]]:
    """The fields of an answer without a body to a call of gRPC-Web: what gRPC would say."""
    return [
        (b"Content-Type", b"application/grpc-web-text+proto" if text else b"application/grpc-web+proto"),
        (b"grpc-status", b"%d" % status),
        (b"grpc-message", escaped(message)),
        (b"Content-Length", b"0"),
    ]


def _ends(facts: int) -> list[tuple[bytes, bytes]]:
    """What becomes of the connection."""
    if fact(facts, "closes") or fact(facts, "awaits"):
        return [(b"Connection", b"close")]
    return [(b"Connection", b"keep-alive")] if facts and not fact(facts, "minor") else []


def _reply(fault: Fault, status: bytes, text: str, written: str) -> dict[str, Any]:
    """What the proxy answers itself. It has no body where HEAD was asked, and ends a connection whose framing is in doubt."""
    said = json.dumps({"error": fault.name.lower(), "message": text}) if written == "json" else f"xproto: {text}"
    body = said.encode() + b"\n"

    def line(frame: Any) -> bytes:
        return b"HTTP/1.1 " + (b"200 OK" if fact(_facts(frame), "web") else status)

    def fields(frame: Any) -> list[tuple[bytes, bytes]]:
        facts = _facts(frame)
        if fact(facts, "web"):
            code, message = FAULTS[fault]
            found = _grpc_web(code, f"xproto: {message}", text=fact(facts, "web") == WEB_TEXT)
        else:
            found = [(b"Content-Type", _MEDIA[written]), (b"Content-Length", b"%d" % len(body))]
        if not fact(facts, "web") and status.startswith(b"503"):
            found.append((b"Retry-After", b"1"))
        return found + _ends(facts)

    def content(frame: Any) -> bytes:
        facts = _facts(frame)
        return b"" if fact(facts, "method") == METHODS[b"HEAD"] or fact(facts, "web") else body

    return {"head": {"line": line, "fields": fields}, "body": content}


def _direct(given: Direct) -> dict[str, Any]:
    """What a configuration answers with. Its body is behind the head, whatever it says."""

    def line(frame: Any) -> bytes:
        answer = "200 OK" if fact(_facts(frame), "web") else f"{given.status} {given.phrase}"
        return f"HTTP/1.1 {answer}".encode()

    def fields(frame: Any) -> list[tuple[bytes, bytes]]:
        facts = _facts(frame)
        if fact(facts, "web"):
            return _grpc_web(given.grpc_status, given.message, text=fact(facts, "web") == WEB_TEXT) + _ends(facts)
        found = [(b"Location", LOCATION)] if given.redirects else []
        if given.body:
            found.append((b"Content-Type", _MEDIA["text"]))
        if given.status not in _BODILESS:
            found.append((b"Content-Length", b"%d" % len(given.body)))
        return found + _ends(facts)

    def content(frame: Any) -> bytes:
        facts = _facts(frame)
        return b"" if fact(facts, "method") == METHODS[b"HEAD"] or fact(facts, "web") else given.body

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
        status=this.head.status,
        statuses=STATUSES,
        unprocessed=("misdirected_request", "too_early", "too_many_requests"),
        echo=(this.head.facts,),
        pool=Pool.PING_PONG,
        order=Order.IN_ORDER,
        detect=Detect("head"),
        reply={fault: _reply(fault, status, text, local_replies) for fault, (status, text) in _FAULTS.items()},
        direct=_direct,
        configure=http1,
        doc=__doc__ or "",
    )


HTTP1 = http1()
