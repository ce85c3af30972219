"""Requests with bodies, sent a piece at a time: with a length, in chunks, as streams of HTTP/2, and as calls of gRPC.

`answer` is what the client hears: "ok", or a status of HTTP, or of gRPC.
"""

from __future__ import annotations

from typing import Any

from proxy.snapshot import Cluster, Filter, Http, Route
from tests.datapath import h2peer, web
from tests.datapath.world import World
from xproto.kernel.http1_body import parts_of

PLAIN = Http(forwarded=False, request_id=False, via="")


class Upload:
    protocol: str
    cluster: dict[str, Any] = {}
    too_large: str = "413"
    failed: str = "500"
    malformed = "400"
    overload: str = "503"
    refused: str = "422"
    timeout: str = "504"

    def __init__(self, world: World) -> None:
        self.world = world

    async def start(
        self, *filters: Filter, routes: tuple[Route, ...] | None = None, clusters: dict[str, Cluster] | None = None, **more: Any
    ) -> Upload:
        self.backend = self.world.backend()
        self.world.size_of = web.size_of
        self.world.start(
            self.backend, protocols=(self.protocol,), routes=routes or (Route("all", (), "main"),), clusters=clusters,
            listener={"filters": filters, "http": PLAIN, **more}, **self.cluster,
        )  # fmt: skip
        await self.connect()
        return self

    async def connect(self) -> None:
        self.client = await self.world.client()

    async def begin(self, length: int, *fields: tuple[str, str]) -> None:
        """The head. `length`: of the body that is to come, 0: none is."""
        raise NotImplementedError

    async def piece(self, data: bytes) -> None:
        raise NotImplementedError

    async def push(self, data: bytes) -> None:
        """A piece that the proxy has read."""
        before = self.world.count("downstream_rx_bytes_total")
        await self.piece(data)
        await self.world.until(lambda: self.world.count("downstream_rx_bytes_total") > before)

    async def finish(self) -> None:
        """The body's end, where pieces do not say it."""

    async def whole(self, body: bytes, *fields: tuple[str, str]) -> None:
        await self.begin(len(body), *fields)
        if body:
            await self.piece(body)
            await self.finish()

    async def serve(self) -> bytes:
        """The body that the host has got."""
        raise NotImplementedError

    async def answer(self) -> str:
        raise NotImplementedError

    async def ask(self, body: bytes) -> str:
        """A call that goes well."""
        await self.whole(body)
        assert await self.serve() == body
        return await self.answer()

    def go(self) -> None:
        """The client is gone."""
        self.client.reset()


class Counted(Upload):
    protocol = "http1"
    upstream: Any = None

    async def begin(self, length: int, *fields: tuple[str, str]) -> None:
        await self.client.send(self.head(length, *[f"{name}: {value}" for name, value in fields]))

    def head(self, length: int, *fields: str) -> bytes:
        return web.request("/echo", None, *fields, f"Content-Length: {length}", method="POST")

    async def piece(self, data: bytes) -> None:
        await self.client.send(data)

    async def serve(self) -> bytes:
        if self.upstream is None:
            self.upstream = await self.backend.accept()
        self.heard = await web.take(self.upstream)
        await self.upstream.send(web.response(b""))
        return self.heard.body

    async def answer(self) -> str:
        self.told = await web.take(self.client)
        return "ok" if self.told.status == 200 else str(self.told.status)


class Chunked(Counted):
    def head(self, length: int, *fields: str) -> bytes:
        coding = ("Transfer-Encoding: chunked",) if length else ("Content-Length: 0",)
        return web.request("/echo", None, *fields, *coding, method="POST")

    async def piece(self, data: bytes) -> None:
        await self.client.send(b"%x;why=not\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        await self.client.send(b"0\r\nX-Sum: 7\r\n\r\n")

    async def serve(self) -> bytes:
        if self.upstream is None:
            self.upstream = await self.backend.accept()
        self.heard = await web.take(self.upstream, 0)
        data = b"" if "content-length" in self.heard.fields else await self._rest()
        await self.upstream.send(web.response(b""))
        return data

    async def _rest(self) -> bytes:
        raw, end = b"", b"0\r\nX-Sum: 7\r\n\r\n"
        while not raw.endswith(end):
            line = b""
            while not line.endswith(b"\r\n"):
                line += await self.upstream.bytes(1)
            size = int(line.partition(b";")[0], 16)
            raw += line + (await self.upstream.bytes(size + 2 if size else len(end) - len(line)))
        found = parts_of([raw])
        assert found is not None
        assert found[1:] == (b"X-Sum: 7\r\n\r\n", True)
        return bytes(found[0])


class Streamed(Upload):
    protocol = "http2"
    cluster = {"http": "http2"}
    upstream: Any = None
    media = "application/octet-stream"

    async def connect(self) -> None:
        self.client = await self.world.client()
        self.peer = await h2peer.Client(self.client, client=True).begin()

    async def begin(self, length: int, *fields: tuple[str, str]) -> None:
        media = ("content-type", self.media)
        self.stream = await self.peer.ask("/test.Echo/Say", None, media, *fields, method="POST", ends=not length)

    async def piece(self, data: bytes) -> None:
        await self.peer.data(self.stream, data)

    async def finish(self) -> None:
        await self.peer.data(self.stream, b"", ends=True)

    async def serve(self) -> bytes:
        if self.upstream is None:
            self.upstream = await h2peer.Server(await self.backend.accept(), client=False).begin()
        self.heard = await self.upstream.request()
        await self.respond(self.heard.stream)
        return bytes(self.heard.body)

    async def respond(self, stream: int) -> None:
        await self.upstream.respond(stream, b"")

    async def answer(self) -> str:
        self.told = await self.peer.answer(self.stream)
        return "ok" if self.told.status == 200 else str(self.told.status)


class Grpc(Streamed):
    media = "application/grpc"
    too_large, failed, malformed, overload, refused, timeout = "8", "13", "13", "8", "9", "4"

    async def respond(self, stream: int) -> None:
        await self.upstream.respond(stream, b"", ("content-type", self.media), trailers={"grpc-status": "0"})

    async def answer(self) -> str:
        self.told = await self.peer.answer(self.stream)
        status = {**self.told.fields, **self.told.trailers}["grpc-status"]
        return "ok" if status == "0" else status


UPLOADS = (Counted, Chunked, Streamed, Grpc)
