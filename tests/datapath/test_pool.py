"""Upstream connections: made, kept alive, drained, left alone for a while, and chosen among."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

from proxy.snapshot import Keepalive
from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.test_calls import CLOSED, under_way
from tests.datapath.world import Backend, Peer, World

OVERLOAD = 4
BEATS = Keepalive(interval=1.0, timeout=0.2, misses=3)
NO_BEATS = Keepalive(interval=1e6)


def refusing() -> str:
    """An address where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"


class Deaf:
    """A host that never completes a connect: its backlog is full."""

    def __init__(self, world: World) -> None:
        self.backend = world.backend(backlog=0)
        self.address = self.backend.address
        host, port = self.address.split(":")
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((host, int(port)))
            world.closing.append(filler)


async def serve(peer: Peer, count: int) -> None:
    for _ in range(count):
        call = await peer.receive()
        await peer.send(response(frames.id_of(call), content=frames.content_of(call)))


# -- connecting -------------------------------------------------------------------------------------------------------


async def test_refused_and_no_other_host(world: World) -> None:
    world.start(refusing())
    client = await world.client()
    await client.send(request(1) + request(2) + request(3, oneway=True))
    answers = [await client.receive() for _ in range(2)]
    assert {(frames.id_of(a), frames.status_of(a)) for a in answers} == {(1, CLOSED), (2, CLOSED)}
    await world.until(lambda: world.count("oneways_dropped_total"))
    assert world.count("local_replies_total", fault="connect") == 2
    assert world.count("upstream_connect_failures_total") == 1
    assert sum("cannot connect" in line for line in world.log) == 1


async def test_refused_calls_move_to_another_host(world: World) -> None:
    backend = world.backend()
    world.start(refusing(), refusing(), backend)
    client = await world.client()
    await client.send(b"".join(request(n, content=b"%d" % n) for n in range(1, 10)) + request(10, oneway=True))
    upstream = await backend.accept()
    calls = [await upstream.receive() for _ in range(10)]
    for call in calls:
        if call[1] == 1:
            await upstream.send(response(frames.id_of(call), content=frames.content_of(call)))
    answers = [await client.receive() for _ in range(9)]
    assert {(frames.id_of(a), frames.content_of(a)) for a in answers} == {(n, b"%d" % n) for n in range(1, 10)}


async def test_a_connect_that_takes_too_long(world: World) -> None:
    deaf = Deaf(world)
    world.start(deaf.address, connect_timeout=0.5)
    client = await world.client()
    await client.send(request(1))
    await world.until(lambda: world.count("upstream_calls_total"))
    await world.advance(0.4)
    assert await client.silent()
    await world.advance(0.2)
    assert frames.status_of(await client.receive()) == CLOSED
    assert world.count("upstream_connect_failures_total") == 1


async def test_a_slow_connect_moves_its_calls_and_gets_no_more(world: World) -> None:
    deaf, backend = Deaf(world), world.backend()
    world.start(deaf.address, backend, connect_timeout=0.5)
    client = await world.client()
    await client.send(b"".join(request(n) for n in range(1, 5)))
    upstream = await backend.accept()
    await serve(upstream, 2)
    await world.advance(0.1)
    await client.send(b"".join(request(n) for n in range(5, 9)))
    await serve(upstream, 4)
    assert {frames.id_of(await client.receive()) for _ in range(6)} >= {5, 6, 7, 8}
    await world.advance(0.5)
    await serve(upstream, 2)
    await client.receive()
    await client.receive()


async def test_a_call_that_times_out_while_connecting(world: World) -> None:
    deaf = Deaf(world)
    world.start(deaf.address, connect_timeout=5.0, timeout=1.0)
    client = await world.client()
    await client.send(request(1))
    await world.until(lambda: world.count("upstream_calls_total"))
    await world.advance(1.1)
    assert frames.status_of(await client.receive()) == 7
    await world.advance(5)
    assert await client.silent()
    assert not world.upstreams()


