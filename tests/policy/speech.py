"""The protocols of the policy's suites: one way to ask, to hear and to serve for all of them.

A call says one word, under the key by which routes may choose (`key`); a server answers with a text. What a client hears is
an answer, with its text, or that it was refused, with the protocol's own code and text.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple, TypeVar

from proxy.snapshot import Cluster, Route
from tests.datapath import frames, web
from tests.datapath.h2peer import Client, H2Peer, Message, Server, accepted, client_of
from tests.datapath.world import Backend, Peer, World

SERVICE = frames.SERVICE
End = TypeVar("End", bound=H2Peer)


class Told(NamedTuple):
    """What a client heard. `code`: 0 of an answer; else the protocol's."""

    code: int
    text: str = ""
    fields: dict[str, str] = {}


class Asked(NamedTuple):
    """What a server got."""

    word: str
    raw: Any
    body: bytes = b""


def at_once(end: End) -> End:
    """Without waiting for acknowledgements: a message goes in several frames."""
    end.peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return end


class Speech:
    """A protocol of frames. `word` is what the call says under `key`."""

    name = ""
    key = ""
    protocols: tuple[str, ...] = ()
    cluster: dict[str, Any] = {}
    has_oneways = True

    def start(self, world: World, routes: tuple[Route, ...], hosts: dict[str, Backend | str | None], **more: Any) -> World:
        """One listener, with these routes, and a cluster of each name; None: without a host."""
        made = {
            name: Cluster(name, () if host is None else (host if isinstance(host, str) else host.address,), **self.cluster)
            for name, host in hosts.items()
        }
        world.size_of = self.size_of
        started = world.start(
            protocols=self.protocols, routes=routes, clusters={**made, **more.pop("clusters", {})}, listener=more or None
        )
        world.size_of = self.size_of
        return started

    async def client(self, world: World) -> Any:
        return await world.client()

    async def server(self, backend: Backend) -> Any:
        return await backend.accept()

    async def ask(self, client: Any, word: str = "a", *, oneway: bool = False, body: bytes = b"") -> None:
        await client.send(self.request(word, oneway=oneway, body=body))

    async def hear(self, client: Any) -> Told:
        return self.told(await client.receive())

    async def take(self, server: Any) -> Asked:
        return self.asked(await server.receive())

    async def answer(self, server: Any, asked: Asked, text: str = "") -> None:
        await server.send(self.response(asked.raw, text))

    def size_of(self, data: bytes) -> int | None:
        raise NotImplementedError

    def request(self, word: str, *, oneway: bool, body: bytes) -> bytes:
        raise NotImplementedError

    def response(self, request: bytes, text: str) -> bytes:
        raise NotImplementedError

    def told(self, frame: bytes) -> Told:
        raise NotImplementedError

    def asked(self, frame: bytes) -> Asked:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.name


class Bolt(Speech):
    name, key, protocols = "bolt", "word", ("bolt",)
    size_of = staticmethod(frames.size_of)

    def request(self, word: str, *, oneway: bool, body: bytes) -> bytes:
        headers = b"".join(
            struct.pack(">i", len(each)) + each for each in (b"service", SERVICE.encode(), b"word", word.encode())
        )
        return frames.request(7, headers=headers, oneway=oneway, content=body)

    def response(self, request: bytes, text: str) -> bytes:
        return frames.response(frames.id_of(request), content=text.encode())

    def told(self, frame: bytes) -> Told:
        assert frames.id_of(frame) == 7
        return Told(frames.status_of(frame), frames.content_of(frame).decode())

    def asked(self, frame: bytes) -> Asked:
        at = frame.index(b"word") + 8
        size = int.from_bytes(frame[at - 4 : at], "big")
        return Asked(frame[at : at + size].decode(), frame, frames.content_of(frame))


class Dubbo(Speech):
    name, key, protocols = "dubbo", "word", ("dubbo",)
    size_of = staticmethod(frames.dubbo_size)

    def request(self, word: str, *, oneway: bool, body: bytes) -> bytes:
        attachments = {"word": word} | ({"body": body.decode()} if body else {})
        frame = bytearray(frames.dubbo_request(7, attachments=attachments))
        frame[2] &= 0xBF if oneway else 0xFF
        return bytes(frame)

    def response(self, request: bytes, text: str) -> bytes:
        body = b"\x91" + bytes([len(text)]) + text.encode()
        return struct.pack(">HBBQi", 0xDABB, 0x02, 20, frames.dubbo_id(request), len(body)) + body

    def told(self, frame: bytes) -> Told:
        assert frames.dubbo_id(frame) == 7
        text = frame[16 + (frame[3] == 20) :]
        size, start = (text[0], 1) if text[0] < 32 else ((text[0] - 0x30) << 8 | text[1], 2)
        return Told(0 if frame[3] == 20 else frame[3], text[start : start + size].decode("utf-8", "replace"))

    def asked(self, frame: bytes) -> Asked:
        at = frame.index(b"word") + 4
        return Asked(frame[at + 1 : at + 1 + frame[at]].decode(), frame)


