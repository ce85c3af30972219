"""Messages that cross between versions of HTTP, every way: what a client says is what a host hears, and back."""

from __future__ import annotations

import asyncio
from typing import Any

import h2.events
import pytest

from tests.datapath import web
from tests.datapath.h2peer import (
    DATA,
    GET,
    HEADERS,
    INTERNAL,
    NO_ERROR,
    PING,
    RST_STREAM,
    Client,
    Server,
    accepted,
    client_of,
    frame,
    raw_client,
    start,
)
from tests.datapath.world import Backend, Peer, World

WAYS = [(near, far) for near in ("http1", "http2") for far in ("http1", "http2")]
BOTH = pytest.mark.parametrize(("near", "far"), WAYS)


class Near:
    """A client of either version, one call at a time."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    async def ask(self, path: str, body: bytes | None = None, *fields: tuple[str, str]) -> None:
        if isinstance(self.peer, Client):
            self.stream = await self.peer.ask(path, body, *fields)
        else:
            await self.peer.send(web.request(path, body, *(f"{name}: {value}" for name, value in fields)))

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        if isinstance(self.peer, Client):
            found = await self.peer.answer(self.stream)
            return found.status, found.fields, found.body
        head = await taken(self.peer)
        return head.status, head.fields, head.body


class Far:
    def __init__(self, peer: Any) -> None:
        self.peer = peer

    async def request(self) -> tuple[str, dict[str, str], bytes]:
        if isinstance(self.peer, Server):
            found = await self.peer.request()
            self.stream = found.stream
            return f"{found.fields[':method']} {found.path}", found.fields, found.body
        head = await taken(self.peer)
        return head.line.rsplit(" ", 1)[0], head.fields, head.body

    async def answer(self, body: bytes, *fields: tuple[str, str], status: int = 200) -> None:
        if isinstance(self.peer, Server):
            await self.peer.respond(self.stream, body, ("content-length", str(len(body))), *fields, status=status)
        else:
            await self.peer.send(web.response(body, *(f"{name}: {value}" for name, value in fields), status=f"{status} Any"))


async def taken(peer: Peer) -> web.Message:
    """The next message of HTTP/1.1, its chunks taken off."""
    head = await web.take(peer, 0)
    if head.fields.get("transfer-encoding") != "chunked":
        return head._replace(body=await peer.bytes(int(head.fields.get("content-length", 0))))
    body = b""
    while True:
        line = b""
        while not line.endswith(b"\r\n"):
            line += await peer.bytes(1)
        size = int(line, 16)
        body += (await peer.bytes(size + 2))[:size]
        if not size:
            return head._replace(body=body)


async def near_of(world: World, near: str) -> Near:
    return Near(await client_of(world) if near == "http2" else await world.client())


async def far_of(backend: Backend, far: str) -> Far:
    return Far(await accepted(backend) if far == "http2" else await backend.accept())


def begin(world: World, near: str, far: str, **more: Any) -> Backend:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near=near, far=far, **more)
    return backend


@BOTH
async def test_a_call_there_and_back(world: World, near: str, far: str) -> None:
    backend = begin(world, near, far)
    client = await near_of(world, near)
    for turn in range(3):
        await client.ask(f"/a/{turn}?q=1", None, ("x-mine", "1"), ("cookie", "a=1; b=2"))
        if not turn:
            server = await far_of(backend, far)
        line, fields, body = await server.request()
        assert (line, body) == (f"GET /a/{turn}?q=1", b"")
        assert fields["x-mine"] == "1"
        assert fields["cookie"] == "a=1; b=2"
        assert fields[":authority" if far == "http2" else "host"] == "h"
        assert not {"connection", "keep-alive", "upgrade", "te"} & fields.keys()
        await server.answer(b"hello", ("x-yours", "2"), ("Set-Cookie" if far == "http1" else "set-cookie", "c=3"), status=201)
        status, fields, body = await client.answer()
        assert (status, body, fields["x-yours"], fields["set-cookie"]) == (201, b"hello", "2", "c=3")
    assert len(world.upstreams()) == 1


@BOTH
@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 100_000, 3_000_000])
async def test_bodies_both_ways(world: World, near: str, far: str, size: int) -> None:
    backend = begin(world, near, far)
    client = await near_of(world, near)
    sent = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    asking = asyncio.ensure_future(client.ask("/a", sent))
    server = await far_of(backend, far)
    _, _, body = await server.request()
    assert body == sent
    await asking
    answering = asyncio.ensure_future(server.answer(sent))
    assert (await client.answer())[2] == sent
    await answering


@pytest.mark.parametrize("far", ["http1", "http2"])
async def test_a_body_of_unknown_length_and_trailers(world: World, far: str) -> None:
    backend = begin(world, "http2", far)
    client = await client_of(world)
    stream = await client.ask("/a", ends=False)
    await client.data(stream, b"one")
    if far == "http1":
        server = await backend.accept()
        assert b"ransfer-encoding: chunked" in await server.receive()
        assert await server.bytes(8) == b"3\r\none\r\n"
        client.conn.send_headers(stream, [("x-sum", "7")], end_stream=True)
        await client.flush()
        assert await server.bytes(15) == b"0\r\nx-sum: 7\r\n\r\n"
        await server.send(web.head("200 OK", "Transfer-Encoding: chunked", "Trailer: X-End"))
        await server.send(b"2\r\nhi\r\n0\r\nX-End:  y \r\nKeep-Alive: 3\r\nTE: trailers\r\n\r\n")
    else:
        other = await accepted(backend)
        await other.head()
        client.conn.send_headers(stream, [("x-sum", "7")], end_stream=True)
        await client.flush()
        assert (await other.whole(1, {})).trailers == {"x-sum": "7"}
        await other.respond(1, b"hi", trailers={"x-end": "y"})
    answer = await client.answer(stream)
    assert (answer.body, answer.trailers) == (b"hi", {"x-end": "y"})


async def test_trailers_behind_a_counted_body_are_lost_alone(world: World) -> None:
    backend = begin(world, "http2", "http2")
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"hi", ("content-length", "2"), trailers={"x-end": "y"})
    answer = await client.answer(stream)
    assert (answer.body, answer.trailers) == (b"hi", {})
    assert (await asyncio.wait_for(client_calls_again(client, server), 5)).body == b"again"


async def test_trailers_behind_a_request_that_is_answered_are_no_request(world: World) -> None:
    """Its body was whole by its length: they may come when nobody waits for them, and may look like anything."""
    backend = begin(world, "http2", "http2")
    client = await raw_client(world)
    post = b"\x83\x86\x41\x01h\x44\x02/a\x0f\x0d\x012"
    for stream, trailers in ((1, GET), (3, b"\x00\x01x\x01y")):
        await client.send(frame(HEADERS, 4, stream, post), frame(DATA, 0, stream, b"hi"))
        if stream == 1:
            server = await accepted(backend)
        await server.respond((await server.head()).stream, b"fine")
        assert (await client.next(DATA, stream)).payload == b"fine"
        await client.send(frame(HEADERS, 5, stream, trailers), frame(PING, 0, 0, bytes(8)))
        await client.next(PING)
        assert not [each for each in client.frames if each.type == RST_STREAM]
    await client.send(frame(HEADERS, 5, 5, GET))
    assert (await server.head()).stream == 5
    assert await server.nothing_more()


async def client_calls_again(client: Client, server: Server) -> Any:
    stream = await client.ask("/a/again")
    request = await server.request()
    await server.respond(request.stream, b"again")
    return await client.answer(stream)


@pytest.mark.parametrize("far", ["http1", "http2"])
async def test_grpc_keeps_its_trailers_even_where_a_length_is_said(world: World, far: str) -> None:
    backend = begin(world, "http2", "http2")
    client = await client_of(world)
    stream = await client.ask(
        "/a", b"\0\0\0\0\2hi", ("content-type", "application/grpc"), ("te", "trailers"), ("content-length", "7")
    )
    server = await accepted(backend)
    request = await server.request()
    assert request.fields["te"] == "trailers"
    assert request.body == b"\0\0\0\0\2hi"
    await server.respond(
        1, b"\0\0\0\0\2yo", ("content-type", "application/grpc"), ("content-length", "7"), trailers={"grpc-status": "0"}
    )
    answer = await client.answer(stream)
    assert (answer.body, answer.trailers) == (b"\0\0\0\0\2yo", {"grpc-status": "0"})
    stream = await client.ask("/a", b"\0\0\0\0\2hi", ("content-type", "application/grpc"), ("te", "trailers"))
    request = await server.request()
    await server.respond(request.stream, None, ("content-type", "application/grpc"), ("grpc-status", "5"))
    answer = await client.answer(stream)
    assert (answer.body, answer.fields["grpc-status"]) == (b"", "5")


@BOTH
@pytest.mark.parametrize("status", [204, 304, 200])
async def test_answers_without_bodies(world: World, near: str, far: str, status: int) -> None:
    backend = begin(world, near, far)
    client = await near_of(world, near)
    for turn in range(2):
        await client.ask("/a")
        if not turn:
            server = await far_of(backend, far)
        await server.request()
        if isinstance(server.peer, Server):
            await server.peer.respond(server.stream, None, status=status)
        else:
            await server.peer.send(web.head(f"{status} Any", *(["Content-Length: 0"] if status == 200 else [])))
        found, _, body = await client.answer()
        assert (found, body) == (status, b"")


@BOTH
async def test_head_is_answered_with_a_length_and_nothing_behind_it(world: World, near: str, far: str) -> None:
    backend = begin(world, near, far)
    client = await near_of(world, near)
    for turn in range(2):
        if near == "http2":
            stream = await client.peer.ask(method="HEAD")
        else:
            await client.peer.send(web.request("/a", None, method="HEAD"))
        if not turn:
            server = await far_of(backend, far)
        await server.request()
        if far == "http2":
            await server.peer.respond(server.stream, None, ("content-length", "77"))
        else:
            await server.peer.send(web.head("200 OK", "Content-Length: 77"))
        if near == "http2":
            answer = await client.peer.answer(stream)
            assert (answer.fields["content-length"], answer.body) == ("77", b"")
        else:
            assert (await web.take(client.peer, 0)).fields["content-length"] == "77"


@BOTH
async def test_interim_answers(world: World, near: str, far: str) -> None:
    backend = begin(world, near, far)
    client = await near_of(world, near)
    await client.ask("/a", None)
    server = await far_of(backend, far)
    await server.request()
    if far == "http2":
        server.peer.conn.send_headers(server.stream, [(":status", "103"), ("link", "x")])
        await server.peer.flush()
    else:
        await server.peer.send(web.head("103 Early Hints", "Link: x"))
    await server.answer(b"real")
    if near == "http2":
        early = await client.peer.next(h2.events.InformationalResponseReceived)
        assert (b"link", b"x") in early.headers
    else:
        assert (await web.take(client.peer, 0)).status == 103
    assert (await client.answer())[2] == b"real"


@pytest.mark.parametrize("far", ["http1", "http2"])
async def test_an_early_answer_leaves_the_rest_of_its_request_unwanted(world: World, far: str) -> None:
    """Where the host is done before the client is, the client's stream ends with NO_ERROR; the others go on."""
    backend = begin(world, "http2", far)
    client = await client_of(world)
    stream = await client.ask("/a", b"x" * 1000, ends=False)
    server = await far_of(backend, far)
    if far == "http2":
        await server.peer.head()
        server.stream = 1
    else:
        await server.peer.receive()
    await server.answer(b"no", status=413)
    answer = await client.next(h2.events.ResponseReceived, stream)
    assert (b":status", b"413") in answer.headers
    ended = await client.next(h2.events.StreamReset, stream)
    assert ended.error_code == NO_ERROR
    if far == "http2":
        await server.peer.next(h2.events.StreamReset, 1)
    await client.raw(b"\0\0\3\0\1\0\0\0\1xyz")  # what was on its way
    other = await client.ask("/a/next")
    again = server if far == "http2" else await far_of(backend, far)
    await again.request()
    await again.answer(b"fine")
    assert (await client.answer(other)).body == b"fine"


