"""Streams whose messages are whole before their ends have come, and connections that go while somebody needs them."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h2.events
import pytest

from tests.datapath.h2peer import (
    DATA,
    GOAWAY,
    HEADERS,
    LATER,
    RST_STREAM,
    SETTINGS,
    Client,
    Server,
    accepted,
    client_of,
    frame,
    limit_streams,
    raw_client,
    start,
)
from tests.datapath.test_http2_life import turns
from tests.datapath.world import Backend, Peer, World

POST = b"\x83\x86\x41\x01h\x44\x02/a\x0f\x0d\x014"
"""A header block: POST http://h/a with four bytes."""
UPLOAD = b"\x83\x86\x04\x02/a\x01\x01h"
WINDOW_UPDATE = 8
REASON = 0x1234
ROOMY: dict[str, Any] = {"window": 2**30, "initial_window_size": 2**31 - 1}


async def whole_but_for_its_end(world: World, backend: Backend) -> tuple[Any, Server]:
    """A request that is answered, and whose stream its client has not ended yet."""
    client = await raw_client(world)
    await client.send(frame(HEADERS, 4, 1, POST), frame(DATA, 0, 1, b"body"))
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"fine", ("content-length", "4"))
    assert (await client.next(DATA, 1)).payload == b"fine"
    await turns(world)
    return client, server


