"""Servers and clients that a declaration makes of itself, good ones and such with one fault each.

They are fakes, for the kit's own tests: what real software does is in tests/interop/test_live.py.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

from xproto.errors import MalformedError, NeedMore
from xproto.kernel.codec import Frame
from xproto.registry import Registered
from xproto.spec import Fault, Kind

PATIENCE_S = 10


class Out:
    """What a server says on one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closed = False

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.sock.sendall(data)

    def close(self) -> None:
        self.closed = True


class Server:
    """A good server: one error reply a call. Each method is something that a fault replaces."""

    def __init__(self, registered: Registered) -> None:
        self.registered = registered
        self.codec = registered.codec
        self.stopped = threading.Event()

    def serve(self, sock: socket.socket) -> None:
        out, buffer = Out(sock), b""
        while not out.closed and (data := sock.recv(1 << 16)):
            buffer = self.read(buffer + data, out)
        if not out.closed:
            self.finished(out)

    def finished(self, out: Out) -> None:
        """The client will send nothing more."""
        out.close()

    def read(self, data: bytes, out: Out) -> bytes:
        """Answers whole frames; returns what is left."""
        while data:
            try:
                frame = self.codec.scan_bytes(data, 0)
            except MalformedError as error:
                self.malformed(error, out)
                return b""
            if isinstance(frame, NeedMore):
                self.incomplete(data, out)
                return data
            try:
                self.codec.verify_bytes(data[: frame.size], 0)
            except MalformedError as error:
                self.malformed(error, out)
                return b""
            out.write(self.answer(frame))
            data = data[frame.size :]
        return data

    def incomplete(self, data: bytes, out: Out) -> None:
        pass

    def malformed(self, error: MalformedError, out: Out) -> None:
        out.close()

    def answer(self, frame: Frame) -> bytes:
        match frame.kind:
            case Kind.REQUEST:
                return self.reply(frame)
            case Kind.HEARTBEAT:
                return self.ack(frame)
            case Kind.ONEWAY:
                return self.oneway(frame)
        return b""

    def reply(self, frame: Frame) -> bytes:
        return self.codec.reply(Fault.NO_ROUTE, frame.variant, frame.echo, frame.id)

    def ack(self, frame: Frame) -> bytes:
        return self.codec.heartbeat_ack(frame.variant, frame.echo, frame.id)

    def oneway(self, frame: Frame) -> bytes:
        return b""


