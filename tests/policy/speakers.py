"""One client and one server for every protocol that policies are tested with: calls with a number, answers with a status.

A test says what happens in these words alone, so that one table serves all protocols. Bytes are written by hand, or by the
`h2` package, so that nothing here depends on what is tested.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import h2.events

from proxy.snapshot import Http, Retry, Route
from tests.datapath import frames, h2peer, web
from tests.datapath.world import PATIENCE, Backend, Peer, World

OK = "ok"


class Call(NamedTuple):
    """A request at a server: answer it by one of these, or end its connection."""

    body: bytes
    answer: Callable[[Any], Awaitable[None]]
    """With OK, or a status."""
    connection: Peer
    timeout: int = 0
    """Milliseconds, where the protocol has a field for them that the proxy writes."""

    async def reset(self) -> None:
        """The connection ends before it is answered."""
        await let_go(self.connection)


READERS: dict[Peer, asyncio.Task[None]] = {}
"""Who reads a connection: its socket is closed only when nobody does."""


async def let_go(peer: Peer) -> None:
    reader = READERS.pop(peer)
    reader.cancel()
    await asyncio.wait([reader])
    peer.reset()


@dataclass(frozen=True)
class Speaker:
    """`bad`: a status that a server answers with, its name and number; `busy`: one that says it processed nothing."""

    name: str
    protocol: str
    bad: tuple[str, Any]
    busy: tuple[str, Any] | None
    closed: Any
    timed_out: Any
    unreachable: Any
    client: Callable[[World], Awaitable[Any]]
    serve: Callable[[World, Peer, asyncio.Queue[Call]], Awaitable[None]]
    cluster: dict[str, Any] = field(default_factory=dict)
    listener: dict[str, Any] = field(default_factory=dict)
    size_of: Callable[[bytes], int | None] = frames.size_of
    says_timeout: bool = False


class Site:
    """A host: its connections are taken, and their calls wait in one line."""

    def __init__(self, world: World, speaker: Speaker, backend: Backend | None = None) -> None:
        self.world, self.speaker = world, speaker
        self.backend = backend or world.backend()
        self.calls: asyncio.Queue[Call] = asyncio.Queue()
        self.connections: list[Peer] = []
        self.taking = world.loop.create_task(self.accept())
        world.closing.insert(0, self)

    async def accept(self) -> None:
        while True:
            sock, _ = await self.world.loop.sock_accept(self.backend.sock)
            made = self.world.peer(sock)
            self.connections.append(made)
            READERS[made] = self.world.loop.create_task(self.speaker.serve(self.world, made, self.calls))

    def close(self) -> None:
        for task in (self.taking, *(READERS.pop(each) for each in self.connections if each in READERS)):
            task.cancel()

    async def call(self) -> Call:
        """The next one that comes."""
        return await asyncio.wait_for(self.calls.get(), PATIENCE)

    async def go(self) -> None:
        """From now on nobody is here."""
        self.taking.cancel()
        await asyncio.wait([self.taking])
        self.backend.close()
        for each in self.connections:
            if each in READERS:
                await let_go(each)


class Framed:
    """A client whose calls are frames with numbers."""

    def __init__(self, peer: Peer, call: Callable[[int, bytes, bool], bytes], read: Callable[[bytes], tuple[int, Any]]) -> None:
        self.peer, self.call, self.read = peer, call, read

    async def ask(self, number: int, body: bytes = b"", *, oneway: bool = False) -> None:
        await self.peer.send(self.call(number, body, oneway))

    async def answer(self) -> tuple[int, Any]:
        """Its number, and OK or the status."""
        frame = await self.peer.receive()
        assert frame, "the connection ended"
        return self.read(frame)

    async def silent(self) -> bool:
        return await self.peer.silent()


def framed(
    call: Callable[[int, bytes, bool], bytes], read: Callable[[bytes], tuple[int, Any]]
) -> Callable[[World], Awaitable[Framed]]:
    async def made(world: World) -> Framed:
        return Framed(await world.client(), call, read)

    return made


def serving(
    request: Callable[[bytes], tuple[int, bytes, int]], response: Callable[[int, Any], bytes]
) -> Callable[[World, Peer, asyncio.Queue[Call]], Awaitable[None]]:
    async def serve(world: World, peer: Peer, calls: asyncio.Queue[Call]) -> None:
        async def one(frame: bytes) -> None:
            number, body, timeout = request(frame)
            await calls.put(Call(body, lambda status: peer.send(response(number, status)), peer, timeout))

        while frame := await quietly(peer):
            await one(frame)

    return serve


async def quietly(peer: Peer) -> bytes:
    """The next frame, or nothing when it is over."""
    try:
        return await peer.receive()
    except (TimeoutError, OSError, AssertionError):
        return b""


# -- Bolt, Dubbo, Thrift ----------------------------------------------------------------------------------------------


def bolt_answer(frame: bytes) -> tuple[int, Any]:
    status = frames.status_of(frame)
    return frames.id_of(frame), OK if status == 0 else status


BOLT = Speaker(
    "bolt", "bolt", ("server_exception", 2), ("server_threadpool_busy", 4), 16, 7, 16,
    framed(lambda number, body, oneway: frames.request(number, content=body, oneway=oneway), bolt_answer),
    serving(
        lambda frame: (frames.id_of(frame), frames.content_of(frame), struct.unpack_from(">i", frame, 10)[0]),
        lambda number, status: frames.response(number, status=0 if status == OK else status),
    ),
    says_timeout=True,
)  # fmt: skip


def dubbo_call(number: int, body: bytes, oneway: bool) -> bytes:
    made = frames.dubbo_request(number, attachments={"body": body.decode()} if body else None)
    return bytes((*made[:2], made[2] & ~0x40, *made[3:])) if oneway else made


def dubbo_answer(frame: bytes) -> tuple[int, Any]:
    return frames.dubbo_id(frame), OK if frame[3] == 20 else frame[3]


DUBBO = Speaker(
    "dubbo", "dubbo", ("server_error", 80), ("server_threadpool_exhausted_error", 100), 35, 31, 60,
    framed(dubbo_call, dubbo_answer),
    serving(
        lambda frame: (frames.dubbo_id(frame), frame[16:], 0),
        lambda number, status: struct.pack(">HBBQi", 0xDABB, 0x02, 20 if status == OK else status, number, 1) + b"\x92",
    ),
    size_of=frames.dubbo_size,
)  # fmt: skip


def thrift_message(kind: int, number: int, body: bytes) -> bytes:
    inner = b"\x80\x01\x00" + bytes([kind]) + struct.pack(">I", 8) + b"Svc:echo" + struct.pack(">I", number) + body
    return struct.pack(">I", len(inner)) + inner


def thrift_size(data: bytes) -> int | None:
    return None if len(data) < 4 else 4 + int(struct.unpack_from(">I", data)[0])


def thrift_number(frame: bytes) -> int:
    name = struct.unpack_from(">I", frame, 8)[0]
    return int(struct.unpack_from(">I", frame, 12 + name)[0])


def thrift_body(frame: bytes) -> bytes:
    return frame[16 + struct.unpack_from(">I", frame, 8)[0] :]


def thrift_exception(text: str) -> bytes:
    said = text.encode()
    return b"\x0b\x00\x01" + struct.pack(">i", len(said)) + said + b"\x08\x00\x02\x00\x00\x00\x06\x00"


def thrift_answer(frame: bytes) -> tuple[int, Any]:
    body = thrift_body(frame)
    size = struct.unpack_from(">i", body, 3)[0] if frame[7] == 3 else 0
    return thrift_number(frame), OK if frame[7] == 2 else body[7 : 7 + size].decode()


THRIFT = Speaker(
    "thrift", "thrift", ("exception", "bad"), None, "xproto: the server's connection closed before it answered",
    "xproto: the server did not answer in time", "xproto: no host of the cluster can be reached",
    framed(lambda number, body, oneway: thrift_message(4 if oneway else 1, number, text(body) + b"\0"), thrift_answer),
    serving(
        lambda frame: (thrift_number(frame), thrift_body(frame), 0),
        lambda number, status: thrift_message(*((2, number, b"\0") if status == OK else (3, number, thrift_exception(status)))),
    ),
    size_of=thrift_size,
)  # fmt: skip


def text(body: bytes) -> bytes:
    """Field 1, a binary."""
    return b"\x0b\x00\x01" + struct.pack(">i", len(body)) + body


# -- HTTP/1.1 and gRPC ------------------------------------------------------------------------------------------------


class Browser:
    """One request at a time: its number is what the test says."""

    def __init__(self, peer: Peer) -> None:
        self.peer, self.number = peer, 0

    async def ask(self, number: int, body: bytes = b"", *, oneway: bool = False) -> None:
        assert not oneway
        self.number = number
        await self.peer.send(web.request("/a", body or None))

    async def answer(self) -> tuple[int, Any]:
        found = await web.take(self.peer)
        return self.number, OK if found.status == 200 else found.status

    async def silent(self) -> bool:
        return await self.peer.silent()


async def browser(world: World) -> Browser:
    return Browser(await world.client())


async def serve_http1(world: World, peer: Peer, calls: asyncio.Queue[Call]) -> None:
    async def answer(status: Any) -> None:
        await peer.send(web.response(b"hello", status="200 OK" if status == OK else f"{status} Bad"))

    while True:
        try:
            found = await web.take(peer)
        except (TimeoutError, OSError, AssertionError):
            return
        await calls.put(Call(found.body, answer, peer))


HTTP1 = Speaker(
    "http1", "http1", ("service_unavailable", 503), ("too_many_requests", 429), 502, 504, 503, browser, serve_http1,
    listener={"http": web.PLAIN}, size_of=web.size_of,
)  # fmt: skip


class Stub:
    """A client of gRPC."""

    def __init__(self, client: h2peer.Client) -> None:
        self.client, self.numbers = client, dict[int, int]()

    async def ask(self, number: int, body: bytes = b"", *, oneway: bool = False) -> None:
        assert not oneway
        message = b"\0" + struct.pack(">I", len(body)) + body
        fields = (("content-type", "application/grpc"), ("te", "trailers"))
        self.numbers[await self.client.ask("/a.Svc/echo", message, *fields)] = number

    async def answer(self) -> tuple[int, Any]:
        event = await self.client.next(h2.events.ResponseReceived)
        assert event.stream_id is not None
        fields = h2peer.found_in(event.headers)
        whole = await self.client.whole(event.stream_id, fields)
        status = int((whole.trailers or fields)["grpc-status"])
        return self.numbers.pop(event.stream_id), status or OK

    async def silent(self) -> bool:
        return await self.client.nothing_more()


async def stub(world: World) -> Stub:
    return Stub(await h2peer.client_of(world))


async def serve_grpc(world: World, peer: Peer, calls: asyncio.Queue[Call]) -> None:
    server = h2peer.Server(peer, client=False)
    media = ("content-type", "application/grpc")
    try:
        await server.begin()
        while True:
            await one_of_grpc(server, media, calls)
    except (TimeoutError, OSError, AssertionError):
        return


async def one_of_grpc(server: h2peer.Server, media: tuple[str, str], calls: asyncio.Queue[Call]) -> None:
    found = await server.request()

    async def answer(status: Any) -> None:
        if status == OK:
            await server.respond(found.stream, bytes(5), media, trailers={"grpc-status": "0"})
        elif status == "refused":
            await server.reset(found.stream, h2peer.REFUSED)
        else:
            await server.respond(found.stream, None, media, ("grpc-status", str(status)))

    await calls.put(Call(found.body, answer, server.peer))


GRPC = Speaker(
    "grpc", "http2", ("unavailable", 14), None, 14, 4, 14, stub, serve_grpc, cluster={"http": "http2"},
    listener={"http": Http(forwarded=False, request_id=False, via="")},
)  # fmt: skip

ALL = (BOLT, DUBBO, THRIFT, HTTP1, GRPC)
FRAMED = (BOLT, DUBBO, THRIFT)


def start(world: World, speaker: Speaker, retry: Retry | None, *sites: Site | str, route: dict[str, Any] | None = None,
          **cluster: Any) -> World:  # fmt: skip
    """A route for all calls, with this policy."""
    hosts: list[Backend | str] = [each if isinstance(each, str) else each.backend for each in sites]
    world.size_of = speaker.size_of
    world.start(
        *hosts, protocols=(speaker.protocol,), routes=(Route("all", (), "main", retry=retry, **(route or {})),),
        listener=speaker.listener, **(speaker.cluster | cluster),
    )  # fmt: skip
    world.size_of = speaker.size_of
    return world
