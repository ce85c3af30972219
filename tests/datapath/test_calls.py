"""A call's way there and back, and every way in which it can end: exactly one answer."""

from __future__ import annotations

import socket

import pytest

from proxy.datapath.counters import FAULT_NAMES
from proxy.datapath.engine import Engine
from proxy.observe.counters import Layout
from proxy.snapshot import HeaderMatch, Keepalive, Route
from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.world import Peer, World
from xproto.spec import Fault

BUSY, EXCEPTION, NO_PROCESSOR, TIMEOUT, CLOSED = 4, 9, 6, 7, 16


async def under_way(world: World, **settings: object) -> tuple[Peer, Peer, bytes]:
    """A client whose call 7 has reached the upstream: (client, upstream, the frame there)."""
    backend = world.backend()
    world.start(backend, **settings)
    client = await world.client()
    await client.send(request(7, content=b"hello"))
    upstream = await backend.accept()
    return client, upstream, await upstream.receive()


async def test_a_call_goes_there_and_back_with_only_its_id_and_deadline_changed(world: World) -> None:
    client, upstream, sent = await under_way(world)
    assert sent == request(1, content=b"hello", timeout=60_000)
    await upstream.send(response(1, content=b"world"))
    assert await client.receive() == response(7, content=b"world")
    assert world.count("calls_total") == world.count("upstream_calls_total") == world.count("upstream_replies_total") == 1
    assert world.count("route_calls_total", route="echo") == 1
    assert world.observed() == 1
    assert world.engine.in_flight() == 0


