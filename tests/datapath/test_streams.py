"""Big frames in chunks are passed on in pieces, both ways: with a window, whole or broken off, and alone on their wire."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from proxy.snapshot import Keepalive, Route
from tests.datapath import frames
from tests.datapath.test_pool import NO_BEATS, refusing
from tests.datapath.world import PATIENCE, Backend, Peer, World
from tests.protocols import beacon_peer
from tests.protocols.beacon_peer import Frame, decode, request
from xproto import registry

CODEC = registry.load([str(Path(beacon_peer.__file__).parent / "beacon.py")])["beacon"].codec
MIB = 1 << 20
BODY = bytes(range(256)) * 4096
"""1 MiB."""
BIG = 7 * BODY
UNREACHABLE, TIMEOUT, CLOSED, MALFORMED = 4, 6, 7, 100
SERVICE = frames.SERVICE.encode()


def size_of(data: bytes) -> int | None:
    found = decode(data)
    return None if found is None else found[1]


def begin(world: World, *hosts: Any, **fields: Any) -> World:
    world.size_of = size_of
    fields.setdefault("keepalive", NO_BEATS)
    return world.start(*hosts, protocols=("beacon",), codecs={"beacon": CODEC}, **fields)


def ask(id: int, body: bytes = b"", **fields: Any) -> bytes:
    return request(SERVICE, body=body, id=id, **fields).encode()


def read(data: bytes) -> Frame:
    found = decode(data)
    assert found is not None
    return found[0]


def answer(call: Frame, body: bytes) -> bytes:
    return replace(request(body=body), kind=beacon_peer.RESPONSE, id=call.id, version=call.version).encode()


async def some(peer: Peer, size: int) -> None:
    """Until so many bytes of a frame are there."""
    while len(peer.data) < size:
        more = await asyncio.wait_for(peer.loop.sock_recv(peer.sock, MIB), PATIENCE)
        assert more
        peer.data += more


async def quiet(world: World) -> None:
    """Until nothing moves any more."""
    for _ in range(200):
        await asyncio.sleep(0)


async def part(world: World, backend: Backend, client: Peer, data: bytes, size: int) -> Peer:
    """Send the first `size` bytes; the connection by which they go on."""
    await client.send(data[:size])
    upstream = await backend.accept()
    await some(upstream, 256 * 1024)
    return upstream


async def begun(world: World, **fields: Any) -> tuple[Backend, Peer, Peer, bytes]:
    """A host, a client, the connection between proxy and host by which its call of 1 MiB goes on, and that call."""
    backend = world.backend()
    begin(world, backend, **fields)
    client, data = await world.client(), ask(7, BODY)
    return backend, client, await part(world, backend, client, data, 600_000), data


async def asked(world: World, **fields: Any) -> tuple[Peer, Peer, Frame]:
    """The same when all of the call is there, as the host got it."""
    _, client, upstream, data = await begun(world, **fields)
    await client.send(data[600_000:])
    return client, upstream, read(await upstream.receive())


async def test_a_request_goes_on_before_it_is_whole(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    client = await world.client()
    data = ask(7, BODY, timeout=50_000)
    upstream = await part(world, backend, client, data, 600_000)
    assert [(each["lane"], each["in_flight"]) for each in world.upstreams()] == [("own", 1)]
    await client.send(data[600_000:] + ask(8))
    call = read(await upstream.receive())
    assert call.body == BODY, "and its checksum is right"
    assert call.id != 7
    assert call.timeout is not None
    assert 0 < call.timeout <= 50_000
    shared = await backend.accept()
    small = read(await shared.receive())
    await shared.send(answer(small, b"small"))
    assert read(await client.receive()).id == 8
    await upstream.send(answer(call, b"got it"))
    got = read(await client.receive())
    assert (got.id, got.body) == (7, b"got it")
    assert (world.count("calls_total"), world.count("upstream_replies_total")) == (2, 2)


async def test_an_answer_goes_on_before_it_is_whole_and_others_wait_behind_it(world: World) -> None:
    backend, client, upstream, data = await begun(world)
    await client.send(data[600_000:] + ask(8))
    call = read(await upstream.receive())
    shared = await backend.accept()
    small = read(await shared.receive())
    reply = answer(call, BODY[::-1])
    await upstream.send(reply[:500_000])
    await some(client, 256 * 1024)
    await shared.send(answer(small, b"small"))
    await world.until(lambda: world.upstreams()[1]["in_flight"] == 0)
    await upstream.send(reply[500_000:])
    first, second = read(await client.receive()), read(await client.receive())
    assert (first.id, first.body) == (7, BODY[::-1])
    assert (second.id, second.body) == (8, b"small")
    assert world.observed() == 2


async def test_whoever_sends_is_held_up_when_upstream_does_not_read(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    client = await world.client()
    sending = asyncio.ensure_future(client.send(ask(7, BIG)))
    upstream = await backend.accept()
    await world.until(lambda: world.downstreams()[0]["paused"])
    await quiet(world)
    assert world.engine.describe()["buffers"]["peak"] < 2 * MIB
    call = read(await upstream.receive())
    await sending
    assert call.body == BIG
    await upstream.send(answer(call, b""))
    assert read(await client.receive()).id == 7


async def test_whoever_answers_is_held_up_when_the_client_does_not_read(world: World) -> None:
    client, upstream, call = await asked(world, keepalive=Keepalive(1.0, 0.2, 3))
    sending = asyncio.ensure_future(upstream.send(answer(call, BIG)))
    await world.until(lambda: world.downstreams()[0]["unsent"] > 256 * 1024)
    await quiet(world)
    assert world.engine.describe()["buffers"]["peak"] < 3 * MIB
    for _ in range(20):
        await world.advance(1.0)
    assert len(world.upstreams()) == 1, "it is not blamed for heartbeats that are not read"
    got = read(await client.receive())
    assert (got.id, got.body) == (7, BIG)
    await sending


async def test_a_client_that_goes_takes_its_connection_along(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    client, other = await world.client(), await world.client()
    upstream = await part(world, backend, client, ask(7, BODY), 600_000)
    client.reset()
    while await asyncio.wait_for(world.loop.sock_recv(upstream.sock, MIB), PATIENCE):
        pass
    await world.until(lambda: not world.upstreams())
    await other.send(ask(8))
    shared = await backend.accept()
    await shared.send(answer(read(await shared.receive()), b""))
    assert read(await other.receive()).id == 8


async def test_an_upstream_that_goes_in_the_midst_of_a_request(world: World) -> None:
    backend, client, upstream, data = await begun(world)
    upstream.reset()
    told = read(await client.receive())
    assert (told.id, told.status) == (7, CLOSED)
    await client.send(data[600_000:] + ask(8))
    shared = await backend.accept()
    await shared.send(answer(read(await shared.receive()), b""))
    assert read(await client.receive()).id == 8, "the rest of it was thrown away"


async def test_an_answer_that_breaks_off_ends_the_client(world: World) -> None:
    client, upstream, call = await asked(world)
    await upstream.send(answer(call, BODY)[:500_000])
    await some(client, 256 * 1024)
    upstream.reset()
    await world.until(lambda: not world.downstreams())
    assert world.count("downstream_cut_total") == 1


async def test_a_deadline_in_the_midst_of_a_request(world: World) -> None:
    _, client, upstream, data = await begun(world, timeout=5.0)
    await world.advance(5.1)
    told = read(await client.receive())
    assert (told.id, told.status) == (7, TIMEOUT)
    await client.send(data[600_000:])
    call = read(await upstream.receive())
    assert call.body == BODY
    await upstream.send(answer(call, b"late"))
    await world.until(lambda: world.count("upstream_dropped_answers_total", reason="late") == 1)
    assert await client.silent()


async def test_a_deadline_in_the_midst_of_an_answer_ends_the_client(world: World) -> None:
    client, upstream, call = await asked(world, timeout=5.0)
    await upstream.send(answer(call, BODY)[:500_000])
    await some(client, 256 * 1024)
    await world.advance(5.1)
    await world.until(lambda: not world.downstreams())
    assert world.count("local_replies_total", fault="timeout") == 1


async def test_what_grows_beyond_the_limit_is_malformed(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    client = await world.client()
    data = ask(7, 9 * BODY)
    sending = asyncio.ensure_future(client.send(data))
    upstream = await backend.accept()
    while await asyncio.wait_for(world.loop.sock_recv(upstream.sock, MIB), PATIENCE):
        pass
    told = read(await client.receive())
    assert (told.id, told.status) == (7, MALFORMED)
    await sending
    assert await client.receive() == b""
    assert world.count("malformed_total") == 1


async def test_a_wrong_checksum_stays_wrong(world: World) -> None:
    _, client, upstream, data = await begun(world)
    await client.send(data[600_000:-1] + bytes([data[-1] ^ 1]))
    await some(upstream, len(data))
    wrong = upstream.data
    upstream.data = b""
    right = zlib.crc32(wrong[:-4])
    assert int.from_bytes(wrong[-4:], "little") ^ right == 1 << 24, "by the same bit"


async def test_each_has_a_connection_of_its_own_and_the_next_takes_one_that_is_free(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    clients = [await world.client() for _ in range(2)]
    data = ask(7, BODY)
    upstreams = [await part(world, backend, client, data, 600_000) for client in clients]
    assert [each["lane"] for each in world.upstreams()] == ["own", "own"]
    for client, upstream in zip(clients, upstreams, strict=True):
        await client.send(data[600_000:])
        call = read(await upstream.receive())
        assert call.body == BODY
        await upstream.send(answer(call, b""))
        assert read(await client.receive()).id == 7
    await clients[0].send(ask(9, BODY))
    call = read(await upstreams[0].receive())
    assert call.body == BODY
    await upstreams[0].send(answer(call, b""))
    assert read(await clients[0].receive()).id == 9
    assert world.count("upstream_connections_total") == 2


async def test_a_host_that_refuses(world: World) -> None:
    backend = world.backend()
    begin(world, refusing(), backend)
    client = await world.client()
    await client.send(ask(7, BODY))
    upstream = await backend.accept()
    call = read(await upstream.receive())
    assert call.body == BODY
    await upstream.send(answer(call, b""))
    assert read(await client.receive()).id == 7


async def test_no_host_at_all(world: World) -> None:
    begin(world, refusing())
    client = await world.client()
    await client.send(ask(7, BODY))
    told = read(await client.receive())
    assert (told.id, told.status) == (7, UNREACHABLE)


async def test_a_oneway(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    client = await world.client()
    data = request(SERVICE, body=BODY, id=7, kind=beacon_peer.ONEWAY).encode()
    upstream = await part(world, backend, client, data, 600_000)
    await client.send(data[600_000:])
    assert read(await upstream.receive()).body == BODY
    assert world.count("oneways_total") == 1
    assert await client.silent()


async def test_many_that_have_their_own_leave_room_for_those_that_share(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    clients = [await world.client() for _ in range(20)]
    data = ask(7, BODY)
    for client in clients:
        await part(world, backend, client, data, 600_000)
    other = await world.client()
    await other.send(ask(8))
    shared = await backend.accept()
    await shared.send(answer(read(await shared.receive()), b""))
    assert read(await other.receive()).id == 8
    assert [each["lane"] for each in world.upstreams()] == ["own"] * 20 + ["shared"]


async def test_the_window_is_never_wider_than_the_limit_of_what_is_unsent(world: World) -> None:
    backend = world.backend()
    begin(world, backend, out_buffer_limit=50_000)
    client = await world.client()
    sending = asyncio.ensure_future(client.send(ask(7, BIG)))
    upstream = await backend.accept()
    await world.until(lambda: world.downstreams()[0]["paused"] and world.upstreams()[0]["unsent"])
    await quiet(world)
    assert world.upstreams()[0]["unsent"] <= 50_000 + 256 * 1024, "one read beyond it"
    assert read(await upstream.receive()).body == BIG
    await sending


async def test_a_route_says_that_a_request_in_pieces_is_a_oneway(world: World) -> None:
    """Nobody waits for its answer from the first piece on; whatever comes is dropped, and the connection goes on."""
    backend = world.backend()
    begin(world, backend, routes=(Route("notes", (), "main", oneway=True),))
    client, data = await world.client(), ask(1, BODY)
    upstream = await part(world, backend, client, data, 600_000)
    assert (world.engine.in_flight(), world.count("oneways_total"), world.count("calls_total")) == (0, 1, 0)
    await client.send(data[600_000:])
    got = read(await upstream.receive())
    assert got.body == BODY
    await upstream.send(answer(got, b"nobody asked"))
    await world.until(lambda: world.count("upstream_dropped_answers_total", reason="unknown") == 1)
    await client.send(ask(2, BODY))
    assert read(await upstream.receive()).body == BODY
    assert await client.silent()
