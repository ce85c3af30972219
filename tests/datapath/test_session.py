"""A protocol whose connections begin with a handshake, on both sides: TTwitter."""

from __future__ import annotations

import struct

import pytest

from proxy.snapshot import HeaderMatch, Route
from tests.datapath.world import Backend, Peer, World

UPGRADE = b"__can__finagle__trace__v3__"
CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
UNKNOWN_METHOD, INTERNAL_ERROR = 1, 6
ROUTES = (Route("echo", (HeaderMatch("method", "exact", "echo"),), "main"),)


def message(kind: int = CALL, name: bytes = b"echo", seqid: int = 1, body: bytes = b"\x00", header: bytes = b"\x00") -> bytes:
    said = header + b"\x80\x01\x00" + bytes((kind,)) + struct.pack(">I", len(name)) + name + struct.pack(">I", seqid) + body
    return struct.pack(">I", len(said)) + said


def upgrade(kind: int = CALL, seqid: int = 0) -> bytes:
    return message(kind, UPGRADE, seqid, header=b"")


def size_of(data: bytes) -> int | None:
    return None if len(data) < 4 else 4 + int(struct.unpack_from(">I", data)[0])


def seqid_of(frame: bytes) -> int:
    at = frame.index(b"\x80\x01") + 4
    return int(struct.unpack_from(">I", frame, at + 4 + struct.unpack_from(">I", frame, at)[0])[0])


def answer_to(frame: bytes, body: bytes = b"\x00") -> bytes:
    return message(REPLY, b"echo", seqid_of(frame), body)


def code_of(frame: bytes) -> int:
    return int(struct.unpack(">i", frame[-5:-1])[0])


def start(world: World, *hosts: Backend | str, protocols: tuple[str, ...] = ("thrift-twitter",), **cluster: object) -> World:
    world.size_of = size_of
    return world.start(*hosts, protocols=protocols, routes=ROUTES, **cluster)


async def greeted(world: World) -> Peer:
    client = await world.client()
    await client.send(upgrade())
    assert await client.receive() == upgrade(REPLY)
    return client


async def upgraded(backend: Backend) -> Peer:
    """A connection whose handshake is answered."""
    upstream = await backend.accept()
    asked = await upstream.receive()
    assert asked == upgrade(seqid=seqid_of(asked))
    await upstream.send(upgrade(REPLY, seqid_of(asked)))
    return upstream


async def test_an_upgrade_is_answered_here(world: World) -> None:
    start(world, world.backend())
    await greeted(world)
    assert not world.upstreams()