async def test_callers_with_the_same_id_share_one_connection(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    clients = [await world.client() for _ in range(3)]
    for number, client in enumerate(clients):
        await client.send(request(5, content=bytes([number])))
    upstream = await backend.accept()
    calls = [await upstream.receive() for _ in clients]
    assert sorted(map(frames.id_of, calls)) == [1, 2, 3]
    for call in reversed(calls):
        await upstream.send(response(frames.id_of(call), content=frames.content_of(call)))
    for number, client in enumerate(clients):
        assert await client.receive() == response(5, content=bytes([number]))
    assert world.count("upstream_connections_total") == 1


async def test_many_calls_in_one_write(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await client.send(b"".join(request(100 + n, content=b"x" * n) for n in range(300)))
    calls = [await upstream.receive() for _ in range(300)]
    await upstream.send(b"".join(response(frames.id_of(c), content=frames.content_of(c)) for c in calls))
    answers = [await client.receive() for _ in range(300)]
    assert answers == [response(100 + n, content=b"x" * n) for n in range(300)]


async def test_a_frame_that_comes_byte_by_byte(world: World) -> None:
    client, upstream, _ = await under_way(world)
    frame = request(8, content=b"slow")
    for at in range(len(frame)):
        await client.send(frame[at : at + 1])
        await world.until(lambda: world.count("downstream_rx_bytes_total") >= len(request(7, content=b"hello")) + at + 1)  # noqa: B023
    assert frames.content_of(await upstream.receive()) == b"slow"
    answer = response(2, content=b"also slow")
    for at in range(len(answer)):
        await upstream.send(answer[at : at + 1])
        await world.until(lambda: world.count("upstream_rx_bytes_total") >= at + 1)  # noqa: B023
    assert await client.receive() == response(8, content=b"also slow")
    assert world.engine.describe()["buffers"]["held"] == 0, "an idle connection owns no buffer"


async def test_a_oneway_is_sent_on_and_never_answered(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await client.send(request(9, oneway=True, content=b"fire"))
    assert await upstream.receive() == request(2, oneway=True, content=b"fire")
    await upstream.send(response(2))
    await upstream.send(response(1))
    assert frames.id_of(await client.receive()) == 7
    assert await client.silent()
    assert world.count("oneways_total") == 1
    assert world.count("upstream_dropped_answers_total", reason="unknown") == 1


async def test_a_oneway_before_the_connection_is_made(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    await client.send(request(1, oneway=True))
    upstream = await backend.accept()
    assert frames.id_of(await upstream.receive()) == 1
    await world.until(lambda: world.upstreams()[0]["in_flight"] == 0)


async def test_heartbeats_from_downstream_are_answered_here(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await client.send(frames.heartbeat(77) + frames.ack(78))
    assert await client.receive() == frames.ack(77)
    assert await upstream.silent()
    assert world.count("heartbeats_answered_total") == 1


async def test_no_route(world: World) -> None:
    world.start("127.0.0.1:1")
    client = await world.client()
    await client.send(request(3, service="nobody") + request(4, service=None) + request(5, service="x", oneway=True))
    for number in (3, 4):
        answer = await client.receive()
        assert (frames.id_of(answer), frames.status_of(answer)) == (number, NO_PROCESSOR)
    assert world.count("local_replies_total", fault="no_route") == 2
    assert world.count("oneways_dropped_total") == 1
    assert world.count("route_calls_total", route="none") == 3


async def test_no_host(world: World) -> None:
    world.start()
    client = await world.client()
    await client.send(request(3) + request(4, oneway=True))
    assert frames.status_of(await client.receive()) == NO_PROCESSOR
    assert world.count("local_replies_total", fault="no_host") == 1
    assert world.count("oneways_dropped_total") == 1


# -- upstreams that misbehave -----------------------------------------------------------------------------------------


async def test_answered_twice(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await upstream.send(response(1, content=b"first") + response(1, content=b"second"))
    assert frames.content_of(await client.receive()) == b"first"
    assert await client.silent()
    assert world.count("upstream_dropped_answers_total", reason="unknown") == 1


async def test_an_unknown_id(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await upstream.send(response(99) + response(1 + 64) + response(1))
    assert frames.id_of(await client.receive()) == 7
    assert world.count("upstream_dropped_answers_total", reason="unknown") == 2


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 64, request(1), response(1)[:3] + b"\x09" + response(1)[4:]],
    ids=["garbage", "a request", "an unknown command"],
)
async def test_garbage_ends_the_connection_and_answers_its_calls(world: World, garbage: bytes) -> None:
    client, upstream, _ = await under_way(world)
    await client.send(request(8))
    await upstream.receive()
    await upstream.send(garbage)
    answers = [await client.receive() for _ in range(2)]
    assert sorted(map(frames.id_of, answers)) == [7, 8]
    assert {*map(frames.status_of, answers)} == {CLOSED}
    assert await upstream.receive() == b""
    assert world.count("upstream_malformed_total") == 1
    assert world.count("upstream_in_flight") == 0
    assert any("malformed" in line for line in world.log)


async def test_an_answer_before_the_garbage_counts(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await upstream.send(response(1, content=b"fine") + b"\xff" * 64)
    assert frames.content_of(await client.receive()) == b"fine"
    assert await client.silent()


@pytest.mark.parametrize("how", ["finish", "reset", "close"])
async def test_half_a_frame_and_the_end(world: World, how: str) -> None:
    client, upstream, _ = await under_way(world)
    await upstream.send(response(1, content=b"never whole")[:-4])
    await world.until(lambda: world.count("upstream_rx_bytes_total"))
    getattr(upstream, how)()
    answer = await client.receive()
    assert (frames.id_of(answer), frames.status_of(answer)) == (7, CLOSED)
    assert world.count("local_replies_total", fault="closed") == 1
    assert world.count("upstream_connections_active") == 0


@pytest.mark.parametrize("bytes_before", [0, 3, 20])
async def test_a_reset_right_behind_some_bytes(world: World, bytes_before: int) -> None:
    """Both are there at once: the loop reports a failed socket, and the read that follows succeeds."""
    client, upstream, _ = await under_way(world)
    await client.send(request(8))
    await upstream.receive()
    upstream.sock.send(response(1)[:bytes_before])
    upstream.reset()
    statuses = {frames.id_of(answer): frames.status_of(answer) for answer in [await client.receive() for _ in range(2)]}
    assert statuses == {7: 0 if bytes_before == 20 else CLOSED, 8: CLOSED}
    client.sock.send(frames.heartbeat(1))
    client.reset()
    await world.until(lambda: not world.downstreams())


async def test_never_answered(world: World) -> None:
    client, upstream, _ = await under_way(world, timeout=2.0)
    await world.advance(1.9)
    assert await client.silent()
    await world.advance(0.2)
    answer = await client.receive()
    assert (frames.id_of(answer), frames.status_of(answer)) == (7, TIMEOUT)
    assert world.engine.in_flight() == 0
    assert world.count("upstream_in_flight") == 1, "the id stays reserved"
    await upstream.send(response(1))
    await world.until(lambda: world.count("upstream_dropped_answers_total", reason="late"))
    assert await client.silent()
    assert world.count("upstream_in_flight") == 0


async def test_after_a_stall_every_deadline_that_passed_fires(world: World) -> None:
    client, upstream, _ = await under_way(world, timeout=30.0, keepalive=Keepalive(1e6))
    await world.advance(5)
    await client.send(request(8, timeout=20_000) + request(9, timeout=2**31 - 1) + request(10, timeout=1))
    await world.until(lambda: world.count("calls_total") == 4)
    world.clock.advance(26)  # nothing ran meanwhile: the process was stopped
    await world.advance(0.02)
    answers = [await client.receive() for _ in range(3)]
    assert sorted(frames.id_of(a) for a in answers) == [7, 8, 10]
    assert {frames.status_of(a) for a in answers} == {TIMEOUT}
    await upstream.send(response(3))
    assert frames.status_of(await client.receive()) == 0


@pytest.mark.parametrize(
    ("route", "own", "expected"),
    [(None, 0, 60.0), (5.0, 0, 5.0), (5.0, 2000, 2.0), (5.0, 9000, 5.0), (5.0, -1, 5.0), (None, 90_000, 60.0)],
)
async def test_the_smaller_deadline_counts(world: World, route: float | None, own: int, expected: float) -> None:
    backend = world.backend()
    rule = Route("echo", (HeaderMatch("service", "exact", frames.SERVICE),), "main", route)
    world.start(backend, routes=(rule,), keepalive=Keepalive(1e6))
    client = await world.client()
    await client.send(request(1, timeout=own))
    await world.until(lambda: world.count("calls_total"))
    await world.advance(expected - 0.05)
    assert world.count("local_replies_total", fault="timeout") == 0
    await world.advance(0.1)
    assert world.count("local_replies_total", fault="timeout") == 1


async def test_what_remains_of_the_deadline_is_written_forward(world: World) -> None:
    """Waiting for a connection counts: one of two calls went to a host that does not answer, and moves on later."""
    stuck, backend = world.backend(backlog=0), world.backend()
    fill = [socket.socket() for _ in range(4)]
    for each in fill:
        each.setblocking(False)
        each.connect_ex(stuck.sock.getsockname())
    world.closing += fill
    world.start(stuck, backend, connect_timeout=1.0, keepalive=Keepalive(1e6))
    client = await world.client()
    await client.send(request(1, timeout=5000) + request(2, timeout=5000))
    upstream = await backend.accept()
    assert int.from_bytes((await upstream.receive())[10:14], "big") == 5000
    await world.advance(1.5)
    assert 3400 <= int.from_bytes((await upstream.receive())[10:14], "big") <= 4000


async def test_a_oneway_has_no_deadline_to_write_forward(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    await client.send(request(1, timeout=77, oneway=True))
    assert await (await backend.accept()).receive() == request(1, timeout=77, oneway=True)


@pytest.mark.parametrize(("text", "expected"), [("1500", 1.5), ("0", 60.0), ("-5", 60.0), ("soon", 60.0), ("", 60.0)])
async def test_a_deadline_among_the_attachments(world: World, text: str, expected: float) -> None:
    backend = world.backend()
    world.start(backend, protocols=("dubbo",), keepalive=Keepalive(1e6))
    client = await world.client()
    await client.send(frames.dubbo_request(1, attachments={"timeout": text}))
    await world.until(lambda: world.count("calls_total"))
    await world.advance(expected - 0.05)
    assert world.count("local_replies_total", fault="timeout") == 0
    await world.advance(0.1)
    assert world.count("local_replies_total", fault="timeout") == 1


async def test_the_caller_goes_away(world: World) -> None:
    client, upstream, _ = await under_way(world)
    client.reset()
    await world.until(lambda: not world.downstreams())
    assert world.engine.in_flight() == 0
    assert world.count("upstream_in_flight") == 1
    await upstream.send(response(1))
    await world.until(lambda: world.count("upstream_dropped_answers_total", reason="late"))
    other = await world.client()
    await other.send(request(1))
    assert frames.id_of(await upstream.receive()) == 2


async def test_a_call_outlives_nothing(world: World) -> None:
    """The upstream dies, then the caller: each once."""
    client, upstream, _ = await under_way(world)
    upstream.reset()
    assert frames.status_of(await client.receive()) == CLOSED
    client.reset()
    await world.until(lambda: not world.downstreams())


# -- ids --------------------------------------------------------------------------------------------------------------


async def test_32_bit_ids_wrap_around_and_skip_zero(world: World) -> None:
    client, upstream, first = await under_way(world, first_id=2**32 - 2)
    await client.send(b"".join(request(n) for n in range(8, 11)))
    ids = [frames.id_of(first)] + [frames.id_of(await upstream.receive()) for _ in range(3)]
    assert ids == [2**32 - 2, 2**32 - 1, 1, 2]
    for id in reversed(ids):
        await upstream.send(response(id))
    assert [frames.id_of(await client.receive()) for _ in ids] == [10, 9, 8, 7]


async def test_64_bit_ids_wrap_around_and_skip_zero(world: World) -> None:
    backend = world.backend()
    world.start(backend, protocols=("dubbo",), first_id=2**64 - 2)
    client = await world.client()
    await client.send(b"".join(frames.dubbo_request(2**63 + n) for n in range(4)))
    upstream = await backend.accept()
    ids = [frames.dubbo_id(await upstream.receive()) for _ in range(4)]
    assert ids == [2**64 - 2, 2**64 - 1, 1, 2]
    await upstream.send(b"".join(frames.dubbo_response(id) for id in ids))
    assert [frames.dubbo_id(await client.receive()) for _ in ids] == [2**63 + n for n in range(4)]


async def test_an_id_in_use_is_not_given_out_again(world: World) -> None:
    client, upstream, stuck = await under_way(world)
    seen = {frames.id_of(stuck)}
    for number in range(300):
        await client.send(request(1000 + number))
        id = frames.id_of(await upstream.receive())
        assert id not in seen
        seen.add(id)
        await upstream.send(response(id))
        assert frames.id_of(await client.receive()) == 1000 + number
    await upstream.send(response(frames.id_of(stuck)))
    assert frames.id_of(await client.receive()) == 7


async def test_the_table_of_calls_grows(world: World) -> None:
    client, upstream, first = await under_way(world, listener={"max_in_flight": 5000})
    await client.send(b"".join(request(10_000 + n) for n in range(3000)))
    ids = [frames.id_of(first)] + [frames.id_of(await upstream.receive()) for _ in range(3000)]
    assert len({*ids}) == 3001
    await upstream.send(b"".join(response(id) for id in reversed(ids)))
    answers = [frames.id_of(await client.receive()) for _ in ids]
    assert answers == [*(10_000 + n for n in reversed(range(3000))), 7]


# -- what is refused at the start -------------------------------------------------------------------------------------


def test_a_protocol_that_is_not_loaded_is_refused(world: World) -> None:
    world.start()
    with pytest.raises(ValueError, match="protocol bolt is not loaded"):
        Engine(world.hand, world.snapshot, {}, {}, {}, world.array, Layout(world.snapshot, ["bolt"]), print)


def test_the_faults_are_the_frameworks() -> None:
    assert [(fault.value, fault.name.lower()) for fault in Fault] == [*enumerate(FAULT_NAMES)][1:]
