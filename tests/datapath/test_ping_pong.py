"""A pool whose connections have one call at a time: who gets one, who waits, and which are never used again."""

from __future__ import annotations

import gc

from proxy.snapshot import Route
from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.test_order import IN_ORDER
from tests.datapath.world import REGISTRY, Backend, Peer, World
from xproto import registry
from xproto.kernel.codec import Codec

OK, NO_HOST, OVERLOAD, TIMEOUT, CLOSED = 0, 6, 4, 7, 16


def alone(world: World, *hosts: Backend | str, **settings: object) -> World:
    return world.start(*hosts, pool="ping_pong", **settings)  # type: ignore[arg-type]


async def served(world: World, backend: Backend, client: Peer, id: int) -> Peer:
    """A connection that has had one call."""
    await client.send(request(id))
    upstream = await backend.accept()
    await answered(upstream)
    assert frames.id_of(await client.receive()) == id
    return upstream


async def answered(upstream: Peer) -> bytes:
    """What the server got, which it answers."""
    got = await upstream.receive()
    await upstream.send(response(frames.id_of(got)))
    return got


def pending(world: World) -> int:
    return world.count("upstream_pending")


async def test_one_call_at_a_time(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    await client.send(b"".join(request(n) for n in (1, 2, 3)))
    upstreams = [await backend.accept() for _ in range(3)]
    for upstream in upstreams:
        await upstream.receive()
        assert await upstream.silent()
    assert {each["lane"] for each in world.upstreams()} == {"alone"}


async def test_a_free_connection_is_used_again_the_last_one_first(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=2)
    client = await world.client()
    await client.send(request(1) + request(2))
    first, second = [await backend.accept() for _ in range(2)]
    await answered(first)
    await client.receive()
    await answered(second)
    await client.receive()
    for n in (3, 4, 5):
        await client.send(request(n))
        await answered(second)
        assert frames.id_of(await client.receive()) == n
    assert await first.silent()


async def test_those_that_are_not_needed_go(world: World) -> None:
    backend = world.backend()
    alone(world, backend, idle_timeout=10.0)
    client = await world.client()
    await client.send(request(1) + request(2))
    first, second = [await backend.accept() for _ in range(2)]
    for upstream in (first, second):
        await answered(upstream)
        await client.receive()
    await world.advance(6.0)
    await client.send(request(3))
    await answered(second)
    await client.receive()
    await world.advance(6.0)
    assert await first.ended()
    assert len(world.upstreams()) == 1


async def test_when_all_are_taken_calls_wait_in_their_order(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=1)
    client, other = await world.client(), await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await client.send(request(2))
    await world.until(lambda: pending(world) == 1)
    await other.send(request(3))
    await world.until(lambda: pending(world) == 2)
    for who, id in ((client, 1), (client, 2), (other, 3)):
        await answered(upstream)
        assert frames.id_of(await who.receive()) == id
    assert pending(world) == 0


async def test_too_many_that_wait_are_refused(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=1, max_pending=2)
    client, other = await world.client(), await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await other.send(request(2))
    await world.until(lambda: pending(world) == 1)
    await client.send(request(3) + request(4))
    assert frames.status_of(await client.receive()) == OVERLOAD
    assert (pending(world), world.count("upstream_pending_overflow_total")) == (2, 1)
    for _ in range(3):
        await answered(upstream)


async def test_a_deadline_comes_while_it_waits(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=1, timeout=10.0)
    client = await world.client()
    await client.send(request(1) + request(2, timeout=100))
    upstream = await backend.accept()
    await world.until(lambda: pending(world) == 1)
    await world.advance(0.5)
    late = await client.receive()
    assert (frames.id_of(late), frames.status_of(late)) == (2, TIMEOUT)
    assert pending(world) == 0
    await answered(upstream)
    await client.receive()
    assert await upstream.silent(), "nobody waits for it: it is never sent"


async def test_a_client_that_goes_takes_its_waiting_calls_along(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=1)
    client, other = await world.client(), await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await other.send(request(2) + request(3))
    await world.until(lambda: pending(world) == 2)
    other.reset()
    await world.until(lambda: pending(world) == 0)
    await answered(upstream)
    await client.receive()
    assert await upstream.silent()
    assert world.engine.describe()["buffers"]["held"] == 0


async def test_after_a_timeout_a_connection_is_never_used_again(world: World) -> None:
    backend = world.backend()
    alone(world, backend, timeout=1.0)
    client = await world.client()
    upstream = await served(world, backend, client, 1)
    await client.send(request(2))
    await upstream.receive()
    await world.advance(1.5)
    assert frames.status_of(await client.receive()) == TIMEOUT
    assert await upstream.ended()
    await client.send(request(3))
    await answered(await backend.accept())
    assert frames.id_of(await client.receive()) == 3


async def test_nor_after_its_caller_went(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client, other = await world.client(), await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await upstream.receive()
    client.reset()
    assert await upstream.ended()
    await served(world, backend, other, 2)


async def test_an_answer_that_nobody_asked_for_ends_it(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    upstream = await served(world, backend, client, 1)
    await upstream.send(response(77))
    assert await upstream.ended()
    await served(world, backend, client, 2)


async def test_an_answer_to_another_call_ends_it(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await upstream.send(response(frames.id_of(await upstream.receive()) + 1))
    assert frames.status_of(await client.receive()) == CLOSED


async def test_two_answers_end_it_and_nobody_gets_the_second(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=1)
    client = await world.client()
    await client.send(request(1) + request(2))
    upstream = await backend.accept()
    id = frames.id_of(await upstream.receive())
    await upstream.send(response(id) + response(id))
    assert frames.id_of(await client.receive()) == 1
    assert await upstream.ended()
    await answered(await backend.accept())
    assert frames.id_of(await client.receive()) == 2


async def test_half_an_answer_behind_an_answer_ends_it(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await upstream.send(response(frames.id_of(await upstream.receive())) + response(9)[:5])
    assert frames.id_of(await client.receive()) == 1
    assert await upstream.ended()


async def test_a_server_that_closes_an_idle_connection_is_noticed(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    upstream = await served(world, backend, client, 1)
    upstream.close()
    await world.until(lambda: not world.upstreams())
    await served(world, backend, client, 2)


async def test_a_server_that_closes_in_mid_call_is_told_to_its_caller_alone(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    await client.send(request(1) + request(2))
    first, second = [await backend.accept() for _ in range(2)]
    await first.receive()
    first.close()
    assert frames.status_of(await client.receive()) == CLOSED
    await answered(second)
    assert frames.status_of(await client.receive()) == OK


async def test_a_oneway_has_a_connection_until_it_is_written(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    upstream = await served(world, backend, client, 1)
    await client.send(request(2, oneway=True))
    await upstream.receive()
    await client.send(request(3))
    await answered(upstream)
    assert frames.id_of(await client.receive()) == 3
    assert len(world.upstreams()) == 1


async def test_a_host_that_refuses_hands_its_call_to_another(world: World) -> None:
    gone, backend = world.backend(), world.backend()
    gone.close()
    alone(world, gone, backend)
    client = await world.client()
    for n in range(1, 4):
        await client.send(request(n))
    for _ in range(3):
        await answered(await backend.accept())
    assert {frames.status_of(await client.receive()) for _ in range(3)} == {OK}


async def test_where_no_host_can_be_reached_nobody_waits(world: World) -> None:
    gone = world.backend()
    gone.close()
    alone(world, gone, max_connections=1)
    client = await world.client()
    await client.send(request(1) + request(2))
    assert [frames.status_of(await client.receive()) for _ in range(2)] == [CLOSED, CLOSED]
    assert pending(world) == 0


async def test_calls_that_wait_go_to_the_hosts_of_a_new_configuration(world: World) -> None:
    backend, newer = world.backend(), world.backend()
    alone(world, backend, max_connections=1)
    client = await world.client()
    await client.send(request(1) + request(2))
    upstream = await backend.accept()
    await upstream.receive()
    world.change(clusters=world.cluster(hosts=(newer.address,)))
    await answered(await newer.accept())
    assert frames.id_of(await client.receive()) == 2
    await upstream.send(response(1))
    assert frames.id_of(await client.receive()) == 1


async def test_calls_that_wait_hear_that_there_is_no_host_any_more(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=1)
    client = await world.client()
    await client.send(request(1) + request(2))
    upstream = await backend.accept()
    await upstream.receive()
    world.change(clusters=world.cluster(hosts=()))
    assert frames.status_of(await client.receive()) == NO_HOST
    await upstream.send(response(1))
    assert frames.status_of(await client.receive()) == OK


async def test_the_pool_may_change_while_calls_are_under_way(world: World) -> None:
    backend = world.backend()
    alone(world, backend)
    client = await world.client()
    await client.send(request(1) + request(2))
    first, second = [await backend.accept() for _ in range(2)]
    world.change(clusters=world.cluster(pool="multiplexed"))
    await client.send(request(3) + request(4))
    shared = await backend.accept()
    for upstream in (shared, shared, first, second):
        await answered(upstream)
    assert {frames.id_of(await client.receive()) for _ in range(4)} == {1, 2, 3, 4}


async def test_what_waits_is_charged_to_its_client(world: World) -> None:
    backend = world.backend()
    alone(world, backend, max_connections=1)
    client = await world.client()
    await client.send(request(1))
    upstream = await backend.accept()
    await client.send(request(2, content=b"x" * 100_000))
    await world.until(lambda: pending(world) == 1)
    buffers = world.engine.describe()["buffers"]
    assert buffers["held"] >= 100_000
    assert buffers["owners"] == 1
    await answered(upstream)
    await answered(upstream)
    await client.receive()
    await client.receive()
    await world.until(lambda: world.engine.describe()["buffers"]["held"] == 0)


async def test_a_host_that_works_again_is_used_while_others_are_full(world: World) -> None:
    """Nothing opens or closes meanwhile: the calls that come are what makes it look."""
    first, second = world.backend(), world.backend()
    address = second.address
    second.close()
    alone(world, first, address, max_connections=1)
    client = await world.client()
    await client.send(request(1))
    upstream = await first.accept()
    await upstream.receive()
    await client.send(request(2))
    await world.until(lambda: pending(world) == 1)
    host, _, port = address.rpartition(":")
    again = world.backend_at(host, int(port))
    await world.advance(11.0)
    await client.send(request(3))
    got = await answered(await again.accept())
    assert frames.id_of(got) > 0
    assert frames.id_of(await client.receive()) == 2


async def test_pools_of_protocols_that_are_gone_are_forgotten(world: World) -> None:
    def codecs() -> int:
        gc.collect()
        return sum(type(each) is Codec for each in gc.get_objects())

    backend = world.backend()
    alone(world, backend, idle_timeout=1.0)
    before = codecs()
    for n in range(1, 5):
        world.change(codecs={"bolt": registry.register(REGISTRY["bolt"].protocol).codec}, clusters=world.cluster())
        client = await world.client()
        upstream = await served(world, backend, client, n)
        client.close()
        await world.advance(3.0)
        assert await upstream.ended()
        await world.until(lambda: not world.upstreams())
    world.change(codecs={"bolt": REGISTRY["bolt"].codec})
    assert codecs() == before


async def test_a_route_says_that_its_calls_are_oneways(world: World) -> None:
    """As some clients write them as calls: the connection is free as soon as one is written, and no answer is awaited."""
    backend = world.backend()
    routes = (Route("notes", (), "main", oneway=True),)
    alone(world, backend, max_connections=1, codecs={"bolt": IN_ORDER}, routes=routes)
    client = await world.client()
    await client.send(request(1) + request(2))
    upstream = await backend.accept()
    first, second = await upstream.receive(), await upstream.receive()
    assert (frames.content_of(first), frames.content_of(second)) == (b"", b"")
    await world.until(lambda: world.engine.in_flight() == 0)
    assert (world.count("oneways_total"), world.count("calls_total")) == (2, 0)
    await client.send(frames.heartbeat(3))
    assert frames.id_of(await client.receive()) == 3, "no earlier answer is waited for"
