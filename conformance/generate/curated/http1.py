"""Messages of HTTP/1.1: each form of a target and of a body, each kind of answer."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.generate.curated.example import Example
from xproto.lower import Lowered


def http1(_lowered: Lowered, direction: int) -> Sequence[Example]:
    """What a client or a server sends."""
    return _ANSWERS if direction else _REQUESTS


_REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"GET /%7Ea%2fb?k=v&k=w&service HTTP/1.0\r\n\r\n",
    b"HEAD http://Shop.Test.:80/a?group=g HTTP/1.1\r\nHost: other\r\nGroup: a\r\ngroup: b\r\n\r\n",
    b"GET HTTPS://[::1]:443?x HTTP/1.1\r\nhost:\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nService: s\r\n\r\nhello",
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5;a\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
)
_ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103\r\nLink: </a>\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
)
