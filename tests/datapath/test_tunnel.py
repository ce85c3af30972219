"""Connections that speak none of the listener's protocols, where a fallback takes them on: byte for byte, both ways."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from proxy.datapath.audit import audit
from proxy.snapshot import Cluster, Fallback
from tests.datapath.frames import request
from tests.datapath.world import Backend, Peer, World

BOTH = ("dubbo", "bolt")
GREETING = b"SSH-2.0-x\r\n"
DETECTION = 1.0
HOUR = 3600.0


def start(world: World, *hosts: Backend | str, listener: dict[str, Any] | None = None, **fields: Any) -> World:
    given = {"fallback": Fallback("main"), "detect_timeout": DETECTION, **(listener or {})}
    return world.start(*hosts, protocols=fields.pop("protocols", BOTH), listener=given, **fields)


async def tunnel(world: World, **fields: Any) -> tuple[Peer, Peer]:
    """A tunnel with both its peers; the client has sent the greeting, and the server has it."""
    backend = world.backend()
    start(world, backend, **fields)
    return await joined(world, backend)


async def joined(world: World, backend: Backend) -> tuple[Peer, Peer]:
    client = await world.client()
    await client.send(GREETING)
    server = await backend.accept()
    assert await server.bytes(len(GREETING)) == GREETING
    await world.until(lambda: world.tunnels()[-1]["state"] == "open")
    return client, server


def in_order(world: World) -> bool:
    found = audit(world.engine)
    assert not found, found
    return True


# -- how one begins ---------------------------------------------------------------------------------------------------


async def test_nobodys_bytes_go_on_as_they_are(world: World) -> None:
    client, server = await tunnel(world)
    await server.send(b"hello")
    assert await client.bytes(5) == b"hello"
    await client.send(b"more")
    assert await server.bytes(4) == b"more"
    assert in_order(world)
    assert world.count("detected_total", result="none") == world.count("detected_total", result="fallback") == 1
    assert world.count("tunnels_total") == world.count("tunnels_active") == world.count("downstream_connections_active") == 1
    assert world.count("tunnel_bytes_total") == len(GREETING) + 9
    assert world.count("upstream_tx_bytes_total") == world.count("downstream_rx_bytes_total") == len(GREETING) + 4
    assert world.count("upstream_connections_active") == 1


async def test_who_speaks_a_protocol_is_served_as_ever(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request(1))
    assert await (await backend.accept()).receive()
    assert not world.tunnels()
    assert world.observed("detection_duration_seconds", listener="in") == 1


async def test_one_protocol_and_a_fallback_are_told_apart(world: World) -> None:
    await tunnel(world, protocols=("bolt",))
    other = await world.client()
    await other.send(request(1))
    await world.until(lambda: world.count("detected_total", result="bolt") == 1)
    assert len(world.tunnels()) == len(world.downstreams()) == 1


@pytest.mark.parametrize("label", ["tls", "http1", "http2"])
async def test_what_is_known_and_not_spoken(world: World, label: str) -> None:
    class Says:
        def detect(self, data: bytes) -> str:
            return label

    await tunnel(world, detector=Says())
    assert world.count("detected_total", result=label) == 1
    assert world.count("detected_total", result="none") == 0


async def test_bytes_that_came_one_by_one_all_arrive(world: World) -> None:
    """More is needed after each: all but the last wait in the proxy, and the kernel."""

    class Unsure:
        def detect(self, data: bytes) -> int:
            return len(data) + 1

    backend = world.backend()
    start(world, backend, detector=Unsure(), listener={"detect_bytes": 8})
    client = await world.client()
    for byte in b"0123456":
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert not world.tunnels()
    await client.send(b"789" + bytes(100_000))
    server = await backend.accept()
    assert await server.bytes(100_010) == b"0123456789" + bytes(100_000)


async def test_a_server_that_speaks_first(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await world.until(world.downstreams)
    await world.advance(DETECTION / 2)
    assert not world.tunnels()
    await world.advance(DETECTION / 2 + 0.1)
    server = await backend.accept()
    await server.send(GREETING)
    assert await client.bytes(len(GREETING)) == GREETING
    await client.send(b"back")
    assert await server.bytes(4) == b"back"
    assert world.count("detected_total", result="timeout") == 1


async def test_first_bytes_that_come_too_slowly(world: World) -> None:
    """The deadline is the first byte's, not the accept's, and no byte sets it back."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await world.until(world.downstreams)
    await world.advance(DETECTION * 0.9)
    await client.send(b"\x02")
    await world.until(lambda: world.count("downstream_rx_bytes_total"))
    await world.advance(DETECTION * 0.9)
    assert not world.tunnels()
    await client.send(b"\x01")
    await asyncio.sleep(0)
    await world.advance(DETECTION * 0.2)
    assert await (await backend.accept()).bytes(2) == b"\x02\x01"
    assert world.count("detected_total", result="timeout") == 1