async def test_calls_wait_for_the_handshake_and_keep_their_ids_and_headers(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await greeted(world)
    header = b"\x0b\x00\x09\x00\x00\x00\x02/s\x00"
    await client.send(message(seqid=77, header=header))
    upstream = await backend.accept()
    asked = await upstream.receive()
    assert await upstream.silent(), "no call before the answer"
    assert world.upstreams()[0]["state"] == "connecting"
    await upstream.send(upgrade(REPLY, seqid_of(asked)))
    got = await upstream.receive()
    assert got == message(seqid=seqid_of(got), header=header)
    await upstream.send(answer_to(got, b"\x08\x00\x00\x00\x00\x00\x05\x00"))
    assert await client.receive() == message(REPLY, b"echo", 77, b"\x08\x00\x00\x00\x00\x00\x05\x00")


async def test_the_next_call_finds_the_connection_upgraded(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await greeted(world)
    await client.send(message(seqid=1))
    upstream = await upgraded(backend)
    await upstream.send(answer_to(await upstream.receive()))
    await client.receive()
    other = await greeted(world)
    await other.send(message(seqid=2))
    await upstream.send(answer_to(await upstream.receive()))
    assert seqid_of(await other.receive()) == 2


@pytest.mark.parametrize("size", [1, 3, 20])
async def test_an_answer_to_the_handshake_may_come_in_pieces(world: World, size: int) -> None:
    backend = world.backend()
    start(world, backend)
    client = await greeted(world)
    await client.send(message())
    upstream = await backend.accept()
    whole = upgrade(REPLY, seqid_of(await upstream.receive()))
    for at in range(0, len(whole), size):
        assert await upstream.silent()
        await upstream.send(whole[at : at + size])
    await upstream.send(answer_to(await upstream.receive()))
    assert await client.receive() == message(REPLY)


@pytest.mark.parametrize(
    "said",
    [
        message(EXCEPTION, UPGRADE, 0, header=b""),
        message(REPLY),
        upgrade(CALL),
        b"\xff" * 20,
    ],
    ids=["an exception", "an answer", "a handshake of its own", "noise"],
)
async def test_a_server_that_declines_counts_as_one_that_cannot_be_connected_to(world: World, said: bytes) -> None:
    backend = world.backend()
    start(world, backend)
    client = await greeted(world)
    await client.send(message(seqid=5))
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(said)
    refused = await client.receive()
    assert (seqid_of(refused), code_of(refused)) == (5, INTERNAL_ERROR)
    assert await upstream.ended()
    assert world.count("upstream_connect_failures_total") == 1
    assert any("does not accept the handshake of thrift-twitter" in line for line in world.log)
    assert not world.upstreams()


async def test_a_call_that_waited_goes_to_another_host(world: World) -> None:
    plain, finagle = world.backend(), world.backend()
    start(world, finagle, plain)
    client = await greeted(world)
    await client.send(message(seqid=5))
    upstream = await plain.accept()
    await upstream.receive()
    upstream.close()
    upstream = await upgraded(finagle)
    await upstream.send(answer_to(await upstream.receive()))
    assert seqid_of(await client.receive()) == 5
    assert any("closed before it answered the handshake" in line for line in world.log)


async def test_a_server_that_does_not_answer_the_handshake_has_as_long_as_for_connecting(world: World) -> None:
    backend = world.backend()
    start(world, backend, connect_timeout=2.0)
    client = await greeted(world)
    await client.send(message(seqid=5))
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(upgrade(REPLY)[:9])
    await world.until(lambda: world.upstreams()[0]["buffered"] == 9)
    await world.advance(2.5)
    assert code_of(await client.receive()) == INTERNAL_ERROR
    assert await upstream.ended()


async def test_what_comes_behind_the_answer_is_read(world: World) -> None:
    """An answer that nobody asked for: the connection ends."""
    backend = world.backend()
    start(world, backend)
    client = await greeted(world)
    await client.send(message(seqid=5))
    upstream = await backend.accept()
    asked = await upstream.receive()
    await upstream.send(upgrade(REPLY, seqid_of(asked)) + message(REPLY, seqid=2**31))
    assert code_of(await client.receive()) == INTERNAL_ERROR


@pytest.mark.parametrize("first", [message(), message(ONEWAY)])
async def test_a_call_before_the_handshake_is_malformed(world: World, first: bytes) -> None:
    start(world, world.backend())
    client = await world.client()
    await client.send(first)
    assert await client.ended()
    assert world.count("malformed_total") == 1


async def test_a_second_handshake_is_malformed(world: World) -> None:
    start(world, world.backend())
    client = await greeted(world)
    await client.send(upgrade())
    assert await client.ended()


async def test_plain_thrift_declines_an_upgrade_and_goes_on(world: World) -> None:
    """No route may take it upstream: it would change what a connection speaks that others use too."""
    backend = world.backend()
    world.size_of = size_of
    everything = (Route("all", (), "main"),)
    world.start(backend, protocols=("thrift",), routes=everything)
    client = await world.client()
    await client.send(message(seqid=3, header=b"") + upgrade(seqid=4))
    upstream = await backend.accept()
    got = await upstream.receive()
    await upstream.send(message(REPLY, seqid=seqid_of(got), header=b""))
    assert seqid_of(await client.receive()) == 3
    declined = await client.receive()
    assert (seqid_of(declined), code_of(declined)) == (4, UNKNOWN_METHOD)
    assert UPGRADE in declined
    assert await upstream.silent()


async def test_both_on_one_port_are_told_apart(world: World) -> None:
    backend = world.backend()
    start(world, backend, protocols=("thrift-twitter", "thrift"))
    plain, client = await world.client(), await greeted(world)
    await plain.send(message(seqid=8, header=b""))
    upstream = await backend.accept()
    got = await upstream.receive()
    assert got == message(seqid=seqid_of(got), header=b"")
    await client.send(message(seqid=9))
    other = await upgraded(backend)
    assert await other.receive()
    assert {each["protocol"] for each in world.upstreams()} == {"thrift", "thrift-twitter"}
