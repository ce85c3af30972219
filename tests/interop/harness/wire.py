"""Raw connections: sending a prepared frame to a real peer, and answering a real peer with prepared frames."""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

from .frames import frame_length

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_TIMEOUT = 10.0


def receive_frame(sock: socket.socket) -> bytes:
    """Reads one whole frame; ConnectionError when the peer closes first."""
    buffer = b""
    while not (length := frame_length(buffer)):
        data = sock.recv(65536)
        if not data:
            raise ConnectionError(f"closed after {len(buffer)} bytes: {buffer[:32].hex()}")
        buffer += data
    return buffer[:length]


def ask(address: str, request: bytes, timeout: float = ANSWER_TIMEOUT) -> bytes:
    """Sends one frame on a new connection and returns the frame that answers it."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=timeout) as sock:
        sock.sendall(request)
        return receive_frame(sock)


def with_dubbo_version(request: bytes, version: str) -> bytes:
    """The same Dubbo request saying another version of the protocol (the first string of its body)."""
    old = request[16 : 17 + request[16]]
    return resized(request, request[16:].replace(old, bytes([len(version)]) + version.encode(), 1))


def resized(request: bytes, body: bytes) -> bytes:
    """A Dubbo frame with this frame's header and another body."""
    return request[:12] + struct.pack(">i", len(body)) + body


class FakeServer:
    """A server that answers a real client with prepared frames: `answer` maps each request to its reply bytes.

    It is for what no real server can be made to send on demand. An empty reply means silence.
    """

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.received: queue.Queue[bytes] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._spawn(self._accept)

    def push(self, data: bytes) -> None:
        """Sends bytes that nobody asked for on every open connection."""
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.sendall(data)

    def close(self) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while data := sock.recv(65536):
                buffer += data
                while length := frame_length(buffer):
                    frame, buffer = buffer[:length], buffer[length:]
                    self.received.put(frame)
                    if reply := self._answer(frame):
                        sock.sendall(reply)
