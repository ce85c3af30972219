"""Nobody may spoil it for the others: lanes for big frames, shares of a crowded host, who goes when memory runs out."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from proxy.snapshot import Keepalive
from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.test_pool import NO_BEATS, OVERLOAD, serve
from tests.datapath.world import World

MIB = 1 << 20
ENOUGH = 40


async def test_a_big_frame_goes_by_a_connection_of_its_own(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client, other = await world.client(), await world.client()
    await other.send(request(1))
    shared = await backend.accept()
    small = await shared.receive()
    big = request(2, content=bytes(range(256)) * 4096, timeout=60_000)
    await client.send(big)
    bulk = await backend.accept()
    got = await bulk.receive()
    assert (got[:5], got[9:]) == (big[:5], big[9:]), "only the id is another"
    assert [(each["lane"], each["in_flight"]) for each in world.upstreams()] == [("shared", 1), ("bulk", 1)]
    await shared.send(response(frames.id_of(small)))
    assert frames.id_of(await other.receive()) == 1
    await bulk.send(response(frames.id_of(got), content=got[1000 : 1000 + 4 * MIB // 8]))
    answer = await client.receive()
    assert (frames.id_of(answer), frames.content_of(answer)) == (2, got[1000 : 1000 + 4 * MIB // 8])
    await client.send(request(3))
    assert frames.content_of(await shared.receive()) == b"", "its small calls share again"


async def test_big_frames_follow_each_other_in_one_queue(world: World) -> None:
    """Upstream reads nothing for a while: frames are taken over whole, others are copied behind them."""
    backend = world.backend()
    world.start(backend, out_buffer_limit=64 * MIB)
    clients = [await world.client() for _ in range(3)]
    sizes = (3 * MIB, MIB, 300_000)
    for client, size in zip(clients, sizes, strict=True):
        await client.send(request(1, content=size.to_bytes(4, "big") * (size // 4)))
    bulk = await backend.accept()
    for _ in clients:
        frame = await bulk.receive()
        size = len(frames.content_of(frame))
        assert frames.content_of(frame) == size.to_bytes(4, "big") * (size // 4)
        await bulk.send(response(frames.id_of(frame), content=frames.content_of(frame)[:4]))
    for client, size in zip(clients, sizes, strict=True):
        assert frames.content_of(await client.receive()) == size.to_bytes(4, "big")
    await world.until(lambda: world.engine.describe()["buffers"]["held"] == 0)


async def test_big_frames_that_could_not_be_sent_move_to_another_host(world: World) -> None:
    refusing, backend = world.backend(), world.backend()
    world.start(refusing, backend)
    refusing.close()
    client = await world.client()
    content = bytes(range(256)) * 3000
    await client.send(request(1, content=content) + request(2, content=content))
    bulk = await backend.accept()
    for _ in range(2):
        frame = await bulk.receive()
        assert frames.content_of(frame) == content
        await bulk.send(response(frames.id_of(frame)))
    assert {frames.id_of(await client.receive()) for _ in range(2)} == {1, 2}


async def test_who_floods_a_host_leaves_room_for_the_others(world: World) -> None:
    """From half full on nobody gets more than his share; alone, one caller may have it all."""
    backend = world.backend()
    world.start(backend, max_in_flight=ENOUGH, keepalive=NO_BEATS)
    greedy, modest = await world.client(), await world.client()
    await modest.send(request(1))
    upstream = await backend.accept()
    await greedy.send(b"".join(request(n) for n in range(1, ENOUGH + 1)))
    refused = [await greedy.receive() for _ in range(ENOUGH // 2 - 1)]
    assert {frames.status_of(answer) for answer in refused} == {OVERLOAD}
    await modest.send(b"".join(request(n) for n in range(2, ENOUGH // 2)))
    await serve(upstream, 1 + ENOUGH // 2 + 1 + ENOUGH // 2 - 2)
    assert [frames.status_of(await modest.receive()) for _ in range(1, ENOUGH // 2)] == [0] * (ENOUGH // 2 - 1)
    assert [frames.status_of(await greedy.receive()) for _ in range(ENOUGH // 2 + 1)] == [0] * (ENOUGH // 2 + 1)


async def test_alone_a_caller_may_have_it_all(world: World) -> None:
    backend = world.backend()
    world.start(backend, max_in_flight=ENOUGH)
    client = await world.client()
    await client.send(b"".join(request(n) for n in range(1, ENOUGH + 2)))
    assert frames.id_of(await client.receive()) == ENOUGH + 1, "one too many"
    await serve(await backend.accept(), ENOUGH)
    assert {frames.id_of(await client.receive()) for _ in range(ENOUGH)} == set(range(1, ENOUGH + 1))


async def test_a_peer_that_does_not_acknowledge_is_given_up_by_the_kernel(world: World) -> None:
    """As soon as by missed heartbeats: 2 s, then 3 times 1 s."""
    backend = world.backend()
    world.start(backend, keepalive=Keepalive(2.0, 1.0, 3))
    client = await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await upstream.receive()
    assert user_timeouts(to=backend.sock.getsockname()) == {5000}


def user_timeouts(to: tuple[str, int]) -> set[int]:
    """TCP_USER_TIMEOUT (milliseconds) of this process's sockets that are connected to an address."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            with socket.socket(fileno=os.dup(int(each.name))) as sock:
                if sock.family == socket.AF_INET and sock.getpeername() == to:
                    found.add(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        except OSError:
            continue
    return found