async def test_an_answer_until_the_close_ends_its_stream(world: World) -> None:
    backend = begin(world, "http2", "http1")
    client = await client_of(world)
    stream = await client.ask()
    server = await backend.accept()
    await web.take(server)
    await server.send(web.head("200 OK") + b"all of it")
    server.finish()
    assert (await client.answer(stream)).body == b"all of it"


async def test_an_answer_that_is_cut_is_no_whole_answer(world: World) -> None:
    backend = begin(world, "http2", "http1")
    client = await client_of(world)
    stream = await client.ask()
    server = await backend.accept()
    await web.take(server)
    await server.send(web.head("200 OK", "Content-Length: 100") + b"half")
    await client.next(h2.events.DataReceived, stream)
    server.close()
    assert (await client.next(h2.events.StreamReset, stream)).error_code == INTERNAL


async def test_expect_is_passed_on_and_answered(world: World) -> None:
    backend = begin(world, "http2", "http2")
    client = await client_of(world)
    stream = await client.ask("/a", None, ("expect", "100-continue"), method="POST", ends=False)
    server = await accepted(backend)
    await server.head()
    server.conn.send_headers(1, [(":status", "100")])
    await server.flush()
    await client.next(h2.events.InformationalResponseReceived, stream)
    await client.data(stream, b"body", ends=True)
    assert (await server.whole(1, {})).body == b"body"
    await server.respond(1, b"ok")
    assert (await client.answer(stream)).body == b"ok"


