"""A client and a server of HTTP/2 that write what they are told, and keep the frames that come: what no library would do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any, NamedTuple

import hpack
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame

from tests.control.proxy_process import connect, receive

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER = 9


class Answer(NamedTuple):
    """The frames of one stream by their names with their flags, and its header fields, those of trailers behind."""

    frames: list[tuple[str, set[str]]]
    fields: list[tuple[str, str]]


class Wire:
    """One connection."""

    def __init__(self, address: str) -> None:
        self.socket = connect(address)
        self.socket.sendall(PREFACE + SettingsFrame(0).serialize())
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.next = 1

    def close(self) -> None:
        self.socket.close()

    def ask(self, path: str, *fields: tuple[str, str], body: bytes = bytes(5), media: str = "application/grpc") -> Answer:
        """One call, until its answer ends."""
        number, self.next = self.next, self.next + 2
        said = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", path), ("te", "trailers"),
                ("content-type", media), *fields]  # fmt: skip
        head = HeadersFrame(number, self.encoder.encode(said), flags=["END_HEADERS"])
        self.socket.sendall(head.serialize() + DataFrame(number, body, flags=["END_STREAM"]).serialize())
        answer = Answer([], [])
        while True:
            frame = self.frame()
            if isinstance(frame, HeadersFrame):
                answer.fields.extend(self.decoder.decode(frame.data))
            if frame.stream_id == number:
                answer.frames.append((type(frame).__name__, set(frame.flags)))
                if "END_STREAM" in frame.flags:
                    return answer

    def frame(self) -> Any:
        return frame_of(self.socket)


def frame_of(connection: socket.socket) -> Any:
    start = receive(connection, HEADER)
    assert len(start) == HEADER, "the connection ended"
    frame, size = Frame.parse_frame_header(memoryview(start))
    frame.parse_body(memoryview(receive(connection, size)))
    return frame


class Quitter:
    """A server that closes its connection when a request is there, or, of a path that ends in /Late, within its answer."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.sendall(SettingsFrame(0).serialize())
        receive(connection, len(PREFACE))
        while not isinstance(frame := frame_of(connection), HeadersFrame):
            pass
        if dict(hpack.Decoder().decode(frame.data))[":path"].endswith("/Late"):
            block = hpack.Encoder().encode([(":status", "200"), ("content-type", "application/grpc")])
            head = HeadersFrame(frame.stream_id, block, flags=["END_HEADERS"])
            # A message of nine bytes, and of the next one but four.
            data = DataFrame(frame.stream_id, b"\0\0\0\0\t" + b"a whole 1" + b"\0\0\0\0\thalf")
            connection.sendall(head.serialize() + data.serialize())
        while not (isinstance(frame, DataFrame) and "END_STREAM" in frame.flags):
            frame = frame_of(connection)
