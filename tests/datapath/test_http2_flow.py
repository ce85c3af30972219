"""HTTP/2's windows, end to end: whoever does not read holds up what is for it, and nothing and nobody else."""

from __future__ import annotations

import asyncio

import h2.events
import pytest

from proxy.datapath.audit import audit
from tests.datapath import web
from tests.datapath.h2peer import Client, Server, accepted, client_of, start
from tests.datapath.world import World

STREAM_WINDOW = 256 * 1024
"""What we let a peer send of one stream."""

BIG = 4 * 1024 * 1024


async def turns(world: World, count: int = 60) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
    assert audit(world.engine) == []


async def pour(server: Server, stream: int, total: int) -> int:
    """As much of an answer as its windows let go; the bytes that went."""
    went = 0
    while went < total:
        room = min(server.conn.local_flow_control_window(stream), server.conn.max_outbound_frame_size, total - went)
        if room <= 0:
            try:
                data = await asyncio.wait_for(server.peer.loop.sock_recv(server.peer.sock, 1 << 18), 0.2)
            except TimeoutError:
                return went
            server.events += server.conn.receive_data(data)
            continue
        server.conn.send_data(stream, b"x" * room, end_stream=went + room == total)
        went += room
        await server.flush()
    return went


@pytest.mark.parametrize("far", ["http1", "http2"])
async def test_a_stream_that_is_not_read_does_not_hold_up_another_of_the_same_client(world: World, far: str) -> None:
    backend = world.backend()
    start(world, backend, far=far)
    client = await client_of(world, reads=False, window=BIG)
    world.size_of = web.size_of
    slow = await client.ask("/a/slow")
    if far == "http2":
        server = await accepted(backend)
        await server.request()
        await server.respond(1, b"", ("content-length", str(BIG)), ends=False)
        went = await pour(server, 1, BIG)
        assert went < 2 * STREAM_WINDOW + 65535 + 512 * 1024, "no more than the windows and a queue"
    else:
        upstream = await backend.accept()
        await web.take(upstream)
        await upstream.send(web.head("200 OK", f"Content-Length: {BIG}"))
        sending = asyncio.ensure_future(world.loop.sock_sendall(upstream.sock, bytes(BIG)))
    await turns(world)
    assert world.engine.describe()["buffers"]["held"] < 2 * 1024 * 1024
    for _ in range(5):
        quick = await client.ask("/a/quick")
        if far == "http2":
            request = await server.request()
            await server.respond(request.stream, b"quick")
        else:
            if not _:
                other = await backend.accept()
            await web.take(other)
            await other.send(web.response(b"quick"))
        assert (await client.answer(quick)).body == b"quick"
    got = sum(len(event.data) for event in client.events if isinstance(event, h2.events.DataReceived))
    assert 0 < got <= 65535, "what the client's own window of that stream lets through"
    client.conn.increment_flow_control_window(BIG, slow)
    client.reads = True
    await client.flush()
    if far == "http2":
        pouring = asyncio.ensure_future(pour(server, 1, BIG - went))
        assert len((await client.answer(slow)).body) == BIG
        await pouring
    else:
        assert len((await client.answer(slow)).body) == BIG
        await sending
    await turns(world)


async def test_clients_of_one_upstream_connection_do_not_hold_up_each_other(world: World) -> None:
    """One of them does not read at all, not even its socket; all share one connection to the host."""
    backend = world.backend()
    start(world, backend, max_connections=1)
    deaf = await client_of(world, reads=False, window=BIG, initial_window_size=BIG)
    await deaf.ask("/a/deaf")
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"", ("content-length", str(64 * BIG)), ends=False)
    went = await pour(server, 1, 64 * BIG)
    assert went < 64 * BIG
    await turns(world)
    assert world.engine.describe()["buffers"]["held"] < 3 * 1024 * 1024
    other = await client_of(world)
    for size in (1, 100_000, BIG):
        stream = await other.ask("/a/other")
        request = await server.request()
        answering = asyncio.ensure_future(server.respond(request.stream, bytes(size)))
        reading = asyncio.ensure_future(other.answer(stream))
        await answering
        assert len((await reading).body) == size
    assert len(world.upstreams()) == 1


async def test_uploads_to_a_host_that_reads_one_of_them(world: World) -> None:
    backend = world.backend()
    start(world, backend, max_connections=1)
    slow, quick = await client_of(world), await client_of(world)
    stream = await slow.ask("/a/slow", ends=False)
    server = await accepted(backend, reads=False, window=4 * BIG)
    await server.head()
    sending = asyncio.ensure_future(slow.data(stream, bytes(BIG), ends=True))
    await turns(world)
    done, _ = await asyncio.wait([sending], timeout=0.2)
    assert not done
    await turns(world)
    assert world.engine.describe()["buffers"]["held"] < 2 * 1024 * 1024
    call = await quick.ask("/a/quick", b"x" * 30_000)
    head = await server.head()
    assert (await server.whole(head.stream, head.fields)).body == b"x" * 30_000
    await server.respond(head.stream, b"got it")
    assert (await quick.answer(call)).body == b"got it"
    server.reads = True
    server.conn.increment_flow_control_window(BIG, 1)
    await server.flush()
    assert len((await server.whole(1, {})).body) == BIG
    await sending
    await server.respond(1, b"late")
    assert (await slow.answer(stream)).body == b"late"


