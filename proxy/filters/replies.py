"""A filter's answer with a status or a text of its own, in protocols that have a place for them: HTTP and gRPC.

It is the answer that the protocol gives for the fault, changed: so it has all that such an answer needs, and no body where
that one has none (to HEAD, say).
"""

from __future__ import annotations

from http import HTTPStatus

from proxy.filters.interface import BODILESS, Reply
from xproto.codecs.grpc import escaped

GRPC_STATUS_FIELD = b"grpc-status:"
OF_BODIES = frozenset({b"content-length", b"content-type"})


def written(answer: bytes, reply: Reply) -> bytes:
    """`answer`: what the protocol says for the fault."""
    text = reply.text
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if any(line.lower().startswith(GRPC_STATUS_FIELD) for line in lines):
        return _grpc(lines, reply.grpc_status, text)
    if reply.http_status is not None:
        lines[0] = b"HTTP/1.1 %d %s" % (reply.http_status, _reason(reply.http_status))
    if reply.http_status in BODILESS:
        lines = [line for line in lines if line.partition(b":")[0].lower() not in OF_BODIES]
        # The others have no length either (RFC 9110, 8.6).
        lines += [b"Content-Length: 0"] if reply.http_status == HTTPStatus.RESET_CONTENT else []
        body = b""
    if text is not None and body:
        body = text.encode() + b"\n"
        replaced = {b"content-length": b"%d" % len(body), b"content-type": b"text/plain; charset=utf-8"}
        lines = [_replaced(line, replaced) for line in lines]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def _replaced(line: bytes, values: dict[bytes, bytes]) -> bytes:
    name = line.partition(b":")[0]
    value = values.get(name.lower())
    return line if value is None else name + b": " + value


def _grpc(lines: list[bytes], status: int | None, text: str | None) -> bytes:
    values = {} if status is None else {b"grpc-status": b"%d" % status}
    if text is not None:
        values[b"grpc-message"] = escaped(text)
    return b"\r\n".join(_replaced(line, values) for line in lines) + b"\r\n\r\n"
