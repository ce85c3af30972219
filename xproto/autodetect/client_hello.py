"""A TLS ClientHello: the server's name and the protocols that the client offers, before anybody answers it.

Reads the handshake's first message out of the first record or records (RFC 8446, sections 4.1.2 and 5.1; RFC 6066 and
7301 for the two extensions). It is not a TLS library and judges only what it must read: every length is checked against
what surrounds it, a name is of the characters that host names have, and what is not known (GREASE above all) is passed
over.

What always holds: the answer depends on the bytes alone, not on how they were cut; no more than LONGEST bytes are ever
asked for, in at most MAX_RECORDS records, so that a hello in crumbs costs no more than a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xproto.errors import MalformedError

LONGEST = 16 * 1024
"""Of the records and the hello in them. Those in use, with the keys of post-quantum exchanges, have under 2 KiB."""
MAX_RECORDS = 32
MAX_PLAIN = 1 << 14
HANDSHAKE, CLIENT_HELLO = 22, 1
SERVER_NAME, ALPN = 0, 16
_HEADER, _START = 5, 4
_NAME = re.compile(rb"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class ClientHello:
    """`server_name` in small letters, None where the client names none; `alpn` in the client's order."""

    server_name: str | None
    alpn: tuple[bytes, ...]


def read(data: bytes) -> ClientHello | int:
    """The hello, or how many bytes in all are needed to say more. Raises `MalformedError`."""
    parts: list[bytes] = []
    have, at, wanted = 0, 0, _START
    for _ in range(MAX_RECORDS):
        length = _record(data, at)
        if length is None:
            return _bounded(at + _HEADER)
        at += _HEADER
        parts.append(data[at : at + length])
        have += len(parts[-1])
        if have >= 1 or wanted > _START:
            wanted = _wanted(parts)
        if have >= wanted > _START:
            return _hello((parts[0] if len(parts) == 1 else b"".join(parts))[_START:wanted])
        if len(parts[-1]) < length:
            return _bounded(at + min(length, len(parts[-1]) + wanted - have))
        at += length
    raise _bad("record", at, f"the hello is in more than {MAX_RECORDS} records")


def _bad(path: str, offset: int, why: str) -> MalformedError:
    return MalformedError("tls", path, offset, why)


def _bounded(need: int) -> int:
    if need > LONGEST:
        raise _bad("hello", 0, f"is over the limit of {LONGEST} bytes")
    return need


def _record(data: bytes, at: int) -> int | None:
    """The length of the record at `at`; None where its header is not all there."""
    if data[at : at + 1] not in (b"", b"\x16"):
        raise _bad("record.type", at, f"{data[at]} is not a handshake")
    if data[at + 1 : at + 2] not in (b"", b"\x03"):
        raise _bad("record.version", at + 1, f"{data[at + 1]} is not that of TLS")
    if len(data) < at + _HEADER:
        return None
    length = int.from_bytes(data[at + 3 : at + 5], "big")
    if not 1 <= length <= MAX_PLAIN:
        raise _bad("record.length", at + 3, f"{length} is not in 1..{MAX_PLAIN}")
    return length


def _wanted(parts: list[bytes]) -> int:
    """Bytes of the handshake message, its own header included; _START while that is not known."""
    start = b"".join(part[:_START] for part in parts[:_START])[:_START] if len(parts) > 1 else parts[0][:_START]
    if start[0] != CLIENT_HELLO:
        raise _bad("handshake.type", _HEADER, f"{start[0]} is not a ClientHello")
    if len(start) < _START:
        return _START
    wanted = _START + int.from_bytes(start[1:], "big")
    if wanted > LONGEST:
        raise _bad("hello", _HEADER + 1, f"{wanted} bytes are over the limit of {LONGEST}")
    if wanted == _START:
        raise _bad("hello", _HEADER + 1, "is empty")
    return wanted


class _Reader:
    """Vectors with a length in front, in a part of the hello that is all there. Offsets are those in the hello."""

    def __init__(self, data: bytes, at: int, end: int, path: str) -> None:
        self.data, self.at, self.end, self.path = data, at, end, path

    def skip(self, size: int) -> int:
        if size > self.end - self.at:
            raise _bad(self.path, self.at, f"{size} bytes run past the end")
        self.at += size
        return self.at - size

    def integer(self, width: int) -> int:
        start = self.skip(width)
        return int.from_bytes(self.data[start : start + width], "big")

    def vector(self, width: int, path: str) -> _Reader:
        size = self.integer(width)
        start = self.skip(size)
        return _Reader(self.data, start, start + size, path)

    def bytes(self) -> bytes:
        return self.data[self.at : self.end]

    @property
    def left(self) -> int:
        return self.end - self.at


def _hello(body: bytes) -> ClientHello:
    hello = _Reader(body, 0, len(body), "hello")
    hello.skip(2 + 32)  # version, random
    if hello.vector(1, "session_id").left > 32:
        raise _bad("session_id", 34, "is over 32 bytes")
    suites = hello.vector(2, "cipher_suites").left
    if suites < 2 or suites % 2:
        raise _bad("cipher_suites", hello.at, f"a list of {suites} bytes")
    if not hello.vector(1, "compression_methods").left:
        raise _bad("compression_methods", hello.at, "an empty list")
    server_name: str | None = None
    alpn: tuple[bytes, ...] = ()
    for kind, extension in _extensions(hello):
        if kind == SERVER_NAME:
            server_name = _server_name(extension)
        elif kind == ALPN:
            alpn = tuple(_protocols(extension))
    return ClientHello(server_name, alpn)


def _extensions(hello: _Reader) -> Iterator[tuple[int, _Reader]]:
    if not hello.left:  # as before TLS 1.2
        return
    extensions = hello.vector(2, "extensions")
    if hello.left:
        raise _bad("hello", hello.at, f"{hello.left} bytes behind the extensions")
    seen: set[int] = set()
    while extensions.left:
        at, kind = extensions.at, extensions.integer(2)
        if kind in seen:
            raise _bad("extensions", at, f"{kind} is there twice")
        seen.add(kind)
        yield kind, extensions.vector(2, f"extension {kind}")


def _server_name(extension: _Reader) -> str:
    names = extension.vector(2, "server_name")
    kind = names.integer(1)
    name = names.vector(2, "server_name")
    if kind or names.left or extension.left:
        raise _bad("server_name", name.at, "is not one name of a host")
    text = name.bytes()
    if not _NAME.fullmatch(text):
        raise _bad("server_name", name.at, f"{text[:64]!r} is not a host's name")
    return text.decode("ascii").lower()


def _protocols(extension: _Reader) -> Iterator[bytes]:
    """The names offered, without the nonsense that GREASE (RFC 8701) puts among them."""
    offered = extension.vector(2, "alpn")
    if extension.left or not offered.left:
        raise _bad("alpn", offered.at, "is not one list of names")
    while offered.left:
        name = offered.vector(1, "alpn")
        if not name.left:
            raise _bad("alpn", name.at, "an empty name")
        text = name.bytes()
        if not (len(text) == 2 and text[0] == text[1] and text[0] & 0xF == 0xA):
            yield text
