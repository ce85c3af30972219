"""What stands between a client and a server of TLS, or in the server's place, and sees to what neither of them would do.

A relay that cuts what a client sends in pieces, one that puts bytes in front of a server's, servers that speak too early.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from pathlib import Path
from typing import Literal, Self

from .relay import READ_SIZE, TO_SERVER, Relay
from .wire_http import PATIENCE, TruncatedError

RECORD = 5
"""Bytes before a record's content: its type, a version, the length."""
HANDSHAKE = 22
Cut = Literal["segments", "records"]


class Pieces(Relay):
    """Passes on what a client sends in pieces of `size` bytes.

    "segments": each as a packet of its own, for the first `limit` bytes. "records": the first record, which is the
    ClientHello's, becomes as many records; all of them go at once.
    """

    def __init__(self, target: str, cut: Cut, size: int, limit: int = 6000) -> None:
        self._cut, self._size, self._limit = cut, size, limit
        super().__init__(target)

    def _pump(self, index: int, direction: str, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if direction == TO_SERVER:
                sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._begin(source, sink)
            while data := source.recv(READ_SIZE):
                sink.sendall(data)
        for sock in (sink, source):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _begin(self, source: socket.socket, sink: socket.socket) -> None:
        if self._cut == "records":
            kind, version, size = struct.unpack(">BHH", _exactly(source, RECORD))
            assert kind == HANDSHAKE
            content = _exactly(source, size)
            parts = [content[at : at + self._size] for at in range(0, size, self._size)]
            sink.sendall(b"".join(struct.pack(">BHH", kind, version, len(part)) + part for part in parts))
            return
        left = self._limit
        while left > 0 and (data := source.recv(READ_SIZE)):
            for at in range(0, len(data), self._size):
                sink.sendall(data[at : at + self._size])
            left -= len(data)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise TruncatedError(f"{len(data)} of {size} bytes")
        data += more
    return data


class Listening:
    """A server that reads one ClientHello and closes. `name`: the SNI, "" without one."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def name(self) -> str:
        accepted, _ = self._socket.accept()
        with accepted:
            accepted.settimeout(PATIENCE)
            kind, _, size = struct.unpack(">BHH", _exactly(accepted, RECORD))
            assert kind == HANDSHAKE
            return server_name(_exactly(accepted, size))

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def server_name(hello: bytes) -> str:
    """The SNI of a ClientHello that is in one record (RFC 8446 section 4.1.2, RFC 6066 section 3); "" without one."""
    at = 4 + 2 + 32  # type and length, version, random
    at += 1 + hello[at]  # session id
    at += 2 + int.from_bytes(hello[at : at + 2])  # cipher suites
    at += 1 + hello[at]  # compression methods
    end = at + 2 + int.from_bytes(hello[at : at + 2])
    at += 2
    while at < end:
        kind, size = struct.unpack_from(">HH", hello, at)
        if kind == 0:
            return hello[at + 9 : at + 4 + size].decode("ascii")
        at += 4 + size
    return ""


_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"
EARLY = {"at once": _ANSWER, "after the hello": _ANSWER, "before a handshake": _ANSWER, "a part": _ANSWER[:9]}
"""What an `Early` server sends in the clear, by when; "before a handshake" is followed by a real one."""


class Early:
    """A server that sends bytes in the clear before a handshake, or ("never") none; `read` is what it could decrypt."""

    def __init__(self, moment: str, certificate: Path, key: Path) -> None:
        self._moment = moment
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0
        self.read = b""
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._socket.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            accepted.settimeout(PATIENCE)
            if self._moment == "after the hello":
                accepted.recv(READ_SIZE)
            accepted.sendall(EARLY.get(self._moment, b""))
            if self._moment in {"before a handshake", "never"}:
                with self._context.wrap_socket(accepted, server_side=True) as tls:
                    self.read += tls.recv(READ_SIZE)
                    tls.sendall(_ANSWER.replace(b"injected", b"afterwrd"))
                return
            while accepted.recv(READ_SIZE):
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(PATIENCE)


class Interposed(Relay):
    """Passes everything on, and sends the client bytes of its own first."""

    def __init__(self, target: str, first: bytes) -> None:
        self._first = first
        super().__init__(target)

    def _pump(self, index: int, direction: str, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if direction != TO_SERVER:
                sink.sendall(self._first)
            while data := source.recv(READ_SIZE):
                sink.sendall(data)
        for sock in (sink, source):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
