"""HTTP/2 where somebody gives up, breaks or lies: each stream hears of it, once and why, and no other does."""

from __future__ import annotations

import asyncio

import h2.events
import h2.exceptions
import pytest

from proxy.datapath.audit import audit
from tests.datapath import web
from tests.datapath.h2peer import CALM, CANCEL, INTERNAL, REFUSED, accepted, client_of, start
from tests.datapath.test_pool import Deaf
from tests.datapath.world import World
from tests.http2.speech import END_HEADERS, END_STREAM, HEADERS, REQUEST, RST, frame, u32


async def turns(world: World, count: int = 40) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
    assert audit(world.engine) == []


async def test_a_cancelled_call_is_cancelled_upstream(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    one, two = await client.ask("/a/1"), await client.ask("/a/2", b"x", ends=False)
    server = await accepted(backend)
    await server.request()
    await server.head()
    await client.reset(one)
    await client.reset(two)
    assert (await server.next(h2.events.StreamReset, 1)).error_code == CANCEL
    assert (await server.next(h2.events.StreamReset, 3)).error_code == CANCEL
    await turns(world)
    assert (await client_calls(client, server)) == b"fine"
    assert len(world.upstreams()) == 1


async def client_calls(client, server) -> bytes:
    stream = await client.ask("/a/after")
    request = await server.request()
    await server.respond(request.stream, b"fine")
    return (await client.answer(stream)).body


async def test_a_call_cancelled_before_its_host_is_connected(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    gone, stays = await client.ask("/a/gone"), await client.ask("/a/stays")
    await client.reset(gone)
    server = await accepted(backend)
    request = await server.request()
    while request.path != "/a/stays":
        request = await server.request()
    await server.respond(request.stream, b"ok")
    assert (await client.answer(stays)).body == b"ok"
    await turns(world)


@pytest.mark.parametrize("near", ["http1", "http2"])
async def test_a_client_that_goes_away_cancels_its_calls(world: World, near: str) -> None:
    backend = world.backend()
    start(world, backend, near=near)
    if near == "http2":
        client = await client_of(world)
        for number in range(5):
            await client.ask(f"/a/{number}", b"x", ends=bool(number % 2))
        peer = client.peer
    else:
        peer = await world.client()
        await peer.send(web.request())
    server = await accepted(backend)
    await server.head()
    peer.reset()
    await server.next(h2.events.StreamReset, 1)
    await world.until(lambda: not world.downstreams())
    await turns(world)
    assert world.count("upstream_in_flight") == 0


@pytest.mark.parametrize("code", [CANCEL, INTERNAL, 0xB, 0xFFFFFFFF])
async def test_a_stream_that_the_host_resets(world: World, code: int) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    one, two = await client.ask("/a/1"), await client.ask("/a/2")
    server = await accepted(backend)
    await server.request()
    await server.request()
    await server.reset(1, code)
    reset = await client.next(h2.events.StreamReset, one)
    assert reset.error_code == min(code, 0x7FFFFFFF)
    await server.respond(3, b"two")
    assert (await client.answer(two)).body == b"two"
    stream = await client.ask("/a/half")
    await server.request()
    await server.respond(5, b"half", ends=False)
    await client.next(h2.events.DataReceived, stream)
    await server.reset(5, code)
    await client.next(h2.events.StreamReset, stream)
    await turns(world)


async def test_a_stream_that_the_host_resets_for_a_client_of_the_old_version(world: World) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="http1")
    client = await world.client()
    await client.send(web.request())
    server = await accepted(backend)
    await server.request()
    await server.reset(1, INTERNAL)
    assert (await web.take(client)).status == 502


@pytest.mark.parametrize("how", ["close", "reset", "garbage", "goaway"])
async def test_an_upstream_connection_that_dies_in_mid_call(world: World, how: str) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    begun, asked, sending = await client.ask("/a/1"), await client.ask("/a/2"), await client.ask("/a/3", b"x" * 10, ends=False)
    server = await accepted(backend)
    for _ in range(3):
        await server.head()
    await server.respond(1, b"half", ends=False)
    await client.next(h2.events.DataReceived, begun)
    if how == "close":
        server.peer.close()
    elif how == "reset":
        server.peer.reset()
    elif how == "garbage":
        await server.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    else:
        await server.raw(b"\0\0\x08\7\0\0\0\0\0\0\0\0\5\0\0\0\2")
        server.peer.close()
    await client.next(h2.events.StreamReset, begun)
    assert (await client.answer(asked)).status == 502
    answer = await client.next(h2.events.ResponseReceived, sending)
    assert (b":status", b"502") in answer.headers
    await turns(world)
    assert world.upstreams() == []
    stream = await client.ask("/a/4")
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"new")
    assert (await client.answer(stream)).body == b"new"