async def test_a_refusing_host_is_left_alone_for_a_doubling_time(world: World) -> None:
    world.start(refusing(), backoff_base=1.0, backoff_max=4.0)
    client = await world.client()
    waits = []
    for attempt in range(1, 6):
        await client.send(request(attempt))
        await client.receive()
        assert world.count("upstream_connect_failures_total") == attempt
        waited = 0.0
        while not world.engine.describe()["clusters"]["main"]["hosts"][0]["available"]:
            await client.send(request(99))
            assert frames.status_of(await client.receive()) == CLOSED
            assert world.count("upstream_connect_failures_total") == attempt, "called during the back-off"
            await world.advance(0.1)
            waited += 0.1
        waits.append(waited)
    for waited, longest in zip(waits, [1, 2, 4, 4, 4], strict=True):
        assert longest / 2 - 0.11 <= waited <= longest + 0.11
    assert len({*waits}) > 1, "no jitter"


async def test_unix_sockets(world: World, tmp_path: object) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(f"{tmp_path}/host")
    sock.listen()
    sock.setblocking(False)
    world.closing.append(sock)
    world.start(f"unix:{tmp_path}/host")
    client = await world.client()
    await client.send(request(4))
    accepted, _ = await world.loop.sock_accept(sock)
    await serve(world.peer(accepted), 1)
    assert frames.id_of(await client.receive()) == 4


async def test_a_unix_socket_that_is_not_there(world: World, tmp_path: object) -> None:
    world.start(f"unix:{tmp_path}/nowhere")
    client = await world.client()
    await client.send(request(4))
    assert frames.status_of(await client.receive()) == CLOSED


# -- many connections, many hosts -------------------------------------------------------------------------------------


async def test_connections_are_opened_on_demand_up_to_the_limit(world: World) -> None:
    """A call never waits for a new connection while an old one serves; the new one is for the calls after it."""
    backend = world.backend()
    world.start(backend, max_connections=3)
    client = await world.client()
    opened = []
    for number in range(1, 13):
        await client.send(request(number))
        await world.until(lambda: world.count("upstream_calls_total") == number)  # noqa: B023
        await world.until(lambda: all(u["state"] == "open" for u in world.upstreams()))
        opened.append(len(world.upstreams()))
    assert opened == [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3]
    assert sorted(u["in_flight"] for u in world.upstreams()) == [4, 4, 4]


