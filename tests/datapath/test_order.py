"""Clients that tell their answers apart by the order of their requests: whatever upstream does, that order is kept."""

from __future__ import annotations

import dataclasses

from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.world import REGISTRY, Peer, World
from xproto import registry
from xproto.spec import Order

IN_ORDER = registry.register(dataclasses.replace(REGISTRY["bolt"].protocol, order=Order.IN_ORDER)).codec
NO_PROCESSOR, TIMEOUT = 6, 7


async def under_way(world: World, calls: int, **settings: object) -> tuple[Peer, Peer]:
    """A client with calls 1, 2, ... upstream under the same ids."""
    backend = world.backend()
    world.start(backend, codecs={"bolt": IN_ORDER}, **settings)
    client = await world.client()
    await client.send(b"".join(request(n + 1) for n in range(calls)))
    upstream = await backend.accept()
    for n in range(calls):
        assert frames.id_of(await upstream.receive()) == n + 1
    return client, upstream


def kept(world: World) -> int:
    held: int = world.engine.describe()["buffers"]["held"]
    return held


async def test_early_answers_wait_for_the_first(world: World) -> None:
    client, upstream = await under_way(world, 20)
    await upstream.send(b"".join(response(n, content=b"x" * n) for n in range(20, 1, -1)))
    await world.until(lambda: world.engine.in_flight() == 1)
    assert await client.silent()
    assert kept(world) > 0
    await upstream.send(response(1, content=b"x"))
    assert [await client.receive() for _ in range(20)] == [response(n, content=b"x" * n) for n in range(1, 21)]
    await world.until(lambda: kept(world) == 0)


async def test_without_an_order_an_early_answer_does_not_wait(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    await client.send(request(1) + request(2))
    upstream = await backend.accept()
    assert [frames.id_of(await upstream.receive()) for _ in range(2)] == [1, 2]
    await upstream.send(response(2))
    assert await client.receive() == response(2)


async def test_our_own_answers_take_their_place(world: World) -> None:
    client, upstream = await under_way(world, 1)
    await client.send(request(2, service="nobody") + frames.heartbeat(3) + request(4, oneway=True) + request(5))
    assert [frames.id_of(await upstream.receive()) for _ in range(2)] == [2, 3]
    assert await client.silent()
    await upstream.send(response(3) + response(1))
    answers = [await client.receive() for _ in range(4)]
    assert [frames.id_of(each) for each in answers] == [1, 2, 3, 5]
    assert frames.status_of(answers[1]) == NO_PROCESSOR


async def test_a_deadline_of_the_oldest_lets_the_others_go(world: World) -> None:
    client, upstream = await under_way(world, 1, timeout=1.0)
    await world.advance(0.6)
    await client.send(request(2))
    await upstream.receive()
    await upstream.send(response(2))
    await world.until(lambda: world.engine.in_flight() == 1)
    assert await client.silent()
    await world.advance(0.6)
    answers = [await client.receive() for _ in range(2)]
    assert [(frames.id_of(each), frames.status_of(each)) for each in answers] == [(1, TIMEOUT), (2, 0)]


async def test_a_deadline_behind_an_older_call_waits_for_it(world: World) -> None:
    client, upstream = await under_way(world, 1, timeout=10.0)
    await client.send(request(2, timeout=100))
    await upstream.receive()
    await world.advance(1.0)
    await world.until(lambda: world.engine.in_flight() == 1)
    assert await client.silent()
    await upstream.send(response(1))
    answers = [await client.receive() for _ in range(2)]
    assert [(frames.id_of(each), frames.status_of(each)) for each in answers] == [(1, 0), (2, TIMEOUT)]


async def test_the_answer_to_something_malformed_comes_last(world: World) -> None:
    client, upstream = await under_way(world, 2)
    await client.send(request(3, headers=b"\x00\x00\x00\x09short"))
    await world.until(lambda: world.count("malformed_total"))
    assert await client.silent()
    await upstream.send(response(2) + response(1))
    answers = [await client.receive() for _ in range(3)]
    assert [frames.id_of(each) for each in answers] == [1, 2, 3]
    assert await client.receive() == b""


async def test_a_client_that_makes_us_keep_too_much_is_cut(world: World) -> None:
    client, upstream = await under_way(world, 4, listener={"out_buffer_limit": 50_000})
    await upstream.send(b"".join(response(n, content=b"x" * 40_000) for n in (2, 3, 4)))
    assert await client.receive() == b""
    assert any("wait for an earlier one" in line for line in world.log)
    await world.until(lambda: kept(world) == 0)


async def test_answers_that_are_kept_count_as_calls(world: World) -> None:
    client, upstream = await under_way(world, 3, listener={"max_in_flight": 3})
    await client.send(request(4))
    await upstream.send(response(2) + response(3))
    await world.until(lambda: world.downstreams()[0]["in_flight"] == 1)
    assert await upstream.silent()
    await upstream.send(response(1))
    assert [frames.id_of(await client.receive()) for _ in range(3)] == [1, 2, 3]
    assert frames.id_of(await upstream.receive()) == 4


async def test_a_client_that_leaves_takes_what_was_kept_with_it(world: World) -> None:
    client, upstream = await under_way(world, 3)
    await upstream.send(response(3, content=b"x" * 1000))
    await world.until(lambda: world.engine.in_flight() == 2)
    client.reset()
    await world.until(lambda: world.engine.in_flight() == 0 and kept(world) == 0)


async def test_an_upstream_that_dies_answers_all_in_order(world: World) -> None:
    client, upstream = await under_way(world, 9)
    await upstream.send(response(5))
    await world.until(lambda: world.engine.in_flight() == 8)
    upstream.reset()
    assert [frames.id_of(await client.receive()) for _ in range(9)] == [*range(1, 10)]
