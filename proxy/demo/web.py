"""HTTP's requests and replies: heads, and bodies that are counted. HTTP/2's are sent as streams (`streams`).

A call's service is the request's host here, its method the path. The proxy adds fields to heads: to answers a Via, to
requests an X-Request-Id too, so no two requests are alike to a host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from proxy.demo.scenario import Request
from proxy.demo.speech import Speech


class Http(Speech):
    """The text in the query, or in a POST's body.

    An answer must have every field that its host gave it, and no others but the proxy's.
    """

    success = 200
    keys = ("host", "path")
    said = ((b"Content-Type", b"text/plain"), (b"Server", b"xproto-demo"))
    """The fields of every answer of a host."""
    added = frozenset({b"via"})
    """What the proxy adds to them."""

    def _mark(self, fields: Mapping[str, Any]) -> tuple[int, str]:
        to_nothing: Mapping[str, Any] = {"head": {}}
        return int(fields["head"]["line"](to_nothing).split()[1]), fields["body"](to_nothing).decode()

    def _status(self, parsed: Any) -> int:
        return int(parsed.head.status)

    def _request(self, request: Request, text: str) -> dict[str, Any]:
        query = "" if request.posts else f"?said={quote(text, safe=':@')}"
        fields = [(b"Host", request.service.encode()), (b"User-Agent", b"xproto-demo")]
        body = text.encode() if request.posts else b""
        if request.posts:
            fields.append((b"Content-Length", b"%d" % len(body)))
        line = f"{'POST' if request.posts else 'GET'} {request.method}{query} HTTP/1.1"
        return {"head": {"line": line.encode(), "fields": fields}, "body": body}

    def _reply(self, text: str) -> dict[str, Any]:
        body = text.encode()
        fields = [*self.said, (b"Content-Length", b"%d" % len(body))]
        return {"head": {"line": b"HTTP/1.1 %d OK" % self.success, "fields": fields}, "body": body}

    def _text(self, parsed: Any, *, success: bool) -> str:
        body = bytes(parsed.body)
        if success:
            self.check_fields(parsed.head.fields, len(body))
        return body.decode()

    def check_fields(self, fields: Iterable[tuple[bytes, bytes]], size: int) -> None:
        """Of a host's answer with a body of so many bytes, in any case (HTTP/2's are lower); raises ValueError."""
        found = sorted((name.lower(), value) for name, value in fields if name.lower() not in self.added)
        if found != sorted([*((name.lower(), value) for name, value in self.said), (b"content-length", b"%d" % size)]):
            raise ValueError(f"an answer with the fields {found}")
