"""Downstream connections: which protocol, how much, how long, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import resource

import pytest

from proxy.snapshot import Keepalive
from tests.datapath import frames
from tests.datapath.frames import request, response
from tests.datapath.test_calls import EXCEPTION, under_way
from tests.datapath.world import World

BOTH = ("dubbo", "bolt")
NO_BEATS = Keepalive(interval=1e6)


# -- detection --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", BOTH)
async def test_the_protocol_is_found_byte_by_byte(world: World, protocol: str) -> None:
    backend = world.backend()
    world.start(backend, protocols=BOTH)
    client = await world.client()
    frame = request(1) if protocol == "bolt" else frames.dubbo_request(1)
    for at in range(len(frame)):
        await client.send(frame[at : at + 1])
        if world.downstreams() and world.downstreams()[0]["protocol"]:
            await world.until(lambda: world.count("downstream_rx_bytes_total") == at + 1)  # noqa: B023
        else:
            await asyncio.sleep(0)
    upstream = await backend.accept()
    upstream.size_of = client.size_of = frames.size_of if protocol == "bolt" else frames.dubbo_size
    assert len(await upstream.receive()) == len(frame)
    assert world.count("detected_total", result=protocol) == 1
    assert world.downstreams()[0]["protocol"] == protocol


async def test_both_protocols_at_once(world: World) -> None:
    backend = world.backend()
    world.start(backend, protocols=BOTH)
    bolt, dubbo = await world.client(), await world.client()
    dubbo.size_of = frames.dubbo_size
    await bolt.send(request(1))
    upstream = await backend.accept()
    await upstream.receive()
    await dubbo.send(frames.dubbo_request(1))
    other = await backend.accept()
    other.size_of = frames.dubbo_size
    await other.receive()
    await other.send(frames.dubbo_response(1))
    await upstream.send(response(1))
    assert await dubbo.receive() == frames.dubbo_response(1)
    assert await bolt.receive() == response(1)


async def test_nobodys_bytes(world: World) -> None:
    world.start(protocols=BOTH)
    client = await world.client()
    await client.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert await client.receive() == b""
    assert world.count("detected_total", result="none") == 1
    assert any("no protocol of this listener" in line for line in world.log)


async def test_too_few_bytes_for_too_long(world: World) -> None:
    world.start(protocols=BOTH, listener={"detect_timeout": 1.0})
    client = await world.client()
    await client.send(b"\xda")
    await world.until(lambda: world.count("downstream_rx_bytes_total"))
    await world.advance(0.9)
    assert world.downstreams()
    await world.advance(0.2)
    assert await client.receive() == b""
    assert world.count("detected_total", result="timeout") == 1


class Unsure:
    """A detector that always needs one byte more."""

    def detect(self, data: bytes) -> int:
        return len(data) + 1


async def test_a_byte_a_second_never_outlives_the_deadline(world: World) -> None:
    world.start(protocols=BOTH, listener={"detect_timeout": 5.0, "idle_timeout": 1000.0}, detector=Unsure())
    client = await world.client()
    for second in range(1, 6):
        assert await client.silent(), f"closed before second {second}"
        await client.send(b"x")
        await world.until(lambda: world.count("downstream_rx_bytes_total") == second)  # noqa: B023
        await world.advance(1.0)
    await world.advance(0.1)
    assert await client.receive() == b""
    assert world.count("detected_total", result="timeout") == 1
    assert any("after 5 bytes" in line for line in world.log)


async def test_how_long_detection_took_is_counted(world: World) -> None:
    backend = world.backend()
    world.start(backend, protocols=BOTH)
    client = await world.client()
    await client.send(request(1)[:1])
    await world.until(lambda: world.count("downstream_rx_bytes_total"))
    await world.advance(0.5)
    await client.send(request(1)[1:])
    assert await (await backend.accept()).receive()
    first, bounds = world.layout.histogram("xproto_detection_duration_seconds", listener="in")
    assert world.observed("detection_duration_seconds", listener="in") == 1
    assert 400_000 < world.array[first + len(bounds)] < 600_000


async def test_a_declared_protocol_is_not_timed(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    await (await world.client()).send(request(1))
    await (await backend.accept()).receive()
    assert world.observed("detection_duration_seconds", listener="in") == 0


async def test_a_client_that_connects_early_and_says_nothing_is_kept(world: World) -> None:
    """Client pools connect long before their first call."""
    world.start(protocols=BOTH, listener={"detect_timeout": 1.0, "idle_timeout": 60.0})
    client = await world.client()
    await world.until(world.downstreams)
    await world.advance(59)
    assert await client.silent()
    await world.advance(2)
    assert await client.receive() == b""


async def test_the_end_before_a_protocol(world: World) -> None:
    world.start(protocols=BOTH)
    client = await world.client()
    await client.send(b"\xda")
    client.finish()
    assert await client.receive() == b""
    assert world.count("detected_total", result="closed") == 1


async def test_detection_is_bounded_in_bytes(world: World) -> None:
    class Greedy:
        def detect(self, data: bytes) -> int:
            assert len(data) <= 8
            return len(data) + 1

    world.start(protocols=BOTH, listener={"detect_bytes": 8}, detector=Greedy())
    client = await world.client()
    await client.send(b"12345")
    await world.until(lambda: world.count("downstream_rx_bytes_total") == 5)
    assert world.downstreams()
    await client.send(b"678")
    assert await client.receive() == b""
    assert world.count("detected_total", result="none") == 1


# -- malformed --------------------------------------------------------------------------------------------------------


async def test_an_unreadable_header_block_is_answered_then_the_end(world: World) -> None:
    client, upstream, _ = await under_way(world)
    other = await world.client()
    await other.send(request(1))
    await upstream.receive()
    await client.send(request(8, headers=b"\x00\x00\x00\x09abc") + request(9))
    answer = await client.receive()
    assert (frames.id_of(answer), frames.status_of(answer)) == (8, EXCEPTION)
    await upstream.send(response(1) + response(2))
    assert frames.id_of(await client.receive()) == 7, "calls that were read before get their answers"
    assert await client.receive() == b""
    assert frames.id_of(await other.receive()) == 1, "nobody else notices"
    assert world.count("malformed_total") == 1
    client.close()
    await world.until(lambda: len(world.downstreams()) == 1)


async def test_bytes_that_are_no_frame_end_the_connection(world: World) -> None:
    client, upstream, _ = await under_way(world)
    await client.send(b"\x09" * 100)
    await upstream.send(response(1))
    assert frames.id_of(await client.receive()) == 7
    assert await client.receive() == b""
    assert world.count("malformed_total") == 1
    assert any("malformed" in line and "bolt: proto" in line for line in world.log)


async def test_a_response_from_downstream_is_malformed(world: World) -> None:
    world.start()
    client = await world.client()
    await client.send(response(1))
    assert await client.receive() == b""
    assert world.count("malformed_total") == 1


async def test_a_client_that_goes_on_writing_still_gets_its_error(world: World) -> None:
    """Closing with unread bytes would reset the connection, and the reset would overtake the answer."""
    world.start()
    client = await world.client()
    await client.send(request(8, headers=b"\x00\x00\x00\x09abc") + bytes(1_000_000))
    assert frames.status_of(await client.receive()) == EXCEPTION
    assert await client.receive() == b""
    await client.send(bytes(100_000))
    await world.advance(1.1)
    assert not world.downstreams()


# -- limits -----------------------------------------------------------------------------------------------------------


async def test_reading_stops_at_the_limit_of_calls(world: World) -> None:
    client, upstream, _ = await under_way(world, listener={"max_in_flight": 3})
    await client.send(b"".join(request(n, content=b"c%d" % n) for n in range(8, 18)) + request(18)[:30])
    ids = [1] + [frames.id_of(await upstream.receive()) for _ in range(2)]
    assert await upstream.silent()
    assert world.downstreams()[0]["paused"]
    assert world.downstreams()[0]["in_flight"] == 3
    await client.send(request(18)[30:])
    for _ in range(8):
        await upstream.send(response(ids.pop(0)))
        await client.receive()
        ids.append(frames.id_of(await upstream.receive()))
    for id in ids:
        await upstream.send(response(id))
        await client.receive()
    await world.until(lambda: not world.downstreams()[0]["paused"])
    await client.send(request(20))
    await upstream.receive()
    assert world.count("calls_total") == 13


async def test_a_client_that_does_not_read_is_cut(world: World) -> None:
    client, upstream, _ = await under_way(world, listener={"out_buffer_limit": 100_000})
    other = await world.client()
    for number in range(200):
        await client.send(request(100 + number))
    ids = [1] + [frames.id_of(await upstream.receive()) for _ in range(200)]
    for id in ids:
        await upstream.send(response(id, content=bytes(100_000)))
        if not any("cut" in line for line in world.log):
            assert all(d["unsent"] <= 200_100 for d in world.downstreams())
    await world.until(lambda: any("does not read" in line for line in world.log))
    assert len(world.downstreams()) == 1
    assert world.count("downstream_cut_total") == 1
    await other.send(request(1))
    id = frames.id_of(await upstream.receive())
    await upstream.send(response(id))
    assert frames.id_of(await other.receive()) == 1


async def test_local_answers_are_bounded_too(world: World) -> None:
    world.start(listener={"out_buffer_limit": 10_000})
    client = await world.client()
    sending = asyncio.ensure_future(client.send(request(1, service="nobody") * 1_000_000))
    await world.until(lambda: any("does not read" in line for line in world.log))
    with pytest.raises(ConnectionError):
        await sending


async def test_a_big_answer_to_a_reading_client_is_no_offence(world: World) -> None:
    client, upstream, _ = await under_way(world, listener={"out_buffer_limit": 1000})
    sending = asyncio.ensure_future(upstream.send(response(1, content=bytes(5_000_000))))
    assert len(frames.content_of(await client.receive())) == 5_000_000
    await sending


async def test_an_announced_gigabyte_allocates_nothing(world: World) -> None:
    world.start(world.backend())
    client = await world.client()
    await client.send(frames.announcing(1, 10**9))
    await world.until(lambda: world.count("downstream_rx_bytes_total"))
    assert world.engine.describe()["buffers"]["held"] <= 512
    sent = 22
    for _ in range(40):
        await client.send(bytes(10_000))
        sent += 10_000
        await world.until(lambda: world.count("downstream_rx_bytes_total") == sent)  # noqa: B023
        assert world.engine.describe()["buffers"]["held"] <= 2 * sent
    client.reset()
    await world.until(lambda: not world.downstreams())
    assert world.engine.describe()["buffers"]["held"] == 0


async def test_a_buffer_never_grows_above_the_announced_frame(world: World) -> None:
    backend = world.backend()
    world.start(backend)
    client = await world.client()
    frame = request(1, content=bytes(300_000))
    for at in range(0, len(frame) - 1, 50_000):
        await client.send(frame[at : min(at + 50_000, len(frame) - 1)])
        sent = min(at + 50_000, len(frame) - 1)
        await world.until(lambda: world.count("downstream_rx_bytes_total") == sent)  # noqa: B023
        assert world.engine.describe()["buffers"]["held"] <= len(frame)
    await client.send(frame[-1:])
    assert len(await (await backend.accept()).receive()) == len(frame)


# -- ends -------------------------------------------------------------------------------------------------------------


async def test_a_client_that_only_ends_its_side_still_gets_its_answers(world: World) -> None:
    client, upstream, _ = await under_way(world)
    client.finish()
    await world.until(lambda: world.downstreams()[0]["state"] == "ending")
    await upstream.send(response(1, content=b"late but there"))
    assert frames.content_of(await client.receive()) == b"late but there"
    assert await client.receive() == b""
    assert not world.downstreams()


async def test_idle_clients_are_let_go(world: World) -> None:
    client, upstream, _ = await under_way(world, listener={"idle_timeout": 5.0}, keepalive=NO_BEATS)
    await world.advance(20)
    assert await client.silent(), "a call is in flight"
    await upstream.send(response(1))
    await client.receive()
    await world.advance(4)
    await client.send(frames.heartbeat(1))
    await client.receive()
    await world.advance(4)
    assert await client.silent(), "a heartbeat is a sign of life"
    await world.advance(2)
    assert await client.receive() == b""


async def test_out_of_descriptors(world: World) -> None:
    world.start()
    first = await world.client()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = first.sock.fileno() + 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    hogs = []
    try:
        import socket

        waiting = socket.socket()
        world.closing.append(waiting)
        waiting.setblocking(False)
        try:
            while True:
                hogs.append(socket.socket())
        except OSError:
            pass
        waiting.connect_ex(world.listening.getsockname())
        await world.until(lambda: any("cannot accept" in line for line in world.log))
        for _ in range(5):
            await world.advance(0.12)
            await asyncio.sleep(0)
        assert sum("cannot accept" in line for line in world.log) == 1
        assert world.count("accept_paused_total") > 1
    finally:
        for hog in hogs:
            hog.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await world.advance(0.12)
    await world.until(lambda: world.count("downstream_connections_total") == 2)
    await first.send(frames.heartbeat(3))
    assert await first.receive() == frames.ack(3)


async def test_one_connection_too_many(world: World) -> None:
    """It is told at once, the others are not troubled; and there is room again when one of them has gone."""
    backend = world.backend()
    world.start(backend, listener={"max_connections": 2})
    first, second = await world.client(), await world.client()
    await first.send(request(1))
    upstream = await backend.accept()
    await upstream.receive()
    for _ in range(3):
        with contextlib.suppress(ConnectionResetError):  # at times before connect has returned
            assert await (await world.client()).receive() == b"", "a reset"
    await world.until(lambda: world.count("downstream_refused_total") == 3)
    assert len([line for line in world.log if "2 connections are open" in line]) == 1
    await upstream.send(response(1))
    assert frames.id_of(await first.receive()) == 1
    second.close()
    await world.until(lambda: len(world.downstreams()) == 1)
    again = await world.client()
    await again.send(request(2))
    await upstream.send(response(frames.id_of(await upstream.receive())))
    assert frames.id_of(await again.receive()) == 2


async def test_stop_accepting(world: World) -> None:
    client, upstream, _ = await under_way(world)
    assert world.engine.in_flight() == 1
    world.engine.stop_accepting()
    await world.client()
    await upstream.send(response(1))
    await client.receive()
    assert world.count("downstream_connections_total") == 1
    assert world.engine.in_flight() == 0


async def test_a_fault_of_ours_costs_one_connection(world: World) -> None:
    class Broken:
        keys = ("service",)

        def decide(self, values: tuple[bytes | None, ...]) -> int:
            if values[0] == b"trap":
                raise RuntimeError("sprung")
            return 0

    backend = world.backend()
    world.start(backend, table=Broken())
    bad, good = await world.client(), await world.client()
    await bad.send(request(1) + request(2, service="trap") + request(3))
    assert await bad.receive() == b""
    await good.send(request(4))
    upstream = await backend.accept()
    assert frames.id_of(await upstream.receive()) == 1
    await upstream.send(response(1) + response(2))
    assert await good.receive() == response(4)
    assert any("internal error" in line and "sprung" in line for line in world.log)
    world.log.clear()


# -- the decision cache -----------------------------------------------------------------------------------------------


class Counting:
    keys = ("service", "method")

    def __init__(self) -> None:
        self.asked: list[tuple[bytes | None, ...]] = []

    def decide(self, values: tuple[bytes | None, ...]) -> int:
        self.asked.append(values)
        return -1


async def ask(world: World, services: list[str | None]) -> None:
    client = await world.client()
    before = world.count("calls_total")
    for at in range(0, len(services), 500):
        await client.send(b"".join(request(1, service=service) for service in services[at : at + 500]))
        for _ in services[at : at + 500]:
            await client.receive()
    assert world.count("calls_total") == before + len(services)


async def test_a_decision_is_made_once(world: World) -> None:
    table = Counting()
    world.start(table=table)
    await ask(world, ["a", "b", None, "a", "b", "", None, "a", ""] * 3)
    assert sorted(table.asked, key=str) == sorted([(b"a", None), (b"b", None), (None, None), (b"", None)], key=str)


async def test_values_that_differ_always_do_not_fill_memory(world: World) -> None:
    table = Counting()
    world.start(table=table)
    await ask(world, [f"service-{n}" for n in range(10_000)])
    assert len(table.asked) == 10_000
    await ask(world, [f"service-{n}" for n in range(9_500, 10_000)])
    assert len(table.asked) == 10_000, "the newest are remembered"
    await ask(world, ["service-0"])
    assert len(table.asked) == 10_001, "the oldest are not"


async def test_long_values_are_decided_each_time(world: World) -> None:
    table = Counting()
    world.start(table=table)
    await ask(world, ["x" * 600, "x" * 600])
    assert table.asked == [(b"x" * 600, None)] * 2


async def test_a_table_that_asks_nothing_is_asked_once(world: World) -> None:
    table = Counting()
    table.keys = ()
    world.start(table=table)
    await ask(world, ["a", "b"])
    assert table.asked == [()]