async def test_first_bytes_and_the_end(world: World) -> None:
    """They may be all that the client has to say; it still waits for an answer."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(b"\xda")
    client.finish()
    server = await backend.accept()
    assert await server.bytes(2) == b"\xda", "and its end"
    await server.send(b"what?")
    assert await client.bytes(5) == b"what?"
    server.close()
    assert await client.ended()


async def test_an_end_without_a_byte_goes_nowhere(world: World) -> None:
    start(world, world.backend())
    client = await world.client()
    client.finish()
    assert await client.ended()
    assert world.count("detected_total", result="closed") == 1
    assert world.count("tunnels_total") == 0


# -- hosts ------------------------------------------------------------------------------------------------------------


async def test_tunnels_are_balanced(world: World) -> None:
    backends = [world.backend(), world.backend()]
    start(world, *backends)
    clients = [await world.client() for _ in range(4)]
    for client in clients:
        await client.send(GREETING)
    for backend in (*backends, *backends):
        assert await (await backend.accept()).bytes(len(GREETING)) == GREETING


async def test_a_host_that_refuses_is_passed_over(world: World) -> None:
    dead, alive = world.backend(), world.backend()
    dead.close()
    start(world, dead, alive)
    for _ in range(2):
        await joined(world, alive)
    assert world.count("upstream_connect_failures_total", host=dead.address) == 1, "the second time it was left alone"
    assert in_order(world)


async def test_all_refuse(world: World) -> None:
    dead = world.backend()
    dead.close()
    start(world, dead)
    client = await world.client()
    await client.send(GREETING)
    assert await client.ended()
    assert world.count("tunnel_failures_total") == 1
    assert any("no host of cluster main to connect to" in line for line in world.log)


async def test_a_host_that_does_not_answer_the_connect(world: World) -> None:
    full = world.backend(backlog=0)
    await world.client(full.sock)  # its queue takes no more
    start(world, full, connect_timeout=2.0)
    client = await world.client()
    await client.send(GREETING)
    await world.until(world.tunnels)
    assert world.tunnels()[0]["state"] == "connecting"
    assert in_order(world)
    await world.advance(2.1)
    assert await client.ended()
    assert world.count("upstream_connect_failures_total") == world.count("tunnel_failures_total") == 1


# -- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["client", "server"])
async def test_each_side_ends_by_itself(world: World, first: str) -> None:
    client, server = await tunnel(world)
    one, other = (client, server) if first == "client" else (server, client)
    await one.send(b"last words")
    one.finish()
    assert await other.bytes(11) == b"last words"
    await other.send(b"an answer, still")
    assert await one.bytes(16) == b"an answer, still"
    assert in_order(world)
    other.finish()
    assert await one.ended()
    await world.until(lambda: not world.tunnels())
    assert world.count("tunnels_active") == world.count("upstream_connections_active") == 0


@pytest.mark.parametrize("first", ["client", "server"])
async def test_a_reset_is_passed_on(world: World, first: str) -> None:
    client, server = await tunnel(world)
    one, other = (client, server) if first == "client" else (server, client)
    one.reset()
    assert await other.was_reset()
    assert not world.tunnels()


async def test_one_on_which_nothing_moves_is_closed(world: World) -> None:
    client, server = await tunnel(world)
    await world.advance(HOUR * 0.9)
    await server.send(b"x")
    assert await client.bytes(1) == b"x"
    await world.advance(HOUR * 0.9)
    assert world.tunnels()
    await world.advance(HOUR * 0.2)
    assert await client.ended()
    assert await server.ended()


async def test_half_a_tunnel_does_not_stay_for_ever(world: World) -> None:
    client, server = await tunnel(world, listener={"fallback": Fallback("main", 10.0)})
    client.finish()
    assert await server.ended()
    await world.advance(11)
    assert not world.tunnels()


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slow", ["client", "server"])
async def test_who_does_not_read_holds_the_other_up(world: World, slow: str) -> None:
    client, server = await tunnel(world)
    reader, sender = (client, server) if slow == "client" else (server, client)
    sent, chunk = 0, bytes(range(256)) * 256
    while sent < 64 * 1024 * 1024:
        try:
            sent += sender.sock.send(chunk[sent % 256 :])
        except BlockingIOError:
            if await stands_still(world):
                break
    assert sent < 64 * 1024 * 1024, "the sender was never held up"
    assert world.engine.describe()["buffers"]["held"] < 2 * 1024 * 1024
    assert in_order(world)
    data = await reader.bytes(sent)
    assert data == (bytes(range(256)) * (sent // 256 + 1))[:sent]
    assert in_order(world)


async def stands_still(world: World) -> bool:
    before = world.count("tunnel_bytes_total")
    for _ in range(50):
        await asyncio.sleep(0)
    return world.count("tunnel_bytes_total") == before


async def test_tunnels_count_as_connections(world: World) -> None:
    await tunnel(world, listener={"max_connections": 1})
    with contextlib.suppress(ConnectionResetError):
        await world.client()
    await world.until(lambda: world.count("downstream_refused_total") == 1)


async def test_a_tunnel_is_waited_for_at_the_end(world: World) -> None:
    client, server = await tunnel(world)
    assert world.engine.in_flight() == 1
    client.finish()
    server.finish()
    await world.until(lambda: world.engine.in_flight() == 0)


# -- another configuration --------------------------------------------------------------------------------------------


async def goes_on(client: Peer, server: Peer, world: World) -> None:
    await client.send(b"still")
    assert await server.bytes(5) == b"still"
    await server.send(b"here")
    assert await client.bytes(4) == b"here"
    assert in_order(world)


async def test_a_host_that_leaves_keeps_its_tunnels(world: World) -> None:
    client, server = await tunnel(world)
    other = world.backend()
    world.change(clusters=world.cluster(hosts=(other.address,)))
    await goes_on(client, server, world)
    await joined(world, other)
    client.finish()
    server.finish()
    await world.until(lambda: len(world.tunnels()) == 1)
    assert in_order(world)


async def test_a_cluster_that_leaves_keeps_its_tunnels(world: World) -> None:
    client, server = await tunnel(world)
    closes = msgspec.structs.replace(world.snapshot.listeners["in"], fallback=None)
    world.change(listeners={"in": closes}, clusters={"next": Cluster("next", ())}, routes={"table": ()})
    await goes_on(client, server, world)
    stranger = await world.client()
    await stranger.send(GREETING)
    assert await stranger.receive() == b""
    assert len(world.engine.describe()["leaving"]["hosts"]) == 1


async def test_a_listener_that_leaves_keeps_its_tunnels(world: World) -> None:
    client, server = await tunnel(world)
    world.change(listening={}, listeners={})
    await goes_on(client, server, world)
    assert len(world.engine.describe()["leaving"]["connections"]) == 1
