"""Random heads and bodies of HTTP/1.1, as field values for `HttpHead` and `HttpBody`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from construct import Container

_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"M-SEARCH", b"OPTIONS", b"CONNECT")
_PATHS = (b"/", b"/a/b", b"/%61dmin/..x", b"/a%2Db?k=v&service=s&k=", b"/?", b"/a?=&k", b"//x", b"/a;b/c?x?y")
_STATUSES = (b"200 OK", b"200", b"404 Not Found", b"204 No Content", b"304 Not Modified", b"500 \xff", b"302 ")
_INTERIM = (b"100 Continue", b"103 Early Hints", b"101 Switching Protocols")
BODILESS = {b"100", b"101", b"103", b"204", b"304"}
"""Statuses of answers behind which no body follows."""
_FIELDS: Sequence[tuple[bytes, bytes]] = (
    (b"service", b"echo"), (b"Method", b"m"), (b"k", b"one"), (b"K", b"two"), (b"Version", b""), (b"group", b"g"),
    (b"X-A", b"\xe4 b"), (b"Accept", b"*/*"), (b"Connection", b"close"), (b"Connection", b"X-A, keep-alive"),
    (b"Connection", b"upgrade"), (b"Upgrade", b"websocket"), (b"Expect", b"100-Continue"), (b"TE", b"trailers"),
)  # fmt: skip
_HOSTS = (b"a.test", b"Shop.Test:80", b"[::1]:8080", b"", b"a.test.", b"h:")


@dataclass
class HttpWriter:
    """Writes heads; and the body that a head announces. Some heads are none that is accepted."""

    rng: random.Random

    def head(self, *, response: bool) -> Container:
        rng = self.rng
        fields = list(rng.choices(_FIELDS, k=rng.choice((0, 1, 2, 4))))
        minor = rng.choice((b"1", b"1", b"1", b"0"))
        interim = response and rng.random() < 0.25
        if response:
            line = b"HTTP/1." + minor + b" " + rng.choice(_INTERIM if interim else _STATUSES)
        else:
            line = self._target(rng.choice(_METHODS)) + b" HTTP/1." + minor
            if minor == b"1" or rng.random() < 0.5:
                fields.insert(rng.randrange(len(fields) + 1), (rng.choice((b"Host", b"host")), rng.choice(_HOSTS)))
        if not interim and (response or rng.random() < 0.6):
            fields.insert(rng.randrange(len(fields) + 1), self._framing())
        return Container(line=line, fields=fields)

    def _target(self, method: bytes) -> bytes:
        path = self.rng.choice(_PATHS)
        if method == b"CONNECT":
            return b"CONNECT a.test:443"
        if method == b"OPTIONS":
            return b"OPTIONS *"
        if self.rng.random() < 0.2:
            path = self.rng.choice((b"http://", b"HTTPS://")) + b"Other.test:1" + self.rng.choice((path, b"", b"?k=v"))
        return method + b" " + path

    def _framing(self) -> tuple[bytes, bytes]:
        if self.rng.random() < 0.4:
            return self.rng.choice(((b"Transfer-Encoding", b"chunked"), (b"transfer-encoding", b"CHUNKED")))
        return b"Content-Length", self.rng.choice((b"0", b"5", b"005", b"40"))

    def body(self, fields: Sequence[tuple[bytes, bytes]], *, none: bool) -> bytes:
        """none: where no body follows whatever the fields say."""
        said = {name.lower(): value for name, value in fields}
        if none:
            return b""
        if b"transfer-encoding" in said:
            return self._chunks()
        return self.rng.randbytes(int(said.get(b"content-length", b"0")))

    def _chunks(self) -> bytes:
        rng, out = self.rng, b""
        for _ in range(rng.randrange(4)):
            data = rng.randbytes(rng.choice((1, 2, 15, 16, 33)))
            size = rng.choice((b"%x", b"%X", b"0%x")) % len(data)
            out += size + rng.choice((b"", b"", b";a", b';a="b"', b";")) + b"\r\n" + data + b"\r\n"
        trailers = rng.choice((b"", b"", b"X-Sum: 1\r\n", b"a:\r\nb: \xff\r\n"))
        return out + rng.choice((b"0", b"000", b"0;x")) + b"\r\n" + trailers + b"\r\n"