async def test_trailers_behind_a_request_that_is_answered_are_no_request(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, server = await whole_but_for_its_end(world, backend)
    client.frames.clear()
    await client.send(frame(HEADERS, 5, 1, LATER), frame(HEADERS, 5, 3, LATER))
    request = await server.request()
    await turns(world)
    assert not server.seen(h2.events.RequestReceived), "one of them was a request"
    await server.respond(request.stream, b"next")
    assert (await client.next(DATA, 3)).payload == b"next"
    assert not [each for each in client.frames if each.stream == 1 or each.type == RST_STREAM]
    await turns(world)


async def test_a_connection_that_drains_goes_with_the_end_of_such_a_stream(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, _ = await whole_but_for_its_end(world, backend)
    world.change({}, listeners={})
    await client.next(GOAWAY)
    await client.next(GOAWAY)
    await turns(world)
    await client.send(frame(DATA, 1, 1))
    assert await client.ended()
    await world.advance(2)
    await turns(world)


async def test_its_reset_makes_room_for_who_waits(world: World) -> None:
    backend = world.backend()
    start(world, backend, max_connections=1)
    client = await client_of(world)
    stream = await client.ask("/a/1")
    server = await accepted(backend)
    await limit_streams(server, 1)
    await server.request()
    await server.respond(1, b"x", ("content-length", "1"), ends=False)
    await client.answer(stream)
    stream = await client.ask("/a/2")
    await turns(world)
    assert await server.nothing_more() or not server.seen(h2.events.RequestReceived)
    await server.raw(frame(RST_STREAM, 0, 1, b"\0\0\0\0"))
    assert (await server.request()).path == "/a/2"
    await server.respond(3, b"y")
    assert (await client.answer(stream)).body == b"y"
    await turns(world)


async def test_a_call_that_gets_such_a_stream_of_a_connection_that_drains(world: World) -> None:
    """It goes by another connection."""
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    stream = await client.ask("/a/1")
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"x", ("content-length", "1"), ends=False)
    await client.answer(stream)
    await server.raw(frame(GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\0"))
    await turns(world)
    stream = await client.ask("/a/2", b"not to be sent twice")
    other = await accepted(backend)
    request = await other.request()
    await other.respond(request.stream, b"y")
    assert (await client.answer(stream)).body == b"y"
    await server.raw(frame(DATA, 1, 1))
    await turns(world)


async def test_a_goaway_that_a_failed_write_comes_before(world: World) -> None:
    """The server has said which calls it has not looked at, and was gone when we wrote."""
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"x")
    await client.answer(stream)
    await turns(world)
    goes = True

    def call_soon(callback: Any) -> Any:
        nonlocal goes
        if goes:
            goes = False
            server.peer.sock.send(frame(GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\0"))
            server.peer.reset()
        return world.loop.call_soon(callback)

    world.hand.call_soon = call_soon  # type: ignore[attr-defined]
    stream = await client.ask("/a/2", b"once")
    other = await accepted(backend)
    request = await other.request()
    assert not goes
    assert request.body == b"once"
    await other.respond(request.stream, b"y")
    assert (await client.answer(stream)).body == b"y"
    await turns(world)


async def stuffed(world: World, backend: Backend, unsent: int) -> tuple[Client, Server]:
    """A client that reads nothing, and has more than so many bytes to read that its socket does not take."""
    client = await client_of(world, **ROOMY)
    await client.ask("/a")
    server = await accepted(backend, **ROOMY)
    await server.request()
    await server.respond(1, b"x" * 60000)
    await turns(world)
    for _ in range(500):
        if world.downstreams()[0]["unsent"] > unsent:
            return client, server
        await client.ask("/a")
        request = await server.request()
        await server.respond(request.stream, b"x" * 60000)
        await turns(world)
    raise AssertionError("its socket takes everything")


async def test_a_client_that_does_not_read_the_goodbye_goes_all_the_same(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"idle_timeout": 5.0}, idle_timeout=0.0)
    await stuffed(world, backend, 0)
    await world.until(lambda: world.downstreams()[0]["in_flight"] == 0)
    assert world.downstreams()[0]["in_flight"] == 0
    for _ in range(4):
        await world.advance(6)
        await turns(world)
    assert world.downstreams() == []


async def test_nobody_stays_in_the_line_of_a_connection_that_is_not_read(world: World) -> None:
    """Its client opens streams that wait, and resets them, for as long as it likes."""
    backend = world.backend()
    start(world, backend)
    client, _ = await stuffed(world, backend, 256 * 1024)
    for _ in range(100):
        await client.reset(await client.ask("/nowhere"))
        await turns(world, 2)
    gc.collect()
    assert len([each for each in gc.get_objects() if type(each).__module__ == "proxy.datapath.h2_stream"]) < 50
    assert len(world.downstreams()) == 1


async def test_copies_of_requests_leave_room_for_what_is_needed(world: World) -> None:
    """Many uploads that nobody has answered: what was sent of them is kept, but not until nothing is left for others."""
    backend = world.backend()
    start(world, backend, max_connections=20)
    servers = asyncio.create_task(swallow(world, backend))
    piece = b"x" * 15000
    for _ in range(15):
        client = await raw_client(world)
        for stream in range(1, 241, 2):
            head = frame(HEADERS, 4, stream, UPLOAD)
            await client.send(head, *[frame(DATA, 0, stream, piece)] * 4)
    await world.until(lambda: world.engine.in_flight() == 15 * 120)
    await turns(world)
    servers.cancel()
    assert 50 * 2**20 < world.engine.describe()["buffers"]["held"] < 100 * 2**20


async def swallow(world: World, backend: Backend) -> None:
    """Servers that take whatever comes."""
    async with asyncio.TaskGroup() as group:
        while True:
            sock, _ = await world.loop.sock_accept(backend.sock)
            await world.loop.sock_sendall(sock, frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff"))
            await world.loop.sock_sendall(sock, frame(WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4, "big")))
            group.create_task(discard(world, world.peer(sock)))


async def discard(world: World, peer: Peer) -> None:
    while await world.loop.sock_recv(peer.sock, 1 << 20):
        pass


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing new can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("who", ["client", "server"])
async def test_the_reason_of_a_reset_is_nobody_elses(world: World, who: str) -> None:
    """The call that waits for the place of one that was reset finds no connection: it is answered, and not reset, too."""
    backend = world.backend()
    start(world, backend, max_connections=1, max_in_flight=1)
    client = await client_of(world)
    goes, waits = await client.ask("/a/goes"), await client.ask("/a/waits")
    server = await accepted(backend)
    request = await server.request()
    await server.raw(frame(GOAWAY, 0, 0, request.stream.to_bytes(4, "big") + b"\0\0\0\0"))
    await world.until(lambda: world.upstreams()[0]["state"] == "draining")
    with no_descriptors():
        await (client.reset(goes, REASON) if who == "client" else server.reset(request.stream, REASON))
        assert (await client.answer(waits)).status == 503
    if who == "server":
        assert (await client.next(h2.events.StreamReset, goes)).error_code == REASON
    else:
        assert (await server.next(h2.events.StreamReset, request.stream)).error_code == REASON
    await turns(world)