async def test_a_host_that_refuses_the_connection(world: World) -> None:
    backend = world.backend()
    address = backend.address
    backend.close()
    start(world, address)
    client = await client_of(world)
    streams = [await client.ask(f"/a/{number}") for number in range(10)]
    for stream in streams:
        assert (await client.answer(stream)).status == 503
    await turns(world)
    assert world.upstreams() == []


async def test_a_host_that_is_not_connected_in_time(world: World) -> None:
    start(world, Deaf(world).address, connect_timeout=1.0, timeout=10.0)
    client = await client_of(world)
    streams = [await client.ask(f"/a/{number}") for number in range(10)]
    await world.until(lambda: world.upstreams() and world.upstreams()[0]["streams"] == 10)
    await turns(world)
    await world.advance(2)
    await turns(world)
    for stream in streams:
        assert (await client.answer(stream)).status in (503, 504)
    assert world.upstreams() == []


async def test_a_call_that_gets_no_answer_in_time(world: World) -> None:
    backend = world.backend()
    start(world, backend, timeout=2.0)
    client = await client_of(world)
    one, two = await client.ask("/a/1"), await client.ask("/a/2")
    server = await accepted(backend)
    await server.request()
    await server.request()
    await server.respond(3, b"half", ends=False)
    await client.next(h2.events.DataReceived, two)
    await world.advance(3)
    assert (await client.answer(one)).status == 504
    await client.next(h2.events.StreamReset, two)
    assert (await server.next(h2.events.StreamReset, 1)).error_code == CANCEL
    await server.next(h2.events.StreamReset, 3)
    await server.raw(b"\0\0\1\1\4\0\0\0\1\x88" + b"\0\0\3\0\1\0\0\0\1abc")
    assert (await client_calls(client, server)) == b"fine"
    await turns(world)