class Started:
    """A server on a port that the kernel picked, with a thread for each connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                self._socks.append(sock)
                self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            self.server.serve(sock)

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stopped.set()
        for sock in (self._listening, *self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._listening.close()


class AnswersOneways(Server):
    def oneway(self, frame: Frame) -> bytes:
        return self.reply(frame)


class WrongId(Server):
    def reply(self, frame: Frame) -> bytes:
        return super().reply(frame._replace(id=frame.id ^ 1))


class IdsOfFifteenBits(Server):
    def reply(self, frame: Frame) -> bytes:
        return super().reply(frame._replace(id=frame.id & 0x7FFF))


class NoAck(Server):
    def ack(self, frame: Frame) -> bytes:
        return b""


class AckWithoutId(Server):
    def ack(self, frame: Frame) -> bytes:
        return super().ack(frame._replace(id=0))


class HangsOnGarbage(Server):
    def malformed(self, error: MalformedError, out: Out) -> None:
        pass


class OneFrameARead(Server):
    """It takes what one read gives for one frame: what comes behind the first frame is lost."""

    def read(self, data: bytes, out: Out) -> bytes:
        frame = self.codec.scan_bytes(data, 0) if self._first(data) else None
        if not isinstance(frame, Frame):
            return super().read(data, out)
        super().read(data[: frame.size], out)
        return b""

    def _first(self, data: bytes) -> bool:
        with contextlib.suppress(MalformedError):
            return isinstance(self.codec.scan_bytes(data, 0), Frame)
        return False


class WholeFramesOnly(Server):
    """It takes what one read gives for a whole frame: a frame in two reads is malformed."""

    def incomplete(self, data: bytes, out: Out) -> None:
        out.close()


class Eager(Server):
    """It answers by the head of a frame."""

    def incomplete(self, data: bytes, out: Out) -> None:
        if len(data) >= 20:
            out.write(self.codec.reply(Fault.NO_ROUTE, 0, 0, 0))


class Unreadable(Server):
    def reply(self, frame: Frame) -> bytes:
        return b"\xff" + super().reply(frame)[1:]


class NeverLetsGo(Server):
    """It keeps a connection whose client has finished."""

    def finished(self, out: Out) -> None:
        self.stopped.wait(PATIENCE_S)


class Heartless(Server):
    """It answers heartbeats as if they were calls."""

    def ack(self, frame: Frame) -> bytes:
        return self.reply(frame)


class Backwards(Server):
    """It answers the requests of one read from the last to the first."""

    def read(self, data: bytes, out: Out) -> bytes:
        answers: list[bytes] = []
        within = Out(out.sock)
        within.write = answers.append  # type: ignore[method-assign]
        left = super().read(data, within)
        out.write(b"".join(reversed(answers)))
        out.closed = within.closed
        return left


class Mortal(Server):
    """It can be killed by bytes that are no frame: it stops serving everybody."""

    dead = False

    def serve(self, sock: socket.socket) -> None:
        if not self.dead:
            super().serve(sock)

    def malformed(self, error: MalformedError, out: Out) -> None:
        self.dead = True
        out.close()


class Client:
    """A good client, which reads answers by its codec; `calls` are made one after the other."""

    def __init__(self, registered: Registered, port: int, requests: list[bytes]) -> None:
        self.codec = registered.codec
        self.port = port
        self.requests = requests
        self.next = 100
        self.sock: socket.socket | None = None
        self.buffer = b""

    def run(self) -> None:
        """All calls; the kit may end its play before the last of them."""
        with contextlib.suppress(OSError):
            self.talk()
        self.drop()

    def talk(self) -> None:
        for request in self.requests:
            try:
                self.call(request)
            except OSError:  # the connection ended before the call
                self.drop()

    def open(self) -> socket.socket:
        if self.sock is None:
            self.buffer = b""
            self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        return self.sock

    def send(self, data: bytes) -> None:
        self.open().sendall(data)

    def call(self, request: bytes) -> None:
        self.next += 1
        self.send(self.codec.with_id(request, self.next))
        while (frame := self.frame()) is not None:
            if frame.kind == Kind.HEARTBEAT:
                self.beat(frame)
            elif frame.id == self.next:
                return

    def beat(self, frame: Frame) -> None:
        self.send(self.codec.heartbeat_ack(frame.variant, frame.echo, frame.id))

    def frame(self) -> Frame | None:
        """The next frame; None at the connection's end."""
        while True:
            found = self.codec.scan_bytes(self.buffer, 1) if self.buffer else NeedMore(1)
            if isinstance(found, Frame):
                self.buffer = self.buffer[found.size :]
                return found
            data = self.open().recv(1 << 16)
            if not data:
                self.drop()
                return None
            self.buffer += data

    def drop(self) -> None:
        if self.sock is not None:
            self.sock.close()
        self.sock = None


class Deaf(Client):
    """It acknowledges no heartbeat."""

    def beat(self, frame: Frame) -> None:
        pass


class Hasty(Client):
    """It takes what one read gives for a whole answer, and gives up when it is not."""

    def frame(self) -> Frame | None:
        data = self.open().recv(1 << 16)
        found = self.codec.scan_bytes(data, 1) if data else None
        if not isinstance(found, Frame):
            self.drop()
            return None
        return found


class Trusting(Client):
    """It gives its connection up for an answer that is nobody's."""

    def call(self, request: bytes) -> None:
        self.next += 1
        self.send(self.codec.with_id(request, self.next))
        while (frame := self.frame()) is not None:
            if frame.kind == Kind.HEARTBEAT:
                self.beat(frame)
            elif frame.id == self.next:
                return
            else:
                self.drop()
                return


class Babbling(Client):
    """Behind its calls it sends bytes that are no frame."""

    def talk(self) -> None:
        super().talk()
        self.send(b"\xff" * 32)
        self.frame()


def spoken(make: Callable[[int], Client]) -> tuple[Callable[[int], None], list[threading.Thread]]:
    """A callback that starts the client against a port, and the threads to wait for."""
    threads: list[threading.Thread] = []

    def start(port: int) -> None:
        threads.append(threading.Thread(target=make(port).run, daemon=True))
        threads[-1].start()

    return start, threads
