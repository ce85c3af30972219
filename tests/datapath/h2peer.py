"""HTTP/2 for tests of the data path: peers that speak it by the `h2` package, one frame or one message at a time."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, TypeVar

import h2.connection
import h2.events
import h2.settings
from h2.config import H2Configuration

from proxy.snapshot import Http
from tests.datapath.web import PLAIN, ROUTES
from tests.datapath.world import PATIENCE, Backend, Peer, World

Kind = TypeVar("Kind", bound=h2.events.Event)

CANCEL, INTERNAL, NO_ERROR, REFUSED, CALM = 8, 2, 0, 7, 11


class Message(NamedTuple):
    stream: int
    fields: dict[str, str]
    body: bytes
    trailers: dict[str, str]

    @property
    def status(self) -> int:
        return int(self.fields[":status"])

    @property
    def path(self) -> str:
        return self.fields[":path"]


def found_in(headers: Any) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in headers or ()}


class H2Peer:
    """One end of an HTTP/2 connection. What comes is kept as events until somebody asks for it."""

    def __init__(self, peer: Peer, *, client: bool, reads: bool = True) -> None:
        self.peer, self.reads = peer, reads
        self.conn = h2.connection.H2Connection(H2Configuration(client_side=client, header_encoding=None))
        self.events: list[Any] = []
        self.over = False

    async def begin(self, window: int = 0, **settings: int) -> H2Peer:
        """`window`: of the connection, in bytes more than the usual ones."""
        codes = {getattr(h2.settings.SettingCodes, name.upper()): value for name, value in settings.items()}
        self.conn.local_settings = h2.settings.Settings(client=self.conn.config.client_side, initial_values=codes)
        self.conn.initiate_connection()
        if window:
            self.conn.increment_flow_control_window(window)
        await self.flush()
        return self

    async def flush(self) -> None:
        if data := self.conn.data_to_send():
            await self.peer.send(data)

    async def raw(self, data: bytes) -> None:
        await self.peer.send(data)

    async def read(self) -> bool:
        """Some bytes more; False: it has ended."""
        try:
            data = await asyncio.wait_for(self.peer.loop.sock_recv(self.peer.sock, 1 << 18), self.peer.patience)
        except ConnectionResetError:
            data = b""
        if not data:
            self.over = True
            return False
        for event in self.conn.receive_data(data):
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived) and self.reads and event.flow_controlled_length:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        await self.flush()
        return True

    async def next(self, kind: type[Kind], stream: int | None = None) -> Kind:
        """The next event of this kind, with its place in the line of all of them lost."""
        while True:
            for event in self.events:
                if isinstance(event, kind) and (stream is None or event.stream_id == stream):
                    self.events.remove(event)
                    return event
            assert await self.read(), f"the connection ended before {kind.__name__}; there are {self.events}"

    async def ended(self) -> bool:
        """Its end, whatever comes before."""
        while not self.over:
            await self.read()
        return True

    def seen(self, kind: type[Kind], stream: int | None = None) -> bool:
        return any(isinstance(event, kind) and (stream is None or event.stream_id == stream) for event in self.events)

    async def nothing_more(self) -> bool:
        """Nothing has come, after all that is under way was handled."""
        return await self.peer.silent()

    async def whole(self, stream: int, fields: dict[str, str]) -> Message:
        """What follows a head, up to the end of the stream."""
        body, trailers = b"", {}
        while True:
            for event in [each for each in self.events if getattr(each, "stream_id", None) == stream]:
                self.events.remove(event)
                if isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.TrailersReceived):
                    trailers = found_in(event.headers)
                elif isinstance(event, h2.events.StreamEnded):
                    return Message(stream, fields, body, trailers)
                else:
                    assert not isinstance(event, h2.events.StreamReset), event
            assert await self.read(), "the connection ended within a message"

    async def data(self, stream: int, body: bytes, *, ends: bool = False) -> None:
        """All of it, as windows open."""
        while body or ends:
            room = min(self.conn.local_flow_control_window(stream), self.conn.max_outbound_frame_size)
            if body and room <= 0:
                await self.read()
                continue
            some, body = body[:room], body[room:]
            self.conn.send_data(stream, some, end_stream=ends and not body)
            await self.flush()
            if not body:
                return

    async def reset(self, stream: int, code: int = CANCEL) -> None:
        self.conn.reset_stream(stream, code)
        await self.flush()


class Client(H2Peer):
    async def ask(
        self, path: str = "/a", body: bytes | None = None, *fields: tuple[str, str], method: str = "", ends: bool = True
    ) -> int:
        """A request, its head alone if it does not end; its stream."""
        stream = self.conn.get_next_available_stream_id()
        method = method or ("GET" if body is None and ends else "POST")
        head = [(":method", method), (":scheme", "http"), (":authority", "h"), (":path", path), *fields]
        self.conn.send_headers(stream, head, end_stream=ends and not body)
        await self.flush()
        if body:
            await self.data(stream, body, ends=ends)
        return stream

    async def answer(self, stream: int) -> Message:
        head = await self.next(h2.events.ResponseReceived, stream)
        return await self.whole(stream, found_in(head.headers))

    async def call(self, path: str = "/a", body: bytes | None = None, *fields: tuple[str, str]) -> Message:
        return await self.answer(await self.ask(path, body, *fields))


class Server(H2Peer):
    async def head(self) -> Message:
        """The next request's head; its body is to come."""
        event = await self.next(h2.events.RequestReceived)
        return Message(event.stream_id, found_in(event.headers), b"", {})

    async def request(self) -> Message:
        head = await self.head()
        return await self.whole(head.stream, head.fields)

    async def respond(
        self,
        stream: int,
        body: bytes | None = b"",
        *fields: tuple[str, str],
        status: int = 200,
        trailers: dict[str, str] | None = None,
        ends: bool = True,
    ) -> None:
        """An answer; `body`: None where there is none at all, not even an empty one."""
        self.conn.send_headers(stream, [(":status", str(status)), *fields], end_stream=ends and not body and not trailers)
        await self.flush()
        if body:
            await self.data(stream, body, ends=ends and not trailers)
        if trailers:
            self.conn.send_headers(stream, list(trailers.items()), end_stream=True)
            await self.flush()


