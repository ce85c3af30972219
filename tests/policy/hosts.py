"""A host that answers whatever it is spoken to in: so one cluster serves calls of every protocol.

What always holds: a call is in `calls` before its answer is sent, so that who has the answer sees it there.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events

from tests.datapath import frames
from tests.policy.calls import GRPC, read, thrift_message, thrift_size

PREFACE = b"PRI"


class Received(NamedTuple):
    """A call as it came. `frame`: of HTTP/2 none; `fields`: of HTTP/2 alone, its trailers not among them."""

    frame: bytes
    fields: Mapping[str, str]


class Host:
    """Listens on a port of the kernel's choice."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.calls: list[Received] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self) -> list[Received]:
        """What came since this was asked last."""
        taken, self.calls = self.calls, []
        return taken

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            start = connection.recv(3, socket.MSG_PEEK)
            if start == PREFACE:
                self._streams(connection)
                return
            size_of, answer = _protocol(start)
            while frame := read(connection, size_of):
                self.calls.append(Received(frame, {}))
                connection.sendall(answer(frame))

    def _streams(self, connection: socket.socket) -> None:
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        conn.initiate_connection()
        connection.sendall(conn.data_to_send())
        fields: dict[int, Mapping[str, str]] = {}
        while data := connection.recv(65536):
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    fields[event.stream_id] = {str(name): str(value) for name, value in event.headers}
                if isinstance(event, h2.events.StreamEnded):
                    asked = fields.pop(event.stream_id)
                    self.calls.append(Received(b"", asked))
                    self._answer(conn, event.stream_id, spelled=asked.get("content-type") == GRPC)
            connection.sendall(conn.data_to_send())

    def _answer(self, conn: h2.connection.H2Connection, stream: int, *, spelled: bool) -> None:
        head = [(":status", "200"), ("x-host", self.name), *([("content-type", GRPC)] if spelled else [])]
        conn.send_headers(stream, head, end_stream=not spelled)
        if spelled:
            conn.send_headers(stream, [("grpc-status", "0")], end_stream=True)


def _protocol(start: bytes) -> tuple[Callable[[bytes], int | None], Callable[[bytes], bytes]]:
    """How to tell a frame's size, and how to answer one, by the bytes that a connection begins with."""
    if start.startswith(b"\xda\xbb"):
        return frames.dubbo_size, lambda frame: frames.dubbo_response(frames.dubbo_id(frame))
    if start.startswith(b"\0"):
        return thrift_size, _thrift_answer
    return frames.size_of, lambda frame: frames.response(frames.id_of(frame))


def _thrift_answer(frame: bytes) -> bytes:
    at = 4
    head = b""
    if frame[4:6] == b"\x0f\xff":
        at = 14 + 4 * int(struct.unpack_from(">H", frame, 12)[0])
        head = frame[4:12] + b"\0\x01\0\0\0\0"
    size = int(struct.unpack_from(">i", frame, at + 4)[0])
    name, number = frame[at + 8 : at + 8 + size].decode(), int(struct.unpack_from(">i", frame, at + 8 + size)[0])
    rest = head + thrift_message(name.rpartition(":")[2], 2, number)
    return struct.pack(">i", len(rest)) + rest
