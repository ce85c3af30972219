"""Backends that are fakes: they answer what a test wants, not what a server of the protocol would.

`Echo` answers every call with its name and what it was sent; a call with ``!hold`` in it is answered when one with
``!release`` comes on the same connection, one with ``!never`` not at all. `Script` does nothing by itself: the test
accepts its connections, reads frames and writes bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from dataclasses import dataclass, replace
from typing import Self

from tests.hostile.peers import Stream
from tests.hostile.process import PATIENCE
from tests.hostile.wire import bolt_answer, dubbo, dubbo_answer
from tests.protocols import beacon_peer


@dataclass(frozen=True)
class Received:
    """A frame that a fake got, and on which of its connections (counted from 0)."""

    connection: int
    frame: bytes


class Echo:
    """A fake server of all three protocols on one port."""

    def __init__(self, name: bytes, keep: bool = True) -> None:
        self.name, self._keep = name, keep
        self.received: list[Received] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "{}:{}".format(*self._listening.getsockname())
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(PATIENCE)
        self._listening.close()
        for each in self._connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def frames(self) -> list[bytes]:
        return [each.frame for each in self.received]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            for number in itertools.count():
                sock, _ = self._listening.accept()
                self._connections.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock, number), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        held: list[bytes] = []
        with Stream(sock, 600, halves=True) as stream, contextlib.suppress(OSError):
            while frame := stream.receive():
                if self._keep:
                    self.received.append(Received(number, frame))
                answer = self.answer(frame)
                if b"!never" in frame or not answer:
                    continue
                if b"!hold" in frame:
                    held.append(answer)
                    continue
                if b"!release" in frame:
                    answer = b"".join([*held, answer])
                    held.clear()
                stream.send(answer)

    def answer(self, frame: bytes) -> bytes:
        """b"" for what is not answered."""
        if frame[0] == 0xDA:
            if frame[2] & 0xE0 == 0xE0:
                return dubbo(int.from_bytes(frame[4:12], "big"), body=b"N", flags=0x22, status=20)
            return dubbo_answer(frame, self.name + b"|" + frame[16:]) if frame[2] & 0xC0 == 0xC0 else b""
        if frame[0] == 0xAC:
            return self._beacon(frame)
        rest = frame[2:] if frame[0] == 2 else frame[1:]
        if rest[:3] == b"\x01\x00\x00":
            return bolt_answer(frame, b"", command=0)
        if rest[0] != 1:
            return b""
        return bolt_answer(frame, self.name + b"|" + bolt_content(frame))

    def _beacon(self, frame: bytes) -> bytes:
        found = beacon_peer.decode(frame)
        assert found is not None
        (read, _) = found
        if read.kind == beacon_peer.HEARTBEAT:
            return beacon_peer.Frame(beacon_peer.ACK, read.id, read.version).encode()
        if read.kind != beacon_peer.REQUEST or read.crc_error:
            return b""
        body = beacon_peer.chunked(self.name + b"|" + read.body)
        return replace(read, kind=beacon_peer.RESPONSE, status=beacon_peer.OK, service=b"", timeout=None, chunks=body).encode()


def bolt_content(frame: bytes) -> bytes:
    """The content of a Bolt request."""
    at = 16 if frame[0] == 2 else 14
    classes, headers, content = struct.unpack_from(">HHI", frame, at)
    start = at + 8 + classes + headers
    return frame[start : start + content]


class Script:
    """A fake server whose every byte is the test's. `accept` waits for the next connection."""

    def __init__(self, small: bool = False) -> None:
        """`small` keeps the receive buffers small, so that what is not read piles up at the proxy."""
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        if small:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listening.settimeout(PATIENCE)
        self.port = self._listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._peers: list[Stream] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def accept(self) -> Stream:
        sock, _ = self._listening.accept()
        self._peers.append(Stream(sock))
        return self._peers[-1]

    def hang_up(self) -> None:
        """Close every connection."""
        for peer in self._peers:
            peer.close()
        self._peers.clear()

    def close(self) -> None:
        self._listening.close()
        self.hang_up()


def port_that_refuses() -> int:
    """A port of the loopback interface on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
