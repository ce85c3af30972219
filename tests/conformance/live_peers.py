"""Servers and clients that a declaration makes of itself, good ones and such with one fault each.

They are fakes, for the kit's own tests: what real software does is in tests/interop/test_live.py.
"""

from __future__ import annotations

import asyncio
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


class Server:
    """A good server: one error reply a call. Each method is something that a fault replaces."""

    def __init__(self, registered: Registered) -> None:
        self.registered = registered
        self.codec = registered.codec
        self.limit = registered.protocol.limits.frame

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = b""
        while data := await reader.read(1 << 16):
            buffer = await self.read(buffer + data, writer)
            if writer.is_closing():
                return
        await self.finished(writer)

    async def finished(self, writer: asyncio.StreamWriter) -> None:
        """The client will send nothing more."""
        writer.close()

    async def read(self, data: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Answers whole frames; returns what is left."""
        while data:
            try:
                frame = self.codec.scan_bytes(data, 0)
            except MalformedError as error:
                self.malformed(error, writer)
                return b""
            if isinstance(frame, NeedMore):
                self.incomplete(data, writer)
                return data
            try:
                self.codec.verify_bytes(data[: frame.size], 0)
            except MalformedError as error:
                self.malformed(error, writer)
                return b""
            writer.write(self.answer(frame))
            data = data[frame.size :]
        return data

    def incomplete(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        pass

    def malformed(self, error: MalformedError, writer: asyncio.StreamWriter) -> None:
        writer.close()

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
    """A server in a thread of its own, on a port that the kernel picked."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with contextlib.suppress(OSError):
                    await self.server.serve(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listening = await asyncio.start_server(connection, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        listening.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)


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
    def malformed(self, error: MalformedError, writer: asyncio.StreamWriter) -> None:
        pass


class OneFrameARead(Server):
    """It takes what one read gives for one frame: what comes behind the first frame is lost."""

    async def read(self, data: bytes, writer: asyncio.StreamWriter) -> bytes:
        frame = self.codec.scan_bytes(data, 0) if self._first(data) else None
        if not isinstance(frame, Frame):
            return await super().read(data, writer)
        await super().read(data[: frame.size], writer)
        return b""

    def _first(self, data: bytes) -> bool:
        with contextlib.suppress(MalformedError):
            return isinstance(self.codec.scan_bytes(data, 0), Frame)
        return False


class WholeFramesOnly(Server):
    """It takes what one read gives for a whole frame: a frame in two reads is malformed."""

    def incomplete(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()


class Eager(Server):
    """It answers by the head of a frame."""

    def incomplete(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if len(data) == 20:
            writer.write(self.codec.reply(Fault.NO_ROUTE, 0, 0, 0))


class Unreadable(Server):
    def reply(self, frame: Frame) -> bytes:
        return b"\xff" + super().reply(frame)[1:]


class NeverLetsGo(Server):
    """It keeps a connection whose client has finished."""

    async def finished(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()


class Heartless(Server):
    """It answers heartbeats as if they were calls."""

    def ack(self, frame: Frame) -> bytes:
        return self.reply(frame)


class Backwards(Server):
    """It answers the requests of one read from the last to the first."""

    async def read(self, data: bytes, writer: asyncio.StreamWriter) -> bytes:
        answers: list[bytes] = []

        class Collecting:
            def write(self, data: bytes) -> None:
                answers.append(data)

            def close(self) -> None:
                writer.close()

        left = await super().read(data, Collecting())  # type: ignore[arg-type]
        writer.write(b"".join(reversed(answers)))
        return left


class Mortal(Server):
    """It can be killed by bytes that are no frame: it stops serving everybody."""

    dead = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.dead:
            await super().serve(reader, writer)

    def malformed(self, error: MalformedError, writer: asyncio.StreamWriter) -> None:
        self.dead = True
        writer.close()


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
        if self.sock is not None:
            self.drop()

    def talk(self) -> None:
        for request in self.requests:
            self.call(request)

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
        assert self.sock is not None
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
