"""Calls of gRPC-Web, by either version of HTTP, to a server that speaks gRPC: what it hears, and what the browser gets."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, NamedTuple

import h2.errors
import h2.events
import pytest

from tests.datapath import web
from tests.datapath.h2peer import CANCEL, HEADERS, Client, accepted, frame
from tests.datapath.test_http2_crossing import Near, begin, near_of, taken
from tests.datapath.world import Backend, World

NEAR = pytest.mark.parametrize("near", ["http1", "http2"])
FORMS = pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
MESSAGE = b"\0\0\0\0\5hello"
GRPC = ("content-type", "application/grpc+proto")
OK = {"grpc-status": "0", "x-end": "1"}


class Answer(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes
    trailers: dict[str, str] | None
    """Those of the last frame; None: there is none."""


def media(*, text: bool) -> str:
    return f"application/grpc-web{'-text' * text}+proto"


def read(said: tuple[int, dict[str, str], bytes]) -> Answer:
    """Frames, and what the last one says; base64 in padded pieces where the content type says so."""
    status, fields, body = said
    trailers = None
    if fields["content-type"].startswith("application/grpc-web-text"):
        body = b"".join(base64.b64decode(body[at : at + 4], validate=True) for at in range(0, len(body), 4))
    at = 0
    while at < len(body):
        size = int.from_bytes(body[at + 1 : at + 5], "big")
        if body[at] & 0x80:
            lines = body[at + 5 :].decode().split("\r\n")
            assert (len(body) - at - 5, lines.pop()) == (size, "")
            trailers = dict(line.split(": ", 1) for line in lines)
            body = body[:at]
        at += 5 + size
    return Answer(status, fields, body, trailers)


def encoded(data: bytes, *, text: bool) -> bytes:
    return base64.b64encode(data) if text else data


class Call:
    """A browser with one server behind the proxy."""

    def __init__(self, world: World, backend: Backend, client: Near, *, text: bool) -> None:
        self.world, self.backend, self.client, self.text = world, backend, client, text
        self.asking: Any = None

    async def ask(self, body: bytes, *fields: tuple[str, str], path: str = "/a/Say") -> None:
        self.asking = asyncio.ensure_future(self.client.ask(path, body, ("content-type", media(text=self.text)), *fields))

    async def answer(self) -> Answer:
        await self.asking
        return read(await self.client.answer())

    async def begun(self) -> None:
        """The answer's head has come."""
        await self.asking
        peer = self.client.peer
        if isinstance(peer, Client):
            await peer.next(h2.events.ResponseReceived)
        else:
            assert (await web.take(peer, 0)).fields["content-type"] == media(text=self.text)

    async def broken(self) -> None:
        """The answer that has begun has no end that could be taken for one."""
        peer = self.client.peer
        if isinstance(peer, Client):
            await peer.next(h2.events.StreamReset)
            return
        data = b""
        try:
            while more := await asyncio.wait_for(peer.loop.sock_recv(peer.sock, 1 << 18), 5):
                data += more
        except ConnectionResetError:
            pass
        assert not data.endswith(b"0\r\n\r\n")


async def call_of(world: World, near: str, *, text: bool, **cluster: Any) -> Call:
    backend = begin(world, near, "http2", **cluster)
    return Call(world, backend, await near_of(world, near), text=text)


@NEAR
@FORMS
async def test_a_call_there_and_back(world: World, near: str, *, text: bool) -> None:
    call = await call_of(world, near, text=text)
    for turn in range(2):
        await call.ask(encoded(MESSAGE, text=text), ("x-grpc-web", "1"), ("grpc-encoding", "identity"))
        if not turn:
            server = await accepted(call.backend)
        request = await server.request()
        assert (request.fields[":path"], request.body) == ("/a/Say", MESSAGE)
        assert (request.fields["content-type"], request.fields["te"]) == ("application/grpc+proto", "trailers")
        assert not {"content-length", "accept"} & request.fields.keys()
        assert request.fields["grpc-encoding"] == "identity"
        await server.respond(request.stream, MESSAGE + MESSAGE, GRPC, ("x-first", "2"), trailers=OK)
        answer = await call.answer()
        assert (answer.status, answer.fields["content-type"], answer.fields["x-first"]) == (200, media(text=text), "2")
        assert (answer.body, answer.trailers) == (MESSAGE + MESSAGE, OK)
    assert world.count("grpc_status_total", cluster="main", status="ok") == 2


