"""What is recognised though no protocol of that name is declared, so that it can be counted, refused by its name, or sent on.

Signatures of the same kind as those of declarations, written by hand. Whoever declares a protocol of one of these names
takes its place. They rank behind every declared protocol and so never take a connection from one; only the two forms of
the PROXY protocol come first, where a listener reads them, since they stand in front of whatever is spoken.

Sources: RFC 8446 (a record's type, version and length), RFC 9113 (the preface), RFC 9110 and 4918 (methods), and HAProxy's
doc/proxy-protocol.txt.
"""

from __future__ import annotations

from xproto.autodetect.signature import ALL, HTTP_REQUESTS, Cube
from xproto.codecs.http2 import PREFACE

PROXY1 = b"PROXY "
PROXY2 = b"\r\n\r\n\0\r\nQUIT\n"
HANDSHAKE = 22
MAX_RECORD = 16_640
"""Of a TLS record: 2^14 bytes, and what encryption may add. A client's first one is never empty."""


def exactly(text: bytes) -> Cube:
    """The cube of one byte string."""
    return tuple(1 << byte for byte in text)


def _between(lo: int, hi: int) -> int:
    return sum(1 << byte for byte in range(lo, hi + 1))


def _tls() -> tuple[Cube, ...]:
    start = (1 << HANDSHAKE, 1 << 3, _between(0, 4))
    top, bottom = divmod(MAX_RECORD, 256)
    return (
        (*start, 1 << 0, _between(1, 255)),
        (*start, _between(1, top - 1), ALL),
        (*start, 1 << top, _between(0, bottom)),
    )


STRANGERS: dict[str, tuple[Cube, ...]] = {
    "tls": _tls(),
    "http2": (exactly(PREFACE),),
    "http1": HTTP_REQUESTS,
}
PROXIES: dict[str, tuple[Cube, ...]] = {"proxy2": (exactly(PROXY2),), "proxy1": (exactly(PROXY1),)}