async def test_an_answer_waits_for_a_window_of_zero_and_its_head_does_not(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world, reads=False, initial_window_size=0)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"hello", trailers={"x-end": "1"})
    await client.next(h2.events.ResponseReceived, stream)
    await turns(world)
    assert not client.seen(h2.events.DataReceived)
    for byte in b"hello":
        client.conn.increment_flow_control_window(1, stream)
        await client.flush()
        assert (await client.next(h2.events.DataReceived, stream)).data == bytes([byte])
    assert (await client.next(h2.events.TrailersReceived, stream)).headers == [(b"x-end", b"1")]
    await turns(world)


async def test_the_end_needs_no_window(world: World) -> None:
    """All of the data went, and the window with it; only the end of the stream is still to go."""
    backend = world.backend()
    start(world, backend)
    client = await client_of(world, reads=False, initial_window_size=5)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"hello", ends=False)
    assert (await client.next(h2.events.DataReceived, stream)).data == b"hello"
    server.conn.send_data(1, b"", end_stream=True)
    await server.flush()
    await client.next(h2.events.StreamEnded, stream)


async def test_windows_that_shrink_below_zero_and_grow_again(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world, reads=False)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"x" * 65_000, ends=False)
    got = 0
    while got < 65_000:
        got += len((await client.next(h2.events.DataReceived, stream)).data)
    client.conn.update_settings({4: 10})
    await client.flush()
    await client.next(h2.events.SettingsAcknowledged)
    await client.next(h2.events.SettingsAcknowledged)
    await server.data(1, b"more", ends=True)
    await turns(world)
    assert not client.seen(h2.events.DataReceived)
    client.conn.increment_flow_control_window(64_994, stream)
    await client.flush()
    assert (await client.next(h2.events.DataReceived, stream)).data == b"more"[:4]
    await turns(world)


async def test_small_pieces_in_great_number(world: World) -> None:
    """Chunks of a byte, windows of a byte, for many streams at a time."""
    backend = world.backend()
    start(world, backend)
    client = await client_of(world, initial_window_size=3)
    streams = [await client.ask(f"/a/{number}", b"b" * number) for number in range(50)]
    server = await accepted(backend, initial_window_size=2)
    for _ in range(50):
        request = await server.request()
        assert len(request.body) == int(request.path.rpartition("/")[2])
        server.conn.send_headers(request.stream, [(":status", "200")])
    await server.flush()
    for piece in range(20):
        for number in range(50):
            await server.data(2 * number + 1, bytes([65 + piece]), ends=piece == 19)
    for stream in streams:
        assert (await client.answer(stream)).body == bytes(range(65, 85))
    await turns(world)


async def test_data_beyond_the_window_ends_its_stream_alone(world: World) -> None:
    """The host does not read, so that nothing is given back; the client sends on all the same."""
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    stream, other = await client.ask("/a", ends=False), await client.ask("/a/other")
    server = await accepted(backend, reads=False)
    await server.head()
    await server.request()
    frame = b"\0\x40\0" + b"\0\0" + stream.to_bytes(4, "big") + bytes(16384)
    sending = asyncio.ensure_future(client.raw(frame * 100))
    assert (await client.next(h2.events.StreamReset, stream)).error_code == 3
    await sending
    await server.respond(3, b"fine")
    assert (await client.answer(other)).body == b"fine"
    await turns(world)


async def test_a_client_whose_window_stalls_is_reaped(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"idle_timeout": 5.0})
    client = await client_of(world, reads=False, initial_window_size=0)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"x" * 1000)
    await client.next(h2.events.ResponseReceived, stream)
    for _ in range(4):
        await world.advance(3)
        client.conn.ping(b"12345678")
        await client.flush()
        await turns(world)
        if not world.downstreams()[0]["in_flight"]:
            break
    reset = await client.next(h2.events.StreamReset, stream)
    assert reset.error_code == 8
    assert world.count("http2_bounds_total", bound="stalled_windows") == 1


async def test_no_window_of_the_client_is_exceeded(world: World) -> None:
    """The `h2` package ends the connection if it is; so many answers of many sizes go through small windows."""
    backend = world.backend()
    start(world, backend)
    client = await client_of(world, initial_window_size=1000, max_frame_size=16384)
    asked = {await client.ask(f"/a/{size}"): size for size in (0, 1, 999, 1000, 1001, 5000, 65535, 65536, 200_000)}
    server = await accepted(backend)
    answers = []
    for _ in asked:
        request = await server.request()
        answers.append(asyncio.ensure_future(server_says(server, request.stream, int(request.path.rpartition("/")[2]))))
        await answers[-1]
    for stream, size in asked.items():
        assert len((await client.answer(stream)).body) == size


async def server_says(server: Server, stream: int, size: int) -> None:
    await server.respond(stream, bytes(size))


async def test_many_waiting_streams_and_one_window(world: World) -> None:
    """All of them wait for the connection's window, and get it in turns."""
    backend = world.backend()
    start(world, backend, far="http2", max_connections=1)
    client: Client = await client_of(world, reads=False, initial_window_size=1 << 20)
    streams = [await client.ask(f"/a/{number}") for number in range(20)]
    server = await accepted(backend)
    for _ in streams:
        request = await server.request()
        await server.respond(request.stream, bytes(20_000))
    await turns(world)
    got = dict.fromkeys(streams, 0)
    ended = 0
    client.conn.increment_flow_control_window(1)
    await client.flush()
    while ended < 20:
        if not client.events and not await client.read():
            break
        for event in client.events:
            if isinstance(event, h2.events.DataReceived):
                got[event.stream_id] += len(event.data)
                client.conn.increment_flow_control_window(len(event.data) or 1)
            ended += isinstance(event, h2.events.StreamEnded)
        client.events.clear()
        await client.flush()
    assert set(got.values()) == {20_000}
    await turns(world)
