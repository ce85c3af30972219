"""A Beacon server and client in plain `struct` code: they share not a line with the declaration or the kernel.

`Frame` and `decode` are the wire; `Server` is an asyncio server (`serve_in_thread` runs one for blocking tests), `Client`
a blocking client and `AsyncClient` one for a loop. Every answer of an echo carries the server's name in the header
``server``, so that a test sees who answered.

Methods: ``echo`` repeats body and headers; ``fail`` answers with status 1; ``never`` does not answer; ``close`` closes the
connection instead; ``twice`` answers two times. The service is not looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

REQUEST, ONEWAY, RESPONSE, HEARTBEAT, ACK, GOAWAY = range(6)
OK, ERROR, NO_ROUTE, NO_HOST, UNREACHABLE, OVERLOAD, TIMEOUT, CLOSED = range(8)
MALFORMED = 100
CHUNK = 0xFFFF


class WireError(Exception):
    """Bytes that are no Beacon frame."""


@dataclass(frozen=True)
class Frame:
    """One frame. timeout is in milliseconds; None leaves the deadline bit off. crc_error is xored onto the checksum."""

    kind: int = REQUEST
    id: int = 0
    version: int = 1
    service: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    chunks: tuple[bytes, ...] = ()
    timeout: int | None = None
    status: int = OK
    traced: bool = False
    priority: int = 0
    shard: int = 0
    crc_error: int = 0

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)

    def encode(self) -> bytes:
        first = self.version << 6 | self.kind << 3 | (self.timeout is not None) << 2 | self.traced << 1 | self.priority >> 3
        out = bytearray(struct.pack("<HBBH", 0xBEAC, first, (self.priority & 7) << 5, self.id))
        if self.version == 2:
            out += self.shard.to_bytes(3, "little")
        if self.timeout is not None:
            out += struct.pack("<I", self.timeout)
        if self.kind == RESPONSE:
            out.append(self.status)
        pairs = b"".join(struct.pack("<H", len(k)) + k + struct.pack("<H", len(v)) + v for k, v in self.headers)
        out.append(len(self.service))
        size = len(pairs)
        while size > 0x7F:
            out.append(size & 0x7F | 0x80)
            size >>= 7
        out.append(size)
        out += self.service + pairs
        for chunk in self.chunks:
            out += struct.pack("<H", len(chunk)) + chunk
        out += b"\0\0"
        return bytes(out + struct.pack("<I", zlib.crc32(out) ^ self.crc_error))


def chunked(body: bytes, size: int = CHUNK) -> tuple[bytes, ...]:
    """A body as chunks of at most `size` bytes."""
    return tuple(body[i : i + size] for i in range(0, len(body), size))


class _Short(Exception):
    pass


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise _Short
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")


def decode(data: bytes) -> tuple[Frame, int] | None:
    """The frame that `data` begins with and its size; None when bytes are missing. A wrong CRC is in `crc_error`."""
    stream = _Bytes(data)
    try:
        return _decode(stream), stream.at
    except _Short:
        return None


def _decode(stream: _Bytes) -> Frame:
    if stream.number(2) != 0xBEAC:
        raise WireError("magic")
    first, second = stream.take(2)
    version, kind = first >> 6, first >> 3 & 7
    if version not in (1, 2) or kind > GOAWAY:
        raise WireError("flags")
    number = stream.number(2)
    shard = stream.number(3) if version == 2 else 0
    timeout = stream.number(4) if first & 4 else None
    status = stream.number(1) if kind == RESPONSE else OK
    service_size = stream.number(1)
    size = shift = 0
    while True:
        byte = stream.number(1)
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    service = stream.take(service_size)
    block = _Bytes(stream.take(size))
    headers = []
    while block.at < size:
        try:
            key = block.take(block.number(2))
            headers.append((key, block.take(block.number(2))))
        except _Short:
            raise WireError("headers") from None
    chunks = []
    while chunk_size := stream.number(2):
        chunks.append(stream.take(chunk_size))
    computed = zlib.crc32(stream.data[: stream.at])
    error = stream.number(4) ^ computed
    priority = (first & 1) << 3 | second >> 5
    return Frame(kind, number, version, service, tuple(headers), tuple(chunks), timeout, status, bool(first & 2),
                 priority, shard, error)  # fmt: skip


@dataclass
class FrameReader:
    """Bytes in, frames out."""

    buffer: bytes = b""

    def feed(self, data: bytes) -> list[Frame]:
        self.buffer += data
        frames = []
        while (found := decode(self.buffer)) is not None:
            frames.append(found[0])
            self.buffer = self.buffer[found[1] :]
        return frames


@dataclass(frozen=True)
class Received:
    """A frame that a server got, and on which of its connections (counted from 0)."""

    connection: int
    frame: Frame


@dataclass
class Server:
    """An echo server. `received` holds all that came in; `refused` counts frames with a wrong checksum."""

    name: str = "beacon"
    answers_heartbeats: bool = True
    received: list[Received] = field(default_factory=list)
    refused: int = 0
    connections: int = 0
    address: tuple[str, int] = ("127.0.0.1", 0)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        self._server = await asyncio.start_server(self._serve, host, port)
        self.address = self._server.sockets[0].getsockname()[:2]
        return self

    async def stop(self) -> None:
        """Stops listening and closes every connection."""
        if self._server is not None:
            self._server.close()
            self.close_connections()
            await asyncio.gather(*self._tasks)
            await self._server.wait_closed()

    def close_connections(self) -> None:
        for writer in tuple(self._writers):
            writer.close()

    def send_all(self, frame: Frame) -> None:
        """Sends a frame of the server's own (a goaway, a heartbeat) on every connection."""
        for writer in self._writers:
            writer.write(frame.encode())

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        frames = FrameReader()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            while data := await reader.read(65536):
                for frame in frames.feed(data):
                    self.received.append(Received(number, frame))
                    for answer in self.answers(frame):
                        if answer is None:
                            return
                        writer.write(answer.encode())
                await writer.drain()
        except (ConnectionError, WireError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    def answers(self, frame: Frame) -> list[Frame | None]:
        """What is sent back for a frame; None closes the connection."""
        if frame.crc_error:
            self.refused += 1
            return [None]
        if frame.kind == HEARTBEAT:
            return [Frame(ACK, frame.id, frame.version)] if self.answers_heartbeats else []
        if frame.kind != REQUEST:
            return []
        headers = (*frame.headers, (b"server", self.name.encode()))
        echo = replace(frame, kind=RESPONSE, headers=headers, service=b"", timeout=None, status=OK)
        match frame.header(b"method"):
            case b"fail":
                return [replace(echo, status=ERROR, chunks=(b"failed as asked",))]
            case b"never":
                return []
            case b"close":
                return [None]
            case b"twice":
                return [echo, echo]
        return [echo]


@contextlib.contextmanager
def serve_in_thread(name: str = "beacon", **options: bool) -> Iterator[Server]:
    """A running server on a loop of its own; its `address` is set."""
    loop = asyncio.new_event_loop()
    server = Server(name, **options)
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever, name=f"beacon {name}", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def request(service: bytes = b"", method: bytes = b"echo", body: bytes = b"", **fields: object) -> Frame:
    """A request; `headers` (pairs) follow the method, `chunk` is the size of the body's chunks."""
    headers = tuple(fields.pop("headers", ()))  # type: ignore[arg-type]
    size = int(fields.pop("chunk", CHUNK))  # type: ignore[call-overload]
    return Frame(service=service, headers=((b"method", method), *headers), chunks=chunked(body, size), **fields)  # type: ignore[arg-type]


class Client:
    """A blocking client: `send` and `receive` frames, or `call`, which gives a fresh id and waits for its answer."""

    def __init__(self, address: tuple[str, int] | str, timeout: float = 10) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.ids = itertools.count(1)
        self._reader = FrameReader()
        self._ready: list[Frame] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *frames: Frame) -> None:
        self.socket.sendall(b"".join(frame.encode() for frame in frames))

    def receive(self) -> Frame | None:
        """The next frame; None when the other side has closed."""
        while not self._ready:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._ready = self._reader.feed(data)
        return self._ready.pop(0)

    def next_id(self) -> int:
        return next(self.ids) & 0xFFFF

    def call(self, frame: Frame) -> Frame:
        """Sends a request under a fresh id; its answer. Raises ConnectionError when there is none."""
        sent = replace(frame, id=self.next_id())
        self.send(sent)
        answer = self.receive()
        if answer is None:
            raise ConnectionError("closed without an answer")
        if answer.id != sent.id:
            raise WireError(f"answer to {answer.id}, asked {sent.id}")
        return answer