async def test_calls_that_a_goaway_did_not_process_go_elsewhere(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    streams = [await client.ask(f"/a/{number}", None if number % 2 else b"x" * number) for number in range(6)]
    old = await accepted(backend)
    for _ in range(6):
        await old.request()
    old.conn.close_connection(last_stream_id=5)
    await old.raw(old.conn.data_to_send())
    new = await accepted(backend)
    for _ in range(3):
        request = await new.request()
        await new.respond(request.stream, request.path.encode())
    for number in (3, 4, 5):
        assert (await client.answer(streams[number])).body == f"/a/{number}".encode()
    for stream in (1, 3, 5):
        await old.raw(b"\0\0\1\1\4" + stream.to_bytes(4, "big") + b"\x88\0\0\3\0\1" + stream.to_bytes(4, "big") + b"old")
    for number in (0, 1, 2):
        assert (await client.answer(streams[number])).body == b"old"
    assert await old.peer.ended()
    await turns(world)
    assert [each["state"] for each in world.upstreams()] == ["open"]


async def test_a_refused_stream_goes_to_another_host(world: World) -> None:
    one, two = world.backend(), world.backend()
    start(world, one, two)
    client = await client_of(world)
    stream = await client.ask("/a/refused", b"with a body")
    first, second = asyncio.ensure_future(accepted(one)), asyncio.ensure_future(accepted(two))
    done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
    refuser, other = (first, second) if first in done else (second, first)
    request = await refuser.result().request()
    await refuser.result().reset(request.stream, REFUSED)
    request = await (await other).request()
    assert request.body == b"with a body"
    await other.result().respond(request.stream, b"taken")
    assert (await client.answer(stream)).body == b"taken"
    await turns(world)


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("how", ["refused", "goaway"])
async def test_a_half_sent_request_that_was_not_looked_at_goes_elsewhere_whole(world: World, how: str, counted: bool) -> None:
    backend = world.backend()
    spare = world.backend()
    start(world, *([backend, spare] if how == "refused" else [backend]))
    client = await client_of(world)
    fields = [("content-length", "10")] if counted else []
    stream = await client.ask("/a/half", None, *fields, method="POST", ends=False)
    await client.data(stream, b"first")
    if how == "refused":
        waits = [asyncio.ensure_future(accepted(each)) for each in (backend, spare)]
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        (server,), (later,) = [each for each in waits if each in done], [each for each in waits if each not in done]
        old = server.result()
        await old.head()
        await old.next(h2.events.DataReceived)
        await old.reset(1, REFUSED)
        new = await later
    else:
        old = await accepted(backend)
        await old.head()
        await old.next(h2.events.DataReceived)
        old.conn.close_connection(last_stream_id=0)
        await old.raw(old.conn.data_to_send())
        new = await accepted(backend)
    head = await new.head()
    await client.data(stream, b"after", ends=True)
    request = await new.whole(head.stream, head.fields)
    assert request.body == b"firstafter"
    await new.respond(request.stream, b"got it")
    assert (await client.answer(stream)).body == b"got it"
    await turns(world)


async def test_a_stream_that_all_hosts_refuse(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    stream = await client.ask("/a/refused")
    server = await accepted(backend)
    request = await server.request()
    await server.reset(request.stream, REFUSED)
    assert (await client.next(h2.events.StreamReset, stream)).error_code == REFUSED
    await turns(world)


@pytest.mark.parametrize(
    ("name", "frame", "code"),
    [
        ("settings", b"\0\0\0\4\0\0\0\0\0", CALM),
        ("pings", b"\0\0\x08\6\0\0\0\0\0" + bytes(8), CALM),
        ("priorities", b"\0\0\5\2\0\0\0\0\3" + bytes(5), CALM),
        ("unknown", b"\0\0\0\xbe\0\0\0\0\0", CALM),
        ("windows", b"\0\0\4\x08\0\0\0\0\0\0\0\0\1", CALM),
    ],
)
async def test_floods_end_the_connection_and_are_counted(world: World, name: str, frame: bytes, code: int) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    sending = asyncio.ensure_future(client.raw(frame * 150_000))
    ended = await client.next(h2.events.ConnectionTerminated)
    assert ended.error_code == code
    sending.cancel()
    assert (await server.next(h2.events.StreamReset, 1)).error_code == CANCEL
    assert world.count("http2_bounds_total", bound=name) == 1
    await turns(world)
    assert stream == 1


async def test_rapid_reset(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    one = [
        frame(HEADERS, END_STREAM | END_HEADERS, number, REQUEST) + frame(RST, 0, number, u32(CANCEL))
        for number in range(1, 4001, 2)
    ]
    await client.raw(b"".join(one))
    while not client.seen(h2.events.ConnectionTerminated):
        assert await client.read()
    assert (await client.next(h2.events.ConnectionTerminated)).error_code == CALM
    await turns(world)
    assert world.count("upstream_in_flight") == 0


async def test_resets_that_we_are_made_to_send(world: World) -> None:
    """MadeYouReset: each request is followed by what must end its stream."""
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    for number in range(250):
        try:
            stream = await client.ask(f"/a/{number}")
            await client.raw(b"\0\0\4\x08\0" + stream.to_bytes(4, "big") + bytes(4))
        except (ConnectionError, h2.exceptions.ProtocolError):
            break
        await asyncio.sleep(0)
    while not client.seen(h2.events.ConnectionTerminated):
        assert await client.read()
    assert (await client.next(h2.events.ConnectionTerminated)).error_code == CALM
    await turns(world)


async def test_many_streams_of_one_client_that_are_all_cancelled_do_no_harm_to_others(world: World) -> None:
    """Their answers are on their way: more of them than closed streams are remembered."""
    backend = world.backend()
    start(world, backend, max_connections=4)
    others = await client_of(world)
    kept = await others.ask("/a/kept")
    server = await accepted(backend)
    await server.request()
    crowds = []
    for _ in range(3):
        crowds.append(await client_of(world))
        for number in range(30):
            await crowds[-1].ask(f"/a/{number}")
        for _ in range(30):
            await server.head()
    for crowd in crowds:
        crowd.peer.reset()
    await world.until(lambda: len(world.downstreams()) == 1)
    await turns(world)
    for number in range(90):
        await server.raw(
            b"\0\0\1\1\4"
            + (2 * number + 3).to_bytes(4, "big")
            + b"\x88\0\0\3\0\1"
            + (2 * number + 3).to_bytes(4, "big")
            + b"old"
        )
    await turns(world)
    await server.raw(b"\0\0\1\1\5\0\0\0\1\x88")
    assert (await others.answer(kept)).status == 200


async def test_malformed_requests_end_their_streams_alone(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    good = await client.ask("/a/good")
    server = await accepted(backend)
    await server.request()
    client.conn.config.validate_outbound_headers = False
    client.conn.config.normalize_outbound_headers = False
    for number, head in enumerate(
        (
            [(":method", "GET"), (":scheme", "http"), (":path", "/a b")],
            [(":method", "GET"), (":scheme", "http"), (":path", "/a"), ("x", "a\r\nb: c")],
            [(":method", "GET"), (":scheme", "http"), (":path", "/a"), ("connection", "close")],
            [(":method", "GET"), (":scheme", "http"), (":path", "/a"), ("transfer-encoding", "chunked")],
            [(":method", "GET"), (":scheme", "http"), (":path", "")],
            [(":method", "POST"), (":scheme", "http"), (":path", "/a"), ("content-length", "5")],
        )
    ):
        stream = 3 + 2 * number
        client.conn.send_headers(stream, head, end_stream=True)
        await client.flush()
        assert (await client.next(h2.events.StreamReset, stream)).error_code == 1, head
    await server.respond(1, b"good")
    assert (await client.answer(good)).body == b"good"
    assert await server.nothing_more()


async def test_more_or_less_data_than_was_announced(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    server = None
    for number, sent in enumerate((b"1234", b"123456")):
        stream = await client.ask("/a", None, ("content-length", "5"), method="POST", ends=False)
        if server is None:
            server = await accepted(backend)
        await server.head()
        await client.raw(len(sent).to_bytes(3, "big") + b"\0\1" + stream.to_bytes(4, "big") + sent)
        assert (await client.next(h2.events.StreamReset, stream)).error_code == 1
        await server.next(h2.events.StreamReset, 1 + 2 * number)
    for sent in (b"1234", b"123456"):
        stream = await client.ask("/a")
        request = await server.request()
        await server.respond(request.stream, None, ("content-length", "5"), ends=False)
        await server.raw(len(sent).to_bytes(3, "big") + b"\0\1" + request.stream.to_bytes(4, "big") + sent)
        await client.next(h2.events.StreamReset, stream)
        assert (await server.next(h2.events.StreamReset, request.stream)).error_code == 1
    await turns(world)