async def test_variants_do_not_share_a_connection(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    await client.send(request(1))
    first = await backend.accept()
    assert frames.id_of(await first.receive()) == 1
    v2 = bytes([2, 1, 1, 0, 1, 1]) + (9).to_bytes(4, "big") + bytes([1, 0]) + request(1)[10:]
    await client.send(v2)
    second = await backend.accept()
    second.size_of = lambda data: len(v2) if len(data) >= len(v2) else None
    assert (await second.receive())[:2] == b"\x02\x01"
    assert {u["variant"] for u in world.upstreams()} == {u["variant"] for u in world.upstreams()[:1]} | {
        u["variant"] for u in world.upstreams()[1:]
    }
    assert len({u["variant"] for u in world.upstreams()}) == 2


async def spread(world: World, lb: str, count: int) -> Counter[int]:
    backends = [world.backend() for _ in range(3)]
    world.start(*backends, lb=lb, seed=5, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(b"".join(request(n) for n in range(count)))
    await world.until(lambda: world.count("calls_total") == count)
    labels = [backend.address for backend in backends]
    return Counter({n: world.count("upstream_calls_total", host=label) for n, label in enumerate(labels)})


async def test_round_robin_is_even(world: World) -> None:
    assert [*(await spread(world, "round_robin", 300)).values()] == [100, 100, 100]


async def test_random_reaches_all(world: World) -> None:
    counts = await spread(world, "random", 900)
    assert all(220 < count < 380 for count in counts.values()), counts


async def test_round_robin_stays_even_around_a_dead_host(world: World) -> None:
    first, last = world.backend(), world.backend()
    world.start(first, refusing(), last, seed=3, backoff_base=100.0, backoff_max=100.0)
    client = await world.client()
    await client.send(request(1))
    await client.send(request(2))
    await client.send(request(3))
    peers = [await first.accept(), await last.accept()]
    await world.until(lambda: world.count("upstream_calls_total") + world.count("upstream_calls_total", host=last.address) >= 3)
    before = [world.count("upstream_calls_total", host=b.address) for b in (first, last)]
    await client.send(b"".join(request(n) for n in range(10, 110)))
    await world.until(lambda: world.count("calls_total") == 103)
    after = [world.count("upstream_calls_total", host=b.address) for b in (first, last)]
    assert [a - b for a, b in zip(after, before, strict=True)] == [50, 50]
    assert peers


# -- limits -----------------------------------------------------------------------------------------------------------


async def test_overload(world: World) -> None:
    client, upstream, _ = await under_way(world, max_in_flight=2)
    await client.send(request(8) + request(9) + request(10, oneway=True))
    answer = await client.receive()
    assert (frames.id_of(answer), frames.status_of(answer)) == (9, OVERLOAD)
    assert world.count("local_replies_total", fault="overload") == 1
    assert world.count("oneways_dropped_total") == 1
    await upstream.send(response(1))
    assert frames.id_of(await client.receive()) == 7
    await client.send(request(11))
    assert [frames.id_of(await upstream.receive()) for _ in range(2)] == [2, 3]


async def test_a_full_host_sends_calls_to_another(world: World) -> None:
    backends = [world.backend(), world.backend()]
    world.start(*backends, max_in_flight=2)
    client = await world.client()
    await client.send(b"".join(request(n) for n in range(1, 6)))
    answer = await client.receive()
    assert frames.status_of(answer) == OVERLOAD
    for backend in backends:
        await serve(await backend.accept(), 2)
    assert {frames.id_of(await client.receive()) for _ in range(4)} | {frames.id_of(answer)} == {1, 2, 3, 4, 5}


async def test_calls_that_timed_out_keep_their_place_until_only_they_are_left(world: World) -> None:
    client, upstream, _ = await under_way(world, max_in_flight=2, timeout=1.0, keepalive=NO_BEATS)
    await world.advance(0.5)
    await client.send(request(8))
    await upstream.receive()
    await world.advance(0.7)
    assert frames.id_of(await client.receive()) == 7
    await client.send(request(9))
    assert frames.status_of(await client.receive()) == OVERLOAD
    await world.advance(1.0)
    assert frames.id_of(await client.receive()) == 8
    await client.send(request(10))
    assert await upstream.receive() == b"", "a connection full of calls that nobody waits for is given up"
    assert world.count("upstream_connections_total") >= 1
    await world.until(lambda: world.upstreams()[0]["in_flight"] == 1)


async def test_a_host_that_does_not_read_is_busy(world: World) -> None:
    stuck, other = world.backend(), world.backend()
    world.start(stuck, other, out_buffer_limit=100_000, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1))
    await client.send(request(2))
    peers = [await stuck.accept(), await other.accept()]
    await serve(peers[1], 1)
    answered = asyncio.ensure_future(serve(peers[1], 10_000))
    sent = 2
    while world.count("upstream_calls_total", host=stuck.address) + 20 > sent // 2:
        sent += 1
        assert sent < 2000, "the host that does not read still gets calls"
        await client.send(request(sent, content=bytes(50_000)))
        await world.until(lambda: world.count("calls_total") == sent)  # noqa: B023
        client.data = b""
    unsent = [u["unsent"] for u in world.upstreams()]
    assert unsent[0] <= 200_000
    answered.cancel()


# -- heartbeats -------------------------------------------------------------------------------------------------------


async def test_heartbeats_are_sent_when_nothing_was_received(world: World) -> None:
    _, upstream, _ = await under_way(world, keepalive=BEATS)
    await world.advance(0.9)
    assert await upstream.silent()
    await world.advance(0.2)
    beat = await upstream.receive()
    assert beat[1:4] == b"\x01\x00\x00"
    await upstream.send(frames.ack(frames.id_of(beat)))
    await world.until(lambda: world.count("upstream_rx_bytes_total"))
    await world.advance(0.9)
    assert await upstream.silent()
    await world.advance(0.2)
    assert (await upstream.receive())[1:4] == b"\x01\x00\x00"
    assert world.count("upstream_heartbeats_sent_total") == 2
    assert world.count("upstream_heartbeats_missed_total") == 0
    assert world.upstreams()[0]["heartbeats"] == 2


async def test_any_byte_postpones_the_heartbeat(world: World) -> None:
    _, upstream, _ = await under_way(world, keepalive=BEATS)
    for round in range(1, 4):
        await world.advance(0.8)
        await upstream.send(response(1)[round - 1 : round])
        await world.until(lambda: world.count("upstream_rx_bytes_total") == round)  # noqa: B023
    assert world.count("upstream_heartbeats_sent_total") == 0


async def test_missed_heartbeats_close_the_connection(world: World) -> None:
    client, upstream, _ = await under_way(world, keepalive=BEATS)
    await world.advance(1.05)
    for missed in range(3):
        assert (await upstream.receive())[1:4] == b"\x01\x00\x00"
        assert world.count("upstream_heartbeats_missed_total") == missed
        await world.advance(0.21)
    answer = await client.receive()
    assert (frames.id_of(answer), frames.status_of(answer)) == (7, CLOSED)
    assert await upstream.receive() == b""
    assert world.count("upstream_heartbeats_missed_total") == 3
    assert world.count("upstream_heartbeats_sent_total") == 3
    assert any("heartbeats without an answer" in line for line in world.log)


async def test_two_misses_are_forgiven(world: World) -> None:
    _, upstream, _ = await under_way(world, keepalive=BEATS)
    await world.advance(1.3)
    beats = [await upstream.receive() for _ in range(2)]
    assert world.count("upstream_heartbeats_missed_total") == 1
    await upstream.send(frames.ack(frames.id_of(beats[1])))
    await world.until(lambda: world.count("upstream_rx_bytes_total"))
    await world.advance(0.3)
    assert world.upstreams()[0]["misses"] == 0


async def test_heartbeats_from_upstream_are_answered_on_that_connection(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await upstream.send(frames.heartbeat(55))
    assert await upstream.receive() == frames.ack(55)
    assert await client.silent()
    assert world.count("upstream_heartbeats_answered_total") == 1


async def test_idle_connections_are_reaped(world: World) -> None:
    client, upstream, _ = await under_way(world, idle_timeout=5.0, keepalive=NO_BEATS, timeout=100.0)
    await world.advance(6)
    assert await upstream.silent(), "a call is in flight"
    await upstream.send(response(1))
    await client.receive()
    await world.advance(6)
    assert await upstream.receive() == b""
    assert not world.upstreams()
    assert await client.silent(), "the client keeps its connection"


# -- goaway -----------------------------------------------------------------------------------------------------------


async def drained(world: World, backend: Backend, client: Peer, upstream: Peer) -> None:
    await client.send(request(8))
    fresh = await backend.accept()
    await serve(fresh, 1)
    assert frames.id_of(await client.receive()) == 8
    assert sorted(u["state"] for u in world.upstreams()) == ["draining", "open"]
    await upstream.send(response(1))
    assert frames.id_of(await client.receive()) == 7
    assert await upstream.receive() == b""
    assert [u["state"] for u in world.upstreams()] == ["open"]


async def test_goaway_drains(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    await client.send(request(7))
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(frames.goaway() + frames.goaway())
    await world.until(lambda: world.count("upstream_goaways_total") == 2)
    await drained(world, backend, client, upstream)


async def test_goaway_without_calls_closes_at_once(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await upstream.send(response(1) + frames.goaway())
    assert frames.id_of(await client.receive()) == 7
    assert await upstream.receive() == b""


async def test_goaway_ends_when_the_last_caller_leaves(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await upstream.send(frames.goaway())
    await world.until(lambda: world.count("upstream_goaways_total"))
    client.reset()
    assert await upstream.receive() == b""


async def test_readonly_drains(world: World) -> None:
    backend = world.backend()
    world.start(backend, protocols=("dubbo",))
    client = await world.client()
    await client.send(frames.dubbo_request(1))
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(frames.dubbo_readonly())
    await world.until(lambda: world.count("upstream_goaways_total"))
    await client.send(frames.dubbo_request(2))
    fresh = await backend.accept()
    await fresh.receive()
    await upstream.send(frames.dubbo_response(1))
    assert frames.dubbo_id(await client.receive()) == 1
    assert await upstream.receive() == b""


@pytest.mark.parametrize("how", ["reset", "finish"])
async def test_a_connection_that_ends_is_replaced(world: World, how: str) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    for number in range(1, 4):
        await client.send(request(number))
        upstream = await backend.accept()
        await serve(upstream, 1)
        assert frames.id_of(await client.receive()) == number
        getattr(upstream, how)()
        await world.until(lambda: not world.upstreams())
    assert world.count("upstream_connections_total") == 3
