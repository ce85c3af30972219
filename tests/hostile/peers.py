"""Clients: one that does as it is told, and bystanders who must not notice what others do."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.hostile.process import PATIENCE
from tests.hostile.wire import Answer, bolt, bolt_heartbeat, dubbo, read_answer, size_of
from tests.protocols import beacon_peer

BEACON = Path(beacon_peer.__file__).parent / "beacon.py"
"""The file that declares the third protocol, for `protocol_specs`."""
READ = 1 << 18
RESET = struct.pack("ii", 1, 0)


class Stream:
    """A socket that is read frame by frame. `halves`: frames in chunks may break off, as they do behind a proxy."""

    def __init__(self, sock: socket.socket, patience: float = PATIENCE, *, halves: bool = False) -> None:
        self._halves = halves
        sock.settimeout(patience)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self._data = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes:
        """The next whole frame; b"" at the end of the stream."""
        while True:
            size = size_of(bytes(self._data[:64]) if self._data[:1] != b"\xac" else bytes(self._data))
            if size is not None and len(self._data) >= size:
                frame = bytes(self._data[:size])
                del self._data[:size]
                return frame
            data = self.socket.recv(READ)
            if not data:
                if self._halves and self._data[:1] == b"\xac":
                    return b""
                assert not self._data, f"the stream ends inside a frame: {bytes(self._data[:64])!r}"
                return b""
            self._data += data

    def silent(self) -> bool:
        """Is there nothing to read? Ask only when something else has shown that it would be there by now."""
        self.socket.setblocking(False)
        try:
            return not self._data and not self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def ended(self) -> bool:
        """Waits for the other side's orderly end; any byte before it fails."""
        assert not self._data
        return not self.socket.recv(READ)

    def gone(self) -> bool:
        """Waits for the end; a reset counts too, since it closed while our bytes were on their way."""
        assert not self._data
        try:
            return not self.socket.recv(READ)
        except ConnectionResetError:
            return True

    def finish(self) -> None:
        """End our side; answers still come."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


class Client(Stream):
    def __init__(self, address: tuple[str, int], small: bool = False) -> None:
        """`small` keeps the receive buffer small, so that what is not read piles up at the proxy."""
        sock = socket.socket()
        if small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE)
        sock.connect(address)
        super().__init__(sock)

    def answer(self) -> Answer:
        frame = self.receive()
        assert frame, "closed without an answer"
        return read_answer(frame)

    def call(self, frame: bytes) -> Answer:
        self.send(frame)
        return self.answer()


class Bystander:
    """A well-behaved client with a call in flight while others misbehave.

    `begin` leaves a call waiting at the backend; `end` shows that it was answered, on the same connections, with its own
    id and bytes, and that the connection goes on.
    """

    def __init__(self, address: tuple[str, int], make: Callable[[int, bytes], bytes]) -> None:
        self._client, self._make = Client(address), make
        self._ids = itertools.count(1000)
        self._held = 0

    def begin(self) -> None:
        self._held = next(self._ids)
        self._client.send(self._make(self._held, b"!hold"))
        self._expect(next(self._ids), b"echo")

    def end(self) -> None:
        last = next(self._ids)
        self._client.send(self._make(last, b"!release"))
        for id, content in ((self._held, b"!hold"), (last, b"!release")):
            answer = self._client.answer()
            assert (answer.id, answer.who) == (id, b"a"), f"a bystander was harmed: {answer}"
            assert content in answer.told

    def _expect(self, id: int, content: bytes) -> None:
        answer = self._client.call(self._make(id, content))
        assert (answer.id, answer.who) == (id, b"a"), f"a bystander was harmed: {answer}"

    def close(self) -> None:
        self._client.close()


def bolt_call(id: int, content: bytes) -> bytes:
    return bolt(id, content=content)


def dubbo_call(id: int, content: bytes) -> bytes:
    return dubbo(id, method=content)


def beacon_call(id: int, content: bytes) -> bytes:
    return beacon_peer.Frame(id=id, service=b"com.test.Echo", chunks=beacon_peer.chunked(content)).encode()


CALLS = {"bolt": bolt_call, "dubbo": dubbo_call, "beacon": beacon_call}
HEARTBEATS: dict[str, Callable[[int], bytes]] = {
    "bolt": bolt_heartbeat,
    "dubbo": lambda number: dubbo(number, flags=0xE2, body=b"N"),
    "beacon": lambda number: beacon_peer.Frame(beacon_peer.HEARTBEAT, number).encode(),
}
