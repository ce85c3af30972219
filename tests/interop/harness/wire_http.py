"""A client of HTTP/1.1 that sends what it is given, and reads an answer piece by piece.

Deliberately naive and apart from the project's own codec. A real client sends nothing malformed, waits for no single chunk
and hides where a connection ended; tests that are about that use this one.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import Any, Self

PATIENCE = 20.0
PIECE = 1 << 16


class TruncatedError(ConnectionError):
    """The connection ended before what was read did; the message says how much of it came."""


@dataclass
class Answer:
    version: str
    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """The values of a field, in their order."""
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str:
        """The one value of a field; "" if there is none."""
        values = self.all(name)
        if len(values) > 1:
            raise ValueError(f"{name} comes more than once: {values}")
        return values[0] if values else ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One connection."""

    def __init__(self, address: str, patience: float = PATIENCE, buffer: int = 0) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        try:
            self.socket.settimeout(patience)
            if buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.socket.connect((host, int(port)))
        except OSError:
            self.socket.close()
            raise
        self._kept = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, target: str, *fields: str, method: str = "GET", body: bytes | None = None, host: str = "127.0.0.1") -> None:
        """Sends a request; one that has a body says its length."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join((*lines, "", "")).encode() + (body or b""))

    def begin(self, target: str, form: str, size: int) -> None:
        """Sends the head of a POST whose body follows: `form` is "length", of which `size` is said, or "chunked"."""
        self.ask(target, "Transfer-Encoding: chunked" if form == "chunked" else f"Content-Length: {size}", method="POST")

    def go_on(self, form: str, data: bytes) -> None:
        """Sends some of a body, as one chunk if it is in chunks."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data) if form == "chunked" else data)

    def head(self) -> Answer:
        """The next head, an interim answer's too."""
        start, *lines = self.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, _ = f"{start} ".split(" ", 2)
        return Answer(version, int(status), _fields(lines))

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, whole."""
        answer = self.head()
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if answer.get("transfer-encoding") == "chunked":
            while chunk := self.chunk():
                answer.body += chunk
            answer.trailers = self.trailers()
        elif size := answer.get("content-length"):
            answer.body = self.exactly(int(size))
        elif not answer.all("content-length"):
            answer.body = self.rest()
        return answer

    def chunk(self) -> bytes:
        """One chunk's data; empty: the last one's, whose trailers follow."""
        size = int(self.until(b"\r\n").split(b";")[0], 16)
        if not size:
            return b""
        data = self.exactly(size + 2)
        if data[-2:] != b"\r\n":
            raise ValueError(f"a chunk of {size} ends with {data[-2:]!r}")
        return data[:-2]

    def trailers(self) -> list[tuple[str, str]]:
        lines = []
        while (line := self.until(b"\r\n")) != b"\r\n":
            lines.append(line[:-2].decode("latin-1"))
        return _fields(lines)

    def until(self, end: bytes) -> bytes:
        while end not in self._kept:
            self._more()
        return self._take(self._kept.index(end) + len(end))

    def exactly(self, size: int) -> bytes:
        while len(self._kept) < size:
            self._more()
        return self._take(size)

    def rest(self) -> bytes:
        """Everything to the end of the connection, which must come."""
        while piece := self.socket.recv(PIECE):
            self._kept += piece
        return self._take(len(self._kept))

    def is_closed(self) -> bool:
        """Whether the other side closes, having sent nothing more."""
        try:
            return not self.rest()
        except ConnectionResetError:
            return True

    def _take(self, size: int) -> bytes:
        data = bytes(self._kept[:size])
        del self._kept[:size]
        return data

    def _more(self) -> None:
        try:
            piece = self.socket.recv(PIECE)
        except ConnectionResetError as error:
            raise TruncatedError(f"reset after {len(self._kept)} bytes: {bytes(self._kept[:64])!r}") from error
        if not piece:
            raise TruncatedError(f"closed after {len(self._kept)} bytes: {bytes(self._kept[:64])!r}")
        self._kept += piece

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    pairs = (line.split(":", 1) for line in lines)
    return [(name.lower(), value.strip()) for name, value in pairs]


def ask(address: str, target: str, *fields: str, method: str = "GET", **more: Any) -> Answer:
    """One request on a connection of its own; `more` as of Wire.ask."""
    with Wire(address) as wire:
        wire.ask(target, *fields, method=method, **more)
        return wire.answer(method)


def is_served(address: str, count: int = 20) -> None:
    """Somebody else's requests, on a connection of their own, all in less time than a deadline would take."""
    with Wire(address, patience=5) as wire:
        for number in range(count):
            wire.ask(f"/echo?{number}")
            assert wire.answer().json["url"] == f"/echo?{number}"