class AsyncClient:
    """A client with many calls at once. `others` holds frames that answer no call (heartbeats, goaway)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: dict[int, asyncio.Future[Frame]] = {}
        self._ids = itertools.count(1)
        self.others: list[Frame] = []
        self._task = asyncio.ensure_future(self._read())

    @classmethod
    async def connect(cls, address: tuple[str, int] | str) -> AsyncClient:
        if isinstance(address, str):
            return cls(*await asyncio.open_unix_connection(address))
        return cls(*await asyncio.open_connection(*address))

    async def call(self, frame: Frame) -> Frame:
        """Sends a request or heartbeat under a fresh id; its answer. Raises ConnectionError when the other side closes."""
        sent = replace(frame, id=next(self._ids) & 0xFFFF)
        future = self._waiting[sent.id] = asyncio.get_running_loop().create_future()
        self._writer.write(sent.encode())
        return await future

    def send(self, frame: Frame) -> None:
        self._writer.write(frame.encode())

    async def close(self) -> None:
        self._task.cancel()
        self._writer.close()
        await asyncio.gather(self._task, self._writer.wait_closed(), return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self) -> None:
        frames = FrameReader()
        error: Exception = ConnectionError("closed without an answer")
        try:
            while data := await self._reader.read(65536):
                for frame in frames.feed(data):
                    future = self._waiting.pop(frame.id, None) if frame.kind in (RESPONSE, ACK) else None
                    if future is None:
                        self.others.append(frame)
                    elif not future.done():
                        future.set_result(frame)
        except (ConnectionError, WireError) as caught:
            error = caught
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)