@NEAR
@pytest.mark.parametrize(
    ("text", "accept", "wanted"),
    [
        (False, "application/grpc-web-text", True),
        (True, "application/grpc-web+proto", False),
        (True, "*/*", True),
        (False, "text/plain, Application/Grpc-Web-Text+proto;q=1", True),
    ],
)
async def test_accept_says_otherwise(world: World, near: str, accept: str, *, text: bool, wanted: bool) -> None:
    call = await call_of(world, near, text=text)
    await call.ask(encoded(MESSAGE, text=text), ("accept", accept))
    server = await accepted(call.backend)
    request = await server.request()
    assert request.body == MESSAGE
    await server.respond(request.stream, MESSAGE, GRPC, trailers=OK)
    answer = await call.answer()
    assert (answer.fields["content-type"], answer.body, answer.trailers) == (media(text=wanted), MESSAGE, OK)


@NEAR
@FORMS
async def test_trailers_only(world: World, near: str, *, text: bool) -> None:
    call = await call_of(world, near, text=text)
    await call.ask(encoded(MESSAGE, text=text))
    server = await accepted(call.backend)
    request = await server.request()
    await server.respond(request.stream, None, GRPC, ("grpc-status", "5"), ("grpc-message", "not there"))
    answer = await call.answer()
    assert (answer.status, answer.fields["content-type"], answer.body) == (200, media(text=text), b"")
    assert (answer.fields["grpc-status"], answer.fields["grpc-message"]) == ("5", "not there")
    assert world.count("grpc_status_total", cluster="main", status="not_found") == 1