@pytest.mark.parametrize("fields", [127, 128, 200])
@BOTH
async def test_a_head_of_many_fields_ends_only_its_own_exchange(world: World, near: str, far: str, fields: int) -> None:
    """A proxy adds some; what goes beyond the limit then must not take the others' connection with it."""
    from proxy.snapshot import Http

    backend = begin(world, near, far, http=Http())
    first = await near_of(world, near)
    await first.ask("/a/first")
    server = await far_of(backend, far)
    await server.request()
    crowd = await near_of(world, near)
    await crowd.ask("/a/crowd", None, *((f"x-{number}", "v") for number in range(fields - 2)))
    await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    await server.answer(b"first")
    assert (await first.answer())[2] == b"first"
    assert not [line for line in world.log if "internal" in line]


@pytest.mark.parametrize("size", [65_000, 65_400, 65_530])
@BOTH
async def test_a_head_that_is_nearly_too_long(world: World, near: str, far: str, size: int) -> None:
    from proxy.snapshot import Http

    backend = begin(world, near, far, http=Http())
    first = await near_of(world, near)
    await first.ask("/a/first")
    server = await far_of(backend, far)
    await server.request()
    crowd = await near_of(world, near)
    parts = [("x-long", "v" * 4000)] * 16
    rest = size - len("GET /a/crowd HTTP/1.1\r\nHost: h\r\n\r\n") - sum(len(n) + len(v) + 4 for n, v in parts)
    await crowd.ask("/a/crowd", None, *parts, ("x-rest", "v" * max(rest - 10, 0)))
    for _ in range(50):
        await asyncio.sleep(0)
    await server.answer(b"first")
    assert (await first.answer())[2] == b"first"
    assert not [line for line in world.log if "internal" in line]
    assert not world.engine.describe().get("scheduled")


async def test_absolute_targets_become_paths(world: World) -> None:
    backend = begin(world, "http1", "http2")
    client = await world.client()
    await client.send(b"GET http://other.test/a/b HTTP/1.1\r\nHost: other.test\r\n\r\n")
    server = await accepted(backend)
    request = await server.request()
    assert (request.path, request.fields[":authority"]) == ("/a/b", "other.test")
    await server.respond(1, b"ok")
    assert (await taken(client)).body == b"ok"
