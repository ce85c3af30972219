"""One connection to a real server: bytes go out in the pieces asked for, whole answers come in, nothing waits for ever.

Sockets block with a deadline, since a conversation with one server is a script: say this, hear that. What is heard is a
value: an answer, the connection's end, or silence. Only bytes that are no frame raise, `DisagreementError`.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from conformance.outcome import DisagreementError
from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Frame
from xproto.registry import Registered
from xproto.spec import Kind

READ = 1 << 16


@dataclass(frozen=True)
class Patience:
    """Seconds that are waited: for an answer, for a connection's end, for a connection; and between two pieces of a frame.

    pace: long enough for a server on the same machine, with little else to do, to read the first piece alone.
    """

    answer: float = 2.0
    close: float = 2.0
    connect: float = 5.0
    pace: float = 0.001


PATIENCE = Patience()


@dataclass(frozen=True)
class Answer:
    """A whole frame of the server's, and what a scan says of it."""

    data: bytes
    frame: Frame


@dataclass(frozen=True)
class Gone:
    """The server closed, or reset, the connection; `left` came before and is no whole frame."""

    left: bytes = b""
    reset: bool = False

    def __str__(self) -> str:
        how = "reset the connection" if self.reset else "closed the connection"
        return f"{how} after {len(self.left)} bytes of a frame: {self.left[:32].hex(' ')}" if self.left else how


@dataclass(frozen=True)
class Silence:
    """Nothing that ends a frame came in so many seconds."""

    seconds: float
    left: bytes = b""

    def __str__(self) -> str:
        begun = f" but {len(self.left)} bytes of a frame: {self.left[:32].hex(' ')}" if self.left else ""
        return f"said nothing for {self.seconds:g} s{begun}"


Heard = Answer | Gone | Silence


@dataclass
class Wire:
    """A connection. `passed` are frames that answer nothing: goaways, interim answers, heartbeats (which were acknowledged)."""

    sock: socket.socket
    registered: Registered
    patience: Patience = PATIENCE
    buffer: bytearray = field(default_factory=bytearray)
    passed: list[Answer] = field(default_factory=list)
    sent: bytes = b""
    _gone: Gone | None = None

    @classmethod
    def connect(cls, host: str, port: int, registered: Registered, patience: Patience) -> Wire:
        """Raises OSError where nobody listens."""
        sock = socket.create_connection((host, port), timeout=patience.connect)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock, registered, patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """All of it at once; a server that closed meanwhile is heard of later."""
        self.sent += data
        self.sock.settimeout(self.patience.answer)
        try:
            self.sock.sendall(data)
        except TimeoutError as error:
            raise DisagreementError(f"the server does not read: {len(data)} bytes could not be sent", self.sent) from error
        except OSError:
            self._gone = Gone(reset=True)

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Each piece in a segment of its own; the server must say nothing before the last."""
        for index, piece in enumerate(pieces):
            if index and select.select([self.sock], [], [], self.patience.pace)[0]:
                early = self.hear(self.patience.answer)
                if isinstance(early, Gone):
                    raise DisagreementError(f"the server {early} in the midst of a frame", self.sent)
                raise DisagreementError("the server answers a frame that is not all there", self.sent, told(early))
            self.send(piece)

    def finish(self) -> None:
        """Nothing more will be sent; the server may still answer."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._gone = Gone(reset=True)

    def hear(self, seconds: float | None = None) -> Heard:
        """The next answer, or what came instead within so many seconds; raises `DisagreementError` for no frame."""
        patience = self.patience.answer if seconds is None else seconds
        deadline = time.monotonic() + patience
        while True:
            found = self._whole()
            if found is not None:
                if not self._passes(found):
                    return found
                continue
            data = self._receive(deadline)
            if data is None:
                return Silence(patience, bytes(self.buffer))
            if not data:
                assert self._gone is not None
                return self._gone
            self.buffer += data

    def hear_anything(self, seconds: float) -> bytes | None:
        """The next bytes, b"" for the connection's end, or None where nothing comes in so many seconds."""
        return self._receive(time.monotonic() + seconds)

    def hear_end(self, seconds: float) -> Gone | Silence:
        """What a connection ends with, whatever comes before."""
        deadline = time.monotonic() + seconds
        while data := self._receive(deadline):
            del data
        return Silence(seconds) if self._gone is None else self._gone

    def _receive(self, deadline: float) -> bytes | None:
        """None at the deadline, b"" at the end."""
        if self._gone is not None:
            return b""
        self.sock.settimeout(max(deadline - time.monotonic(), 1e-6))
        try:
            data = self.sock.recv(READ)
        except TimeoutError:
            return None
        except OSError:
            self._gone = Gone(bytes(self.buffer), reset=True)
            return b""
        if not data:
            self._gone = Gone(bytes(self.buffer))
        return data

    def _whole(self) -> Answer | None:
        if not self.buffer:
            return None
        data = bytes(self.buffer)
        try:
            found = read(self.registered, data)
        except MalformedError as error:
            what = "the server sends bytes that are no frame"
            raise DisagreementError(what, self.sent, str(error), f"answered: {shown(data)}", field=error.path) from error
        if found is not None:
            del self.buffer[: found.frame.size]
        return found

    def _passes(self, found: Answer) -> bool:
        """Whether a frame is no answer to anybody's call."""
        codec, frame = self.registered.codec, found.frame
        if frame.kind == Kind.HEARTBEAT:
            self.send(codec.heartbeat_ack(frame.variant, frame.echo, frame.id))
        if frame.kind not in {Kind.HEARTBEAT, Kind.GOAWAY, Kind.INTERIM}:
            return False
        self.passed.append(found)
        return True


def read(registered: Registered, data: bytes, direction: int = 1) -> Answer | None:
    """The frame at the beginning of `data`, read by both Plans; None for more. Raises `MalformedError`."""
    codec = registered.codec
    found = codec.scan_bytes(data, direction)
    if isinstance(found, NeedMore):
        return None
    codec.verify_bytes(data[: found.size], direction)
    return Answer(data[: found.size], found)


def shown(data: bytes) -> str:
    """Bytes in hexadecimal, the first 96 of them."""
    return data[:96].hex(" ") + (f" … ({len(data)} bytes)" if len(data) > 96 else "")


def told(heard: Heard) -> str:
    return f"answered: {shown(heard.data)}" if isinstance(heard, Answer) else str(heard)