@NEAR
@FORMS
@pytest.mark.parametrize("size", [1, 2, 3, 70_000, 3_000_000])
async def test_long_messages_both_ways(world: World, near: str, size: int, *, text: bool) -> None:
    message = b"\0" + size.to_bytes(4, "big") + (bytes(range(256)) * (size // 256 + 1))[:size]
    call = await call_of(world, near, text=text)
    await call.ask(encoded(message, text=text))
    server = await accepted(call.backend)
    request = await server.request()
    assert request.body == message
    answering = asyncio.ensure_future(server.respond(request.stream, message, GRPC, trailers=OK))
    answer = await call.answer()
    assert (answer.body, answer.trailers) == (message, OK)
    await answering


@FORMS
async def test_every_byte_alone(world: World, *, text: bool) -> None:
    """Of a body in chunks, and of the answer's data."""
    call = await call_of(world, "http1", text=text)
    peer = call.client.peer
    await peer.send(web.request("/a", None, f"Content-Type: {media(text=text)}", "Transfer-Encoding: chunked", method="POST"))
    server = await accepted(call.backend)
    head = await server.head()
    for byte in encoded(MESSAGE + MESSAGE, text=text):
        await peer.send(web.chunks(bytes([byte]))[:-5])
    await peer.send(b"0\r\n\r\n")
    assert (await server.whole(head.stream, head.fields)).body == MESSAGE + MESSAGE
    server.conn.send_headers(head.stream, [(":status", "200"), GRPC])
    for byte in MESSAGE:
        server.conn.send_data(head.stream, bytes([byte]))
    server.conn.send_headers(head.stream, list(OK.items()), end_stream=True)
    await server.flush()
    found = await taken(peer)
    answer = read((200, found.fields, found.body))
    assert (answer.body, answer.trailers) == (MESSAGE, OK)


async def test_a_piece_waits_for_nothing(world: World) -> None:
    """Whatever the server sends can be decoded when it is here."""
    call = await call_of(world, "http2", text=True)
    await call.ask(encoded(MESSAGE, text=True))
    server = await accepted(call.backend)
    request = await server.request()
    server.conn.send_headers(request.stream, [(":status", "200"), GRPC])
    for size in (1, 2, 3, 4):
        server.conn.send_data(request.stream, b"x" * size)
        await server.flush()
        data = await call.client.peer.next(h2.events.DataReceived)
        assert data.data == base64.b64encode(b"x" * size)
    await server.reset(request.stream)


@NEAR
@pytest.mark.parametrize("body", [b"AAAAAAA", b"AAAA*AAA", b"AAAAAAA=\r\n", b"=", b"AB==", b"AAAA" * 40_000 + b"?"])
async def test_what_is_no_base64(world: World, near: str, body: bytes) -> None:
    """The caller is told in its own form, and the server's stream is reset; others go on."""
    call = await call_of(world, near, text=True)
    await call.ask(body)
    server = await accepted(call.backend)
    await server.head()
    assert (await server.next(h2.events.StreamReset)).error_code == CANCEL
    answer = await call.answer()
    assert (answer.status, answer.fields["content-type"]) == (200, media(text=True))
    assert (answer.fields["grpc-status"], answer.body) == ("13", b"")
    again = Call(world, call.backend, await near_of(world, near), text=True)
    await again.ask(encoded(MESSAGE, text=True))
    request = await server.request()
    await server.respond(request.stream, MESSAGE, GRPC, trailers=OK)
    assert (await again.answer()).trailers == OK


@NEAR
@FORMS
async def test_an_answer_without_a_status(world: World, near: str, *, text: bool) -> None:
    """Else its end would look like success."""
    call = await call_of(world, near, text=text)
    await call.ask(encoded(MESSAGE, text=text))
    server = await accepted(call.backend)
    request = await server.request()
    await server.respond(request.stream, MESSAGE, GRPC)
    answer = await call.answer()
    assert (answer.body, (answer.trailers or {})["grpc-status"]) == (MESSAGE, "2")
    assert world.count("grpc_status_total", cluster="main", status="none") == 1


@NEAR
@FORMS
@pytest.mark.parametrize("how", ["reset", "end", "malformed"])
async def test_a_server_that_goes_within_its_answer(world: World, near: str, how: str, *, text: bool) -> None:
    call = await call_of(world, near, text=text)
    await call.ask(encoded(MESSAGE, text=text))
    server = await accepted(call.backend)
    request = await server.request()
    await server.respond(request.stream, MESSAGE[:7], GRPC, ends=False)
    await call.begun()
    if how == "reset":
        await server.reset(request.stream)
    elif how == "end":
        server.peer.close()
    else:
        await server.raw(frame(HEADERS, 5, request.stream, b"\0\1X\1a"))
    await call.broken()


@NEAR
@FORMS
async def test_a_client_that_goes(world: World, near: str, *, text: bool) -> None:
    call = await call_of(world, near, text=text)
    await call.ask(encoded(MESSAGE, text=text))
    server = await accepted(call.backend)
    request = await server.request()
    await server.respond(request.stream, MESSAGE, GRPC, ends=False)
    peer = call.client.peer
    if isinstance(peer, Client):
        await peer.reset(call.client.stream)
    else:
        peer.reset()
    assert (await server.next(h2.events.StreamReset)).error_code == CANCEL


@NEAR
@FORMS
async def test_a_deadline_before_the_answer(world: World, near: str, *, text: bool) -> None:
    call = await call_of(world, near, text=text)
    await call.ask(encoded(MESSAGE, text=text), ("grpc-timeout", "2S"))
    server = await accepted(call.backend)
    request = await server.request()
    assert request.fields["grpc-timeout"] == "00002000m"
    await world.advance(3)
    answer = await call.answer()
    assert (answer.fields["content-type"], answer.fields["grpc-status"]) == (media(text=text), "4")
    await server.next(h2.events.StreamReset)


@NEAR
async def test_a_server_that_knows_the_deadline_first(world: World, near: str) -> None:
    call = await call_of(world, near, text=False)
    await call.ask(MESSAGE, ("grpc-timeout", "2S"))
    server = await accepted(call.backend)
    request = await server.request()
    world.clock.advance(2)
    await server.reset(request.stream)
    assert (await call.answer()).fields["grpc-status"] == "4"


@NEAR
@FORMS
async def test_a_deadline_within_the_answer(world: World, near: str, *, text: bool) -> None:
    call = await call_of(world, near, text=text)
    await call.ask(encoded(MESSAGE, text=text), ("grpc-timeout", "2S"))
    server = await accepted(call.backend)
    request = await server.request()
    await server.respond(request.stream, MESSAGE[:7], GRPC, ends=False)
    await call.begun()
    await world.advance(3)
    await call.broken()


@NEAR
@FORMS
async def test_answers_of_our_own(world: World, near: str, *, text: bool) -> None:
    call = await call_of(world, near, text=text)
    for path, fields, status in (("/nothing", (), "12"), ("/a", (("grpc-timeout", "soon"),), "13")):
        client = Call(world, call.backend, await near_of(world, near), text=text)
        await client.ask(encoded(MESSAGE, text=text), *fields, path=path)
        answer = await client.answer()
        assert (answer.status, answer.fields["content-type"], answer.body) == (200, media(text=text), b"")
        assert (answer.fields["grpc-status"], answer.fields["content-length"]) == (status, "0")
        assert answer.fields["grpc-message"].startswith("xproto: ")


@NEAR
async def test_no_host(world: World, near: str) -> None:
    world.size_of = web.size_of
    backend = begin(world, near, "http2")
    backend.close()
    call = Call(world, backend, await near_of(world, near), text=True)
    await call.ask(encoded(MESSAGE, text=True))
    answer = await call.answer()
    assert (answer.fields["content-type"], answer.fields["grpc-status"]) == (media(text=True), "14")


@NEAR
async def test_an_answer_that_is_not_of_grpc(world: World, near: str) -> None:
    call = await call_of(world, near, text=True)
    await call.ask(encoded(MESSAGE, text=True))
    server = await accepted(call.backend)
    request = await server.request()
    await server.respond(request.stream, b"busy", ("content-type", "text/plain"), ("content-length", "4"), status=503)
    await call.asking
    status, fields, body = await call.client.answer()
    assert (status, fields["content-type"], body) == (503, "text/plain", b"busy")


@NEAR
async def test_a_cluster_that_speaks_it_itself(world: World, near: str) -> None:
    call = await call_of(world, near, text=True, grpc_web=False)
    await call.ask(b"no base64 at all", ("accept", "application/grpc-web-text"))
    server = await accepted(call.backend)
    request = await server.request()
    assert (request.fields["content-type"], request.body) == (media(text=True), b"no base64 at all")
    assert request.fields.get("content-length") == ("16" if near == "http1" else None)
    assert "te" not in request.fields
    await server.respond(request.stream, b"AAAA", ("content-type", media(text=True)))
    await call.asking
    assert (await call.client.answer())[2] == b"AAAA"
    assert world.count("grpc_status_total", cluster="main", status="none") == 0


async def test_a_window_that_opens_by_single_bytes(world: World) -> None:
    """Of the server's: no byte of the request is lost, and none sent twice."""
    call = await call_of(world, "http1", text=True)
    message = bytes(range(256)) * 2
    await call.ask(b"")
    server = await accepted(call.backend, reads=False, initial_window_size=5)
    first = await server.request()
    await server.respond(first.stream, None, GRPC, ("grpc-status", "0"))
    await call.answer()
    await call.ask(encoded(message, text=True))
    head = await server.head()
    body = b""
    while len(body) < len(message):
        body += (await server.next(h2.events.DataReceived)).data
        server.conn.increment_flow_control_window(len(body) % 3 + 1, head.stream)
        await server.flush()
    assert body == message
    await server.next(h2.events.StreamEnded)
    await server.respond(head.stream, MESSAGE, GRPC, trailers=OK)
    assert (await call.answer()).body == MESSAGE


async def test_a_client_that_does_not_read(world: World) -> None:
    """The server may send no more than windows and buffers hold."""
    call = await call_of(world, "http1", text=True)
    await call.ask(encoded(MESSAGE, text=True))
    server = await accepted(call.backend)
    request = await server.request()
    server.conn.send_headers(request.stream, [(":status", "200"), GRPC])
    await server.flush()
    size, piece = 0, bytes(16_384)
    while True:
        while min(server.conn.local_flow_control_window(request.stream), 1 << 24) >= len(piece):
            server.conn.send_data(request.stream, piece)
            size += len(piece)
            await server.flush()
        if await server.nothing_more():
            break
        await server.read()
    assert size < 64 << 20
    call.client.peer.reset()
    await server.next(h2.events.StreamReset)
