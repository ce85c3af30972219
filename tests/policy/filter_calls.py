"""The same call in five protocols: a client and a server that a test drives by four words.

`ask` sends a request of the service ECHO, `serve` receives it at a host and answers, `answer` is what the client hears: "ok",
or the name of the fault that the proxy says.
"""

from __future__ import annotations

import struct
from typing import Any

import h2.events

from proxy.snapshot import Filter, HeaderMatch, Http, Route
from tests.datapath import frames, h2peer, web
from tests.datapath.world import Backend, World
from xproto.codecs import bolt, dubbo, grpc, http1
from xproto.codecs.thrift import message as thrift
from xproto.spec import Fault

ECHO = "com.test.Echo:1.0"


class Speaker:
    """`keys`: of the routing view, the service's and a header's that can be edited (None: there is none)."""

    protocol: str
    service = "service"
    echo = ECHO
    header: str | None = None
    listener: dict[str, Any] = {}
    cluster: dict[str, Any] = {}

    def __init__(self, world: World) -> None:
        self.world = world
        self.upstreams: dict[str, Any] = {}

    def routes(self) -> tuple[Route, ...]:
        return (Route("echo", (HeaderMatch(self.service, "exact", self.echo),), "main"),)

    async def start(
        self, *filters: Filter, hosts: int = 1, routes: tuple[Route, ...] | None = None, **listener: Any
    ) -> Speaker:
        self.backends = [self.world.backend() for _ in range(hosts)]
        self.world.size_of = self.size_of
        self.world.start(
            *self.backends, protocols=(self.protocol,), routes=routes or self.routes(),
            listener={"filters": filters, **self.listener, **listener}, **self.cluster,
        )  # fmt: skip
        await self.connect()
        return self

    @staticmethod
    def size_of(data: bytes) -> int | None:
        return frames.size_of(data)

    async def connect(self) -> None:
        self.client = await self.world.client()

    async def upstream(self, backend: Backend | None = None) -> Any:
        backend = backend or self.backends[0]
        if backend.address not in self.upstreams:
            self.upstreams[backend.address] = await backend.accept()
        return self.upstreams[backend.address]

    async def ask(self, id: int = 1, value: str | None = None) -> None:
        """`value`: of the header."""
        await self.client.send(self.request(id, value))

    def request(self, id: int, value: str | None) -> bytes:
        raise NotImplementedError

    async def serve(self, id: int | None = None, *, backend: Backend | None = None) -> bytes:
        """The request as the host has it."""
        upstream = await self.upstream(backend)
        frame = await upstream.receive()
        await upstream.send(self.response(frame))
        return frame

    def response(self, request: bytes) -> bytes:
        raise NotImplementedError

    async def answer(self) -> str:
        return self.read(await self.client.receive())

    def read(self, frame: bytes) -> str:
        raise NotImplementedError

    def names(self, found: Any, table: dict[Fault, Any]) -> str:
        """What was said, by name; several faults may be said alike."""
        return "/".join(fault.name.lower() for fault, said in table.items() if said == found)

    async def silent(self) -> bool:
        return await self.client.silent()


class Bolt(Speaker):
    protocol = "bolt"
    header = "env"

    def request(self, id: int, value: str | None) -> bytes:
        pairs = [("service", ECHO)] + ([] if value is None else [("env", value)])
        return frames.request(id, headers=b"".join(frames._text(each) for pair in pairs for each in pair))

    def response(self, request: bytes) -> bytes:
        return frames.response(frames.id_of(request))

    def read(self, frame: bytes) -> str:
        status = frames.status_of(frame)
        return "ok" if status == 0 else self.names(status, {f: r["status"] for f, r in bolt.BOLT.reply.items()})


