"""Another snapshot while calls are on their way: what it does not touch goes on, what it drops is waited for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.observe.counters import Layout
from proxy.snapshot import Cluster, HeaderMatch, Keepalive, Listener, Route
from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.test_pool import NO_BEATS, OVERLOAD, Deaf, serve
from tests.datapath.world import REGISTRY, Backend, World

ECHO = (HeaderMatch("service", "exact", frames.SERVICE),)
TIMEOUT = 7


def routes(cluster: str, **fields: Any) -> dict[str, tuple[Route, ...]]:
    return {"table": (Route("echo", ECHO, cluster, **fields),)}


def spare(backend: Backend, name: str = "spare") -> dict[str, Cluster]:
    return {name: Cluster(name, (backend.address,), keepalive=NO_BEATS)}


def in_flight(world: World) -> list[int]:
    hosts = world.engine.describe()["clusters"]["main"]["hosts"]
    return [sum(each["in_flight"] for each in host["connections"]) for host in hosts]


async def test_nothing_is_different_for_what_stays(world: World) -> None:
    backends = [world.backend() for _ in range(3)]
    world.start(*backends, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1) + request(2) + request(3))
    peers = [await backend.accept() for backend in backends]
    calls = [await peer.receive() for peer in peers]
    before = world.engine.describe()["clusters"]["main"]
    world.change(clusters=world.snapshot.clusters | spare(backends[0]))
    assert world.engine.describe()["clusters"]["main"] == before
    await client.send(request(4) + request(5) + request(6))
    more = [await peer.receive() for peer in peers]
    assert all(frames.id_of(new) > frames.id_of(old) for old, new in zip(calls, more, strict=True)), "ids go on"
    for peer, *pair in zip(peers, calls, more, strict=True):
        await peer.send(b"".join(response(frames.id_of(call)) for call in pair))
    assert {frames.id_of(await client.receive()) for _ in range(6)} == {1, 2, 3, 4, 5, 6}
    assert (world.count("calls_total"), world.count("upstream_connections_total")) == (6, 1)


async def test_the_balancer_keeps_its_place(world: World) -> None:
    world.start(*(world.backend() for _ in range(3)), keepalive=NO_BEATS)
    client = await world.client()
    order = []
    for number in range(1, 7):
        before = in_flight(world)
        await client.send(request(number))
        await world.until(lambda before=before: in_flight(world) != before)
        order += [host for host, was in enumerate(before) if in_flight(world)[host] != was]
        world.change(routes=routes("main", timeout=60.0 + number))
    assert order[:3] == order[3:]
    assert sorted(order[:3]) == [0, 1, 2]


async def test_a_new_route_holds_for_connections_that_are_there(world: World) -> None:
    old, new = world.backend(), world.backend()
    world.start(old, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1))
    at_old = await old.accept()
    call = await at_old.receive()
    world.change(routes=routes("spare"), clusters=world.snapshot.clusters | spare(new))
    await client.send(request(2))
    at_new = await new.accept()
    await serve(at_new, 1)
    assert frames.id_of(await client.receive()) == 2
    await at_old.send(response(frames.id_of(call)))
    assert frames.id_of(await client.receive()) == 1, "what was on its way is answered from where it went"
    assert world.count("calls_total") == 2


async def test_a_host_that_leaves_answers_what_it_has(world: World) -> None:
    leaves, stays = world.backend(), world.backend()
    world.start(leaves, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1))
    peer = await leaves.accept()
    call = await peer.receive()
    world.change(clusters=world.cluster(hosts=(stays.address,)))
    hosts = world.engine.describe()["clusters"]["main"]["hosts"]
    assert [(host["address"], host["leaving"]) for host in hosts] == [(stays.address, False), (leaves.address, True)]
    await client.send(request(2))
    await serve(await stays.accept(), 1)
    assert frames.id_of(await client.receive()) == 2
    await peer.send(response(frames.id_of(call)))
    assert frames.id_of(await client.receive()) == 1
    assert await peer.receive() == b"", "then its connection is closed"
    assert len(world.engine.describe()["clusters"]["main"]["hosts"]) == 1


async def test_a_host_that_leaves_without_calls_is_closed_at_once(world: World) -> None:
    leaves, stays = world.backend(), world.backend()
    world.start(leaves, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1))
    peer = await leaves.accept()
    await serve(peer, 1)
    await client.receive()
    world.change(clusters=world.cluster(hosts=(stays.address,)))
    assert await peer.receive() == b""


async def test_calls_that_wait_for_a_connection_to_a_host_that_leaves(world: World) -> None:
    """They go to another when it cannot be connected to."""
    leaves, stays = Deaf(world), world.backend()
    world.start(leaves.address, keepalive=NO_BEATS, connect_timeout=1.0)
    client = await world.client()
    await client.send(request(1))
    await world.until(world.upstreams)
    world.change(clusters=world.cluster(hosts=(stays.address,)))
    await world.advance(1.1)
    await serve(await stays.accept(), 1)
    assert frames.id_of(await client.receive()) == 1
    assert len(world.engine.describe()["clusters"]["main"]["hosts"]) == 1


async def test_a_cluster_that_leaves_answers_what_it_has(world: World) -> None:
    old, new = world.backend(), world.backend()
    world.start(old, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1))
    peer = await old.accept()
    call = await peer.receive()
    world.change(routes=routes("spare"), clusters=spare(new))
    left = world.engine.describe()["leaving"]["hosts"]
    assert [(host["address"], len(host["connections"])) for host in left] == [(old.address, 1)]
    await peer.send(response(frames.id_of(call)))
    assert frames.id_of(await client.receive()) == 1
    assert await peer.receive() == b""
    await client.send(request(2))
    await serve(await new.accept(), 1)
    assert frames.id_of(await client.receive()) == 2


async def test_a_call_outlives_its_cluster_up_to_its_deadline(world: World) -> None:
    old, new = world.backend(), world.backend()
    world.start(old, keepalive=NO_BEATS, timeout=5.0)
    client = await world.client()
    await client.send(request(1))
    peer = await old.accept()
    await peer.receive()
    world.change(routes=routes("spare"), clusters=spare(new))
    await world.advance(5.1)
    answer = await client.receive()
    assert (frames.id_of(answer), frames.status_of(answer)) == (1, TIMEOUT)
    assert await peer.receive() == b""


async def test_a_cluster_that_comes_back_counts_on(world: World) -> None:
    backend, other = world.backend(), world.backend()
    world.start(backend, keepalive=NO_BEATS)
    snapshot = world.snapshot
    client = await world.client()
    await client.send(request(1))
    await serve(await backend.accept(), 1)
    await client.receive()
    world.change(routes=routes("spare"), clusters=spare(other))
    world.change(routes=snapshot.routes, clusters=snapshot.clusters)
    await client.send(request(2))
    await serve(await backend.accept(), 1)
    await client.receive()
    assert (world.count("upstream_calls_total"), world.count("upstream_connections_total")) == (2, 2)
    assert world.observed() == 2


async def test_a_listener_that_leaves_answers_what_it_was_asked(world: World) -> None:
    backend = world.backend()
    world.start(backend, keepalive=NO_BEATS)
    client, idle = await world.client(), await world.client()
    await client.send(request(1))
    peer = await backend.accept()
    call = await peer.receive()
    await world.until(lambda: len(world.downstreams()) == 2)
    door = world.listening_socket()
    kept = world.snapshot.listeners["in"]
    world.change({"other": door.fileno()}, listeners={"other": Listener("other", "127.0.0.1:0", kept.protocols, "table")})
    assert await idle.receive() == b""
    assert len(world.engine.describe()["leaving"]["connections"]) == 2
    fresh = await world.client(door)
    await fresh.send(request(5))
    again = await peer.receive()
    await peer.send(response(frames.id_of(again)) + response(frames.id_of(call)))
    assert frames.id_of(await fresh.receive()) == 5
    assert frames.id_of(await client.receive()) == 1
    assert await client.receive() == b""


async def test_a_listener_moves_and_its_connections_stay(world: World) -> None:
    backend = world.backend()
    world.start(backend, keepalive=NO_BEATS)
    client = await world.client()
    door = world.listening_socket()
    await client.send(request(1))
    peer = await backend.accept()
    await serve(peer, 1)
    await client.receive()
    world.change({"in": door.fileno()})
    await client.send(request(2))
    await serve(peer, 1)
    assert frames.id_of(await client.receive()) == 2
    moved = await world.client(door)
    await moved.send(request(3))
    await serve(peer, 1)
    assert frames.id_of(await moved.receive()) == 3
    stranger = await world.client()
    await stranger.send(request(4))
    assert await stranger.silent(), "nobody accepts at the old place"


async def test_a_protocol_that_is_not_spoken_any_more(world: World) -> None:
    backend = world.backend()
    world.start(backend, protocols=("bolt", "dubbo"), keepalive=NO_BEATS)
    client, undecided = await world.client(), await world.client()
    await client.send(request(1))
    peer = await backend.accept()
    call = await peer.receive()
    await undecided.send(b"\xda")
    await world.until(lambda: [each["buffered"] for each in world.downstreams()] == [0, 1])
    only = msgspec.structs.replace(world.snapshot.listeners["in"], protocols=("dubbo",))
    world.change(listeners={"in": only})
    await peer.send(response(frames.id_of(call)))
    assert frames.id_of(await client.receive()) == 1
    assert await client.receive() == b""
    undecided.size_of = frames.dubbo_size
    world.size_of = frames.dubbo_size
    await undecided.send(frames.dubbo_request(7)[1:])
    at_dubbo = await backend.accept()
    await at_dubbo.send(frames.dubbo_response(frames.dubbo_id(await at_dubbo.receive())))
    assert frames.dubbo_id(await undecided.receive()) == 7


async def test_a_protocol_that_was_declared_anew(world: World) -> None:
    """Another codec under the same name: who spoke the old one is answered, and then connects again."""
    from xproto import registry

    backend = world.backend()
    world.start(backend, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1))
    peer = await backend.accept()
    call = await peer.receive()
    other = registry.load((), {"bolt": {"goaway": True, "frame_limit": 1 << 20}})["bolt"].codec
    assert other is not REGISTRY["bolt"].codec
    world.change(codecs={"bolt": other})
    fresh = await world.client()
    await fresh.send(request(2))
    second = await backend.accept()
    await serve(second, 1)
    assert frames.id_of(await fresh.receive()) == 2
    await peer.send(response(frames.id_of(call)))
    assert frames.id_of(await client.receive()) == 1
    assert await client.receive() == b""


async def test_new_limits_hold_for_connections_that_are_there(world: World) -> None:
    backend = world.backend()
    world.start(backend, listener={"max_in_flight": 1, "idle_timeout": 0.0}, keepalive=NO_BEATS, idle_timeout=0.0)
    client = await world.client()
    await client.send(request(1) + request(2) + request(3))
    peer = await backend.accept()
    calls = [await peer.receive()]
    assert await peer.silent(), "one at a time"
    more = msgspec.structs.replace(world.snapshot.listeners["in"], max_in_flight=3, idle_timeout=4.0)
    world.change(listeners={"in": more}, clusters=world.cluster(keepalive=Keepalive(1.0, 0.2, 3), idle_timeout=9.0))
    calls += [await peer.receive(), await peer.receive()]
    await peer.send(b"".join(response(frames.id_of(call)) for call in calls))
    assert {frames.id_of(await client.receive()) for _ in range(3)} == {1, 2, 3}
    await world.advance(1.1)
    beat = await peer.receive()
    await peer.send(frames.ack(frames.id_of(beat)))
    await world.until(lambda: world.upstreams()[0]["misses"] == 0)
    await world.advance(3.5)
    assert await client.receive() == b"", "idle for longer than it may be now"


async def test_limits_that_were_there_may_go(world: World) -> None:
    backend = world.backend()
    world.start(backend, listener={"idle_timeout": 4.0}, keepalive=Keepalive(1.0, 0.2, 3), idle_timeout=5.0)
    client = await world.client()
    await client.send(request(1))
    peer = await backend.accept()
    await serve(peer, 1)
    await client.receive()
    endless = msgspec.structs.replace(world.snapshot.listeners["in"], idle_timeout=0.0)
    world.change(listeners={"in": endless}, clusters=world.cluster(keepalive=Keepalive(0.0), idle_timeout=0.0))
    await world.advance(1000.0)
    assert await peer.silent()
    assert await client.silent()
    await client.send(request(2))
    await serve(peer, 1)
    assert frames.id_of(await client.receive()) == 2


async def test_what_cannot_be_prepared_changes_nothing(world: World) -> None:
    backend = world.backend()
    world.start(backend, keepalive=NO_BEATS)
    client = await world.client()
    wrong = msgspec.structs.replace(world.snapshot.listeners["in"], protocols=("bolt", "dubbo"))
    before = world.engine.describe()
    with pytest.raises(ValueError, match="dubbo is not loaded"):
        world.engine.prepare(
            msgspec.structs.replace(world.snapshot, listeners={"in": wrong}), world.codecs, {}, {},
            Layout(world.snapshot, world.codecs, world.layout),
        )  # fmt: skip
    assert world.engine.describe() == before
    prepared, _ = world.prepare(msgspec.structs.replace(world.snapshot, clusters=world.cluster(timeout=1.0)))
    world.change(clusters=world.cluster(timeout=2.0))
    with pytest.raises(ValueError, match="another change"):
        world.engine.commit(prepared, {})
    await client.send(request(1))
    peer = await backend.accept()
    await peer.receive()
    await world.advance(1.9)
    assert await client.silent(), "the change that was not used has left nothing behind"
    await world.advance(0.2)
    assert frames.status_of(await client.receive()) == TIMEOUT


async def test_a_oneway_that_waits_while_everything_about_it_goes(world: World) -> None:
    """Its client, its listener and its cluster are gone when it is dropped; it is counted where it came from."""
    world.start(Deaf(world).address, keepalive=NO_BEATS, connect_timeout=1.0)
    client = await world.client()
    await client.send(request(1, oneway=True))
    await world.until(lambda: world.count("oneways_total") == 1)
    slot = world.layout.slot("xproto_oneways_dropped_total", listener="in", protocol="bolt")
    client.close()
    await world.until(lambda: not world.downstreams())
    door = world.listening_socket()
    kept = world.snapshot.listeners["in"]
    world.change(
        {"other": door.fileno()}, listeners={"other": Listener("other", "127.0.0.1:0", kept.protocols, "table")},
        routes=routes("spare"), clusters=spare(world.backend()),
    )  # fmt: skip
    await world.advance(1.1)
    assert world.array[slot] == 1


async def test_a_lower_limit_holds_for_new_calls(world: World) -> None:
    backend = world.backend()
    world.start(backend, keepalive=NO_BEATS)
    client = await world.client()
    await client.send(request(1) + request(2) + request(3))
    peer = await backend.accept()
    calls = [await peer.receive() for _ in range(3)]
    world.change(clusters=world.cluster(max_in_flight=1))
    await client.send(request(4))
    answer = await client.receive()
    assert (frames.id_of(answer), frames.status_of(answer)) == (4, OVERLOAD)
    await peer.send(b"".join(response(frames.id_of(call)) for call in calls))
    assert {frames.id_of(await client.receive()) for _ in calls} == {1, 2, 3}
    await client.send(request(5))
    await serve(peer, 1)
    assert frames.id_of(await client.receive()) == 5
