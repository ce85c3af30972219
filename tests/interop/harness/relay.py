"""A TCP relay that keeps every frame that passes, in both directions.

It stands between a real client and a real server, so that golden vectors are what those implementations
really sent. `wait` blocks until a frame appears; nothing polls.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from .frames import frame_length

if TYPE_CHECKING:
    from collections.abc import Callable

READ_SIZE = 1 << 16
WAIT_TIMEOUT = 20.0
TO_SERVER = "to_server"
TO_CLIENT = "to_client"


@dataclass(frozen=True)
class Recorded:
    """One whole frame: which connection (from 0, in order of arrival), which way, its bytes."""

    connection: int
    direction: str
    data: bytes


class Relay:
    """Listens on a port of the kernel's choice and relays each connection to `target` ("host:port")."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._news = threading.Condition()
        self._frames: list[Recorded] = []
        self._closed: list[str] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._spawn(self._accept)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def frames(self, direction: str | None = None) -> list[Recorded]:
        """The frames so far, in order of arrival."""
        with self._news:
            return [frame for frame in self._frames if direction in (None, frame.direction)]

    def clear(self) -> None:
        with self._news:
            self._frames.clear()

    def wait(self, wanted: Callable[[Recorded], bool], count: int = 1, timeout: float = WAIT_TIMEOUT) -> list[Recorded]:
        """Blocks until `count` frames satisfy `wanted` and returns them; TimeoutError after `timeout` s."""
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                found = [frame for frame in self._frames if wanted(frame)]
                if len(found) >= count:
                    return found
                if not self._news.wait(deadline - time.monotonic()):
                    kept = [(f.direction, f.data[:24].hex()) for f in self._frames]
                    raise TimeoutError(f"{len(found)} of {count} frames after {timeout:g} s; recorded {kept}")

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
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            index, self.connections = self.connections, self.connections + 1
            self._sockets += [client, server]
            self._spawn(self._pump, index, TO_SERVER, client, server)
            self._spawn(self._pump, index, TO_CLIENT, server, client)

    def _pump(self, index: int, direction: str, source: socket.socket, sink: socket.socket) -> None:
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while data := source.recv(READ_SIZE):
                buffer += data
                # A frame is kept before its last byte is passed on: whoever sees the answer finds it here.
                self._keep(index, direction, buffer)
                sink.sendall(data)
        for sock in (sink, source):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _keep(self, index: int, direction: str, buffer: bytearray) -> None:
        with self._news:
            while length := frame_length(bytes(buffer[:64])) or (len(buffer) > 64 and frame_length(bytes(buffer))):
                self._frames.append(Recorded(index, direction, bytes(buffer[:length])))
                del buffer[:length]
            self._news.notify_all()


class Counted(Relay):
    """Counts the bytes that pass, whatever they are, and keeps none; `sizes` by direction."""

    def __init__(self, target: str) -> None:
        self.sizes = {TO_SERVER: 0, TO_CLIENT: 0}
        super().__init__(target)

    def _keep(self, index: int, direction: str, buffer: bytearray) -> None:
        with self._news:
            self.sizes[direction] += len(buffer)
            buffer.clear()