class Dubbo(Speaker):
    protocol = "dubbo"
    echo = "com.test.Echo"

    @staticmethod
    def size_of(data: bytes) -> int | None:
        return frames.dubbo_size(data)

    def request(self, id: int, value: str | None) -> bytes:
        return frames.dubbo_request(id, service=self.echo, attachments={} if value is None else {"env": value})

    def response(self, request: bytes) -> bytes:
        return frames.dubbo_response(frames.dubbo_id(request))

    def read(self, frame: bytes) -> str:
        return "ok" if frame[3] == 20 else self.names(frame[3], {f: code for f, (code, _) in dubbo._MESSAGES.items()})


class Thrift(Speaker):
    protocol = "thrift"
    service = "method"
    echo = "echo"

    @staticmethod
    def size_of(data: bytes) -> int | None:
        return None if len(data) < 4 else 4 + int(struct.unpack_from(">i", data)[0])

    def message(self, kind: int, id: int) -> bytes:
        body = struct.pack(">Ii", 0x80010000 | kind, 4) + b"echo" + struct.pack(">i", id) + b"\0"
        return struct.pack(">i", len(body)) + body

    def request(self, id: int, value: str | None) -> bytes:
        return self.message(1, id)

    def response(self, request: bytes) -> bytes:
        return self.message(2, int(struct.unpack_from(">i", request, 16)[0]))

    def read(self, frame: bytes) -> str:
        if frame[7] == 2:
            return "ok"
        return "/".join(f.name.lower() for f, (_, text) in thrift.FAULTS.items() if text.encode() in frame)


class Http1(Speaker):
    protocol = "http1"
    service = "path"
    echo = "/echo"
    header = "x-env"
    listener = {"http": Http(forwarded=False, request_id=False, via="")}

    @staticmethod
    def size_of(data: bytes) -> int | None:
        return web.size_of(data)

    def request(self, id: int, value: str | None) -> bytes:
        return web.request("/echo", None, *([] if value is None else [f"X-Env: {value}"]))

    def response(self, request: bytes) -> bytes:
        return web.response(b"", "X-Answer: 1")

    async def answer(self) -> str:
        self.heard = await web.take(self.client)
        if self.heard.status == 200:
            return "ok"
        return self.names(self.heard.status, {fault: int(line[:3]) for fault, (line, _) in http1._FAULTS.items()})


class Grpc(Speaker):
    protocol = "http2"
    service = "service"
    echo = "test.Echo"
    header = "x-env"
    listener = Http1.listener
    cluster = {"http": "http2"}

    async def connect(self) -> None:
        self.client = await self.world.client()
        self.peer = await h2peer.Client(self.client, client=True).begin()
        self.streams: list[int] = []

    async def upstream(self, backend: Backend | None = None) -> Any:
        backend = backend or self.backends[0]
        if backend.address not in self.upstreams:
            self.upstreams[backend.address] = await h2peer.Server(await backend.accept(), client=False).begin()
        return self.upstreams[backend.address]

    async def ask(self, id: int = 1, value: str | None = None) -> None:
        fields = [("content-type", "application/grpc"), ("te", "trailers")] + ([] if value is None else [("x-env", value)])
        self.streams.append(await self.peer.ask("/test.Echo/Say", b"\0\0\0\0\0", *fields))

    async def serve(self, id: int | None = None, *, backend: Backend | None = None) -> bytes:
        server = await self.upstream(backend)
        found = await server.request()
        await server.respond(found.stream, b"\0\0\0\0\0", ("content-type", "application/grpc"), ("x-answer", "1"),
                             trailers={"grpc-status": "0"})  # fmt: skip
        return "".join(f"{name}: {value}\r\n" for name, value in found.fields.items()).encode()

    async def answer(self) -> str:
        self.heard = await self.peer.answer(self.streams.pop(0))
        found = {**self.heard.fields, **self.heard.trailers}
        if found["grpc-status"] == "0":
            return "ok"
        said = {f: f"xproto: {text}" for f, (_, text) in grpc.FAULTS.items()}
        return self.names(found["grpc-message"], said) or found["grpc-message"]

    async def silent(self) -> bool:
        return not self.peer.seen(h2.events.ResponseReceived) and not self.peer.seen(h2.events.StreamReset)


SPEAKERS = (Bolt, Dubbo, Thrift, Http1, Grpc)