class Thrift(Speech):
    """It has no headers: the word is the service."""

    name, key, protocols = "thrift", "service", ("thrift",)

    def size_of(self, data: bytes) -> int | None:
        return None if len(data) < 4 else 4 + int.from_bytes(data[:4], "big")

    def _message(self, kind: int, name: bytes, seqid: int, body: bytes) -> bytes:
        message = struct.pack(">HBBI", 0x8001, 0, kind, len(name)) + name + struct.pack(">I", seqid) + body
        return struct.pack(">I", len(message)) + message

    def request(self, word: str, *, oneway: bool, body: bytes) -> bytes:
        field = b"\x0b\0\1" + struct.pack(">I", len(body)) + body if body else b""
        return self._message(4 if oneway else 1, word.encode() + b":echo", 7, field + b"\0")

    def response(self, request: bytes, text: str) -> bytes:
        size = int.from_bytes(request[8:12], "big")
        seqid = int.from_bytes(request[12 + size : 16 + size], "big")
        return self._message(2, b"echo", seqid, b"\x0b\0\0" + struct.pack(">I", len(text)) + text.encode() + b"\0")

    def told(self, frame: bytes) -> Told:
        size = int.from_bytes(frame[8:12], "big")
        assert frame[12 : 12 + size] == b"echo"
        body = frame[16 + size :]
        length = int.from_bytes(body[3:7], "big")
        text = body[7 : 7 + length].decode()
        return Told(0, text) if frame[7] == 2 else Told(100 + body[7 + length + 6], text)

    def asked(self, frame: bytes) -> Asked:
        size = int.from_bytes(frame[8:12], "big")
        return Asked(frame[12 : 12 + size].split(b":")[0].decode(), frame)


class Http1(Speech):
    name, key, protocols, has_oneways = "http1", "x-word", ("http1",), False
    size_of = staticmethod(web.size_of)

    async def ask(self, client: Peer, word: str = "a", *, oneway: bool = False, body: bytes = b"") -> None:
        await client.send(web.request("/a/Echo", body or None, f"x-word: {word}"))

    async def hear(self, client: Peer) -> Told:
        found = await web.take(client)
        return Told(0 if found.status == 200 else found.status, found.body.decode(), found.fields)

    async def take(self, server: Peer) -> Asked:
        found = await web.take(server)
        return Asked(found.fields["x-word"], found, found.body)

    async def answer(self, server: Peer, asked: Asked, text: str = "") -> None:
        await server.send(web.response(text.encode()))


class Grpc(Speech):
    name, key, protocols, has_oneways = "grpc", "x-word", ("http2",), False
    cluster = {"http": "http2"}
    size_of = staticmethod(web.size_of)

    async def client(self, world: World) -> Client:
        return at_once(await client_of(world))

    async def server(self, backend: Backend) -> Server:
        return at_once(await accepted(backend))

    async def ask(self, client: Client, word: str = "a", *, oneway: bool = False, body: bytes = b"") -> None:
        fields = (("content-type", "application/grpc"), ("te", "trailers"), ("x-word", word))
        self.stream = await client.ask("/a/Echo", struct.pack(">BI", 0, len(body)) + body, *fields, method="POST")

    async def hear(self, client: Client) -> Told:
        found = await client.answer(self.stream)
        said = {**found.fields, **found.trailers}
        return Told(int(said["grpc-status"]), found.body[5:].decode() or said.get("grpc-message", ""), said)

    async def take(self, server: Server) -> Asked:
        found: Message = await server.request()
        return Asked(found.fields["x-word"], found, found.body[5:])

    async def answer(self, server: Server, asked: Asked, text: str = "") -> None:
        body = struct.pack(">BI", 0, len(text)) + text.encode()
        await server.respond(asked.raw.stream, body, ("content-type", "application/grpc"), trailers={"grpc-status": "0"})


ALL = (Bolt(), Dubbo(), Thrift(), Http1(), Grpc())