class Frame(NamedTuple):
    type: int
    flags: int
    stream: int
    payload: bytes


DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
GET = b"\x82\x86\x41\x01h\x44\x02/a"
"""A header block: GET http://h/a, with nothing of it remembered but the authority and the path."""
LATER = b"\x82\x86\xbf\xbe"
"""The same again on the same connection."""


def frame(type: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([type, flags]) + stream.to_bytes(4, "big") + payload


class Raw:
    """A client that does what the `h2` package would not, and reads on behind a goaway."""

    def __init__(self, peer: Peer) -> None:
        self.peer, self.data = peer, b""
        self.frames: list[Frame] = []
        self.over = False

    async def send(self, *frames: bytes) -> None:
        await self.peer.send(b"".join(frames))

    async def next(self, type: int, stream: int | None = None) -> Frame:
        while True:
            for each in self.frames:
                if each.type == type and (stream is None or each.stream == stream):
                    self.frames.remove(each)
                    return each
            assert await self.read(), f"the connection ended; there are {self.frames}"

    async def read(self) -> bool:
        try:
            more = await asyncio.wait_for(self.peer.loop.sock_recv(self.peer.sock, 1 << 18), PATIENCE)
        except ConnectionResetError:
            more = b""
        self.over = not more
        self.data += more
        while len(self.data) >= 9 and len(self.data) >= 9 + (size := int.from_bytes(self.data[:3], "big")):
            found = Frame(self.data[3], self.data[4], int.from_bytes(self.data[5:9], "big"), self.data[9 : 9 + size])
            self.data = self.data[9 + size :]
            self.frames.append(found)
            if found.type == PING and not found.flags & 1:
                await self.send(frame(PING, 1, 0, found.payload))
        return not self.over

    async def ended(self) -> bool:
        while not self.over:
            await self.read()
        return True


async def raw_client(world: World) -> Raw:
    made = Raw(await world.client())
    await made.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frame(SETTINGS, 0, 0))
    return made


async def limit_streams(server: Server, count: int) -> None:
    """Says so without holding the other side to it: it may not know yet."""
    await server.raw(frame(SETTINGS, 0, 0, b"\0\3" + count.to_bytes(4, "big")))


async def client_of(world: World, *, reads: bool = True, window: int = 0, **settings: int) -> Client:
    made = Client(await world.client(), client=True, reads=reads)
    await made.begin(window, **settings)
    return made


async def accepted(backend: Backend, *, reads: bool = True, window: int = 0, **settings: int) -> Server:
    made = Server(await backend.accept(), client=False, reads=reads)
    await made.begin(window, **settings)
    return made


def start(
    world: World,
    *hosts: Backend | str,
    near: str = "http2",
    far: str = "http2",
    http: Http = PLAIN,
    listener: dict[str, Any] | None = None,
    **cluster: Any,
) -> World:
    """A listener of `near`, hosts of `far`; everything under /a goes to them."""
    protocols = (near,) if near != "both" else ("http1", "http2")
    return world.start(
        *hosts, protocols=protocols, routes=ROUTES, listener={"http": http, **(listener or {})}, http=far, **cluster
    )
