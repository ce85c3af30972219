"""HTTP/2's connections from beginning to end: how many there are, how long they last, and how they part."""

from __future__ import annotations

import asyncio
from typing import Any

import h2.events
import msgspec
import pytest

from proxy.datapath.audit import audit
from proxy.snapshot import Http, Keepalive, ProxyProtocol
from tests.datapath import web
from tests.datapath.h2peer import (
    DATA,
    GET,
    GOAWAY,
    HEADERS,
    LATER,
    RST_STREAM,
    SETTINGS,
    Client,
    Server,
    accepted,
    client_of,
    frame,
    limit_streams,
    raw_client,
    start,
)
from tests.datapath.test_pool import Deaf
from tests.datapath.world import World

NO_BEATS = Keepalive(1e6)


async def turns(world: World, count: int = 40) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
    assert audit(world.engine) == []


async def exchange(client: Client, server: Server, path: str = "/a/x") -> None:
    stream = await client.ask(path)
    request = await server.request()
    assert request.path == path
    await server.respond(request.stream, b"fine")
    assert (await client.answer(stream)).body == b"fine"


# -- upstream: how many ---------------------------------------------------------------------------------------------------


async def test_many_clients_share_one_connection(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    clients = [await client_of(world) for _ in range(5)]
    asked = [(client, await client.ask(f"/a/{number}")) for number, client in enumerate(clients)]
    server = await accepted(backend)
    for _ in clients:
        request = await server.request()
        await server.respond(request.stream, request.path.encode())
    for number, (client, stream) in enumerate(asked):
        assert (await client.answer(stream)).body == f"/a/{number}".encode()
    assert len(world.upstreams()) == 1
    assert world.count("upstream_connections_active") == 1
    assert world.count("downstream_connections_active") == 5


async def test_a_server_that_takes_few_streams_gets_more_connections(world: World) -> None:
    backend = world.backend()
    start(world, backend, max_connections=3)
    client = await client_of(world)
    streams, servers = [], []
    for number in range(3):
        streams.append(await client.ask(f"/a/{number}"))
        servers.append(await accepted(backend))
        await limit_streams(servers[-1], 1)
        await servers[-1].request()
        await servers[-1].next(h2.events.SettingsAcknowledged)
        await servers[-1].next(h2.events.SettingsAcknowledged)
        await turns(world)
    waits = [await client.ask("/a/waits"), await client.ask("/a/waits/too"), await client.ask("/a/goes")]
    await turns(world)
    assert [each["in_flight"] for each in world.upstreams()] == [1, 1, 1]
    assert world.count("upstream_pending") == 3
    await client.reset(waits.pop())
    await turns(world)
    for server in servers:
        await server.respond(1, b"x")
    for stream in streams:
        assert (await client.answer(stream)).body == b"x"
    await turns(world)
    assert sorted(each["in_flight"] for each in world.upstreams()) == [0, 1, 1]
    for server in servers:
        if await server.nothing_more():
            continue
        request = await server.request()
        await server.respond(request.stream, b"y")
    for stream in waits:
        assert (await client.answer(stream)).body == b"y"
    await turns(world)


async def test_who_waits_for_a_stream_of_a_server_that_takes_none_any_more(world: World) -> None:
    """It waits without keeping the loop busy, and goes on when the server takes streams again."""
    backend = world.backend()
    start(world, backend, max_connections=1)
    client = await client_of(world)
    streams = [await client.ask(f"/a/{number}") for number in range(3)]
    server = await accepted(backend)
    for _ in range(3):
        request = await server.request()
        await server.respond(request.stream, b"x")
    for stream in streams:
        await client.answer(stream)
    await limit_streams(server, 0)
    await turns(world)
    waits = [await client.ask("/a/waits"), await client.ask("/a/waits/too"), await client.ask("/a/gives/up")]
    await turns(world)
    counted = count_turns(world)
    await turns(world, 200)
    assert len(counted) < 5, "the loop never comes to rest"
    assert await server.nothing_more() or not server.seen(h2.events.RequestReceived)
    await client.reset(waits.pop())
    await turns(world)
    await limit_streams(server, 1)
    for _ in waits:
        request = await server.request()
        await server.respond(request.stream, b"at last")
    for stream in waits:
        assert (await client.answer(stream)).body == b"at last"
    await turns(world)


def count_turns(world: World) -> list[object]:
    """What the proxy asks the loop to do soon, from now on."""
    found: list[object] = []

    def call_soon(callback: Any) -> Any:
        found.append(callback)
        return world.loop.call_soon(callback)

    world.hand.call_soon = call_soon  # type: ignore[attr-defined]
    return found


async def test_calls_wait_in_their_deadline_for_a_stream(world: World) -> None:
    backend = world.backend()
    start(world, backend, max_connections=1, timeout=2.0)
    client = await client_of(world)
    first = await client.ask("/a/first")
    server = await accepted(backend)
    await limit_streams(server, 1)
    await server.request()
    await turns(world)
    late = await client.ask("/a/late")
    await turns(world)
    await world.advance(3)
    assert (await client.answer(first)).status == 504
    await world.advance(3)
    assert (await client.answer(late)).status == 504
    await turns(world)


async def test_ids_run_out_and_another_connection_takes_over(world: World) -> None:
    backend = world.backend()
    start(world, backend, first_id=0x7FFFF000 - 5, max_connections=1)
    client = await client_of(world)
    server = None
    for _ in range(3):
        stream = await client.ask("/a/1")
        if server is None:
            server = await accepted(backend)
        request = await server.request()
        last = request.stream
        await server.respond(request.stream, b"x")
        assert (await client.answer(stream)).body == b"x"
        await turns(world)
    assert last >= 0x7FFFF000 - 2
    await turns(world)
    stream = await client.ask("/a/new")
    server = await accepted(backend)
    await server.request()
    await turns(world)
    assert stream


async def test_a_host_that_leaves_between_an_answer_and_the_end_of_its_stream(world: World) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="http1", max_connections=1)
    client = await world.client()
    await client.send(web.request())
    server = await accepted(backend)
    await server.respond((await server.request()).stream, b"x", ("content-length", "1"), ends=False)
    assert (await web.take(client)).body == b"x"
    await server.raw(frame(GOAWAY, 0, 0, bytes(3) + b"\1" + bytes(4)))
    await turns(world)
    await client.send(web.request())
    other = await accepted(backend)
    await other.respond((await other.request()).stream, b"y", ("content-length", "1"))
    assert (await web.take(client)).body == b"y"
    await turns(world)


async def test_a_host_that_ends_no_stream_is_left(world: World) -> None:
    """Its answers are whole by their length, so they are served all the same; but it does not make us keep ever more."""
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="http1", max_connections=1)
    client = await world.client()
    host = None
    for number in range(2049):
        await client.send(web.request())
        if host is None:
            host = await backend.accept()
            await host.send(frame(SETTINGS, 0, 0))
        await host.loop.sock_recv(host.sock, 1 << 16)
        stream = 2 * number + 1
        await host.send(frame(HEADERS, 4, stream, b"\x88\x0f\x0d\x011") + frame(DATA, 0, stream, b"x"))
        assert (await web.take(client)).body == b"x"
    await client.send(web.request())
    server = await accepted(backend)
    assert (await server.request()).stream == 1
    await turns(world)


# -- upstream: how long ---------------------------------------------------------------------------------------------------


async def test_an_idle_upstream_connection_goes(world: World) -> None:
    backend = world.backend()
    start(world, backend, idle_timeout=10.0, keepalive=NO_BEATS, listener={"idle_timeout": 0.0})
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await world.advance(30)
    assert len(world.upstreams()) == 1, "a call is on its way"
    await server.respond(1, b"x")
    await client.answer(stream)
    await turns(world)
    for _ in range(3):
        await world.advance(5)
        await turns(world)
    assert world.upstreams() == []
    assert await server.ended()
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"new")
    assert (await client.answer(stream)).body == b"new"


async def test_pings_keep_an_upstream_connection_alive_and_end_a_dead_one(world: World) -> None:
    backend = world.backend()
    start(world, backend, keepalive=Keepalive(10.0, 1.0, 2), idle_timeout=0.0, timeout=1000.0)
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    for _ in range(3):
        await world.advance(11)
        await server.next(h2.events.PingReceived)
        await turns(world)
    assert world.count("upstream_heartbeats_sent_total") >= 3
    await world.advance(10)
    await world.advance(3)
    await world.advance(3)
    answer = await client.answer(stream)
    assert answer.status == 502
    await turns(world)
    assert world.upstreams() == []


@pytest.mark.parametrize("far", ["http1", "http2"])
async def test_pings_of_peers_are_answered(world: World, far: str) -> None:
    backend = world.backend()
    start(world, backend, far=far)
    client = await client_of(world)
    client.conn.ping(b"01234567")
    await client.flush()
    assert (await client.next(h2.events.PingAckReceived)).ping_data == b"01234567"
    if far == "http2":
        await client.ask()
        server = await accepted(backend)
        server.conn.ping(b"76543210")
        await server.flush()
        assert (await server.next(h2.events.PingAckReceived)).ping_data == b"76543210"


async def test_a_host_that_leaves_ends_when_its_calls_have(world: World) -> None:
    old, new = world.backend(), world.backend()
    start(world, old)
    client = await client_of(world)
    stream = await client.ask("/a/old")
    server = await accepted(old)
    await server.request()
    world.change(clusters=world.cluster(hosts=(new.address,)))
    await turns(world)
    other = await client.ask("/a/new")
    taker = await accepted(new)
    request = await taker.request()
    await taker.respond(request.stream, b"new")
    assert (await client.answer(other)).body == b"new"
    await server.respond(1, b"old")
    assert (await client.answer(stream)).body == b"old"
    assert await server.ended()
    await turns(world)
    assert world.engine.describe()["leaving"]["hosts"] == []


async def test_a_host_that_leaves_while_it_is_connected_to(world: World) -> None:
    """The calls that wait there are answered or fail; nothing of it stays."""
    backend, new = world.backend(), world.backend()
    start(world, backend, idle_timeout=0.0, keepalive=NO_BEATS)
    client = await client_of(world)
    stream = await client.ask("/a/old")
    await world.until(world.upstreams)
    world.change(clusters=world.cluster(hosts=(new.address,)))
    server = await accepted(backend)
    request = await server.request()
    await server.respond(request.stream, b"old")
    assert (await client.answer(stream)).body == b"old"
    assert await server.ended()
    await turns(world)
    assert world.engine.describe()["leaving"]["hosts"] == []


async def test_a_deaf_host_that_leaves(world: World) -> None:
    new = world.backend()
    start(world, Deaf(world).address, connect_timeout=1.0)
    client = await client_of(world)
    stream = await client.ask("/a/old")
    await world.until(world.upstreams)
    world.change(clusters=world.cluster(hosts=(new.address,)))
    await world.advance(2)
    server = await accepted(new)
    request = await server.request()
    await server.respond(request.stream, b"new")
    assert (await client.answer(stream)).body == b"new"
    await turns(world)
    assert world.engine.describe()["leaving"]["hosts"] == []


async def test_new_limits_hold_for_connections_that_there_are(world: World) -> None:
    backend = world.backend()
    start(world, backend, idle_timeout=0.0, keepalive=Keepalive(1e6))
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"x")
    await client.answer(stream)
    world.change(clusters=world.cluster(idle_timeout=2.0, keepalive=Keepalive(1e6)))
    for _ in range(3):
        await world.advance(2)
        await turns(world)
    assert world.upstreams() == []


async def test_a_host_that_changes_its_version(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await client_of(world)
    stream = await client.ask("/a/two")
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"two")
    await client.answer(stream)
    world.size_of = web.size_of
    world.change(clusters=world.cluster(http="http1"))
    stream = await client.ask("/a/one")
    try:
        upstream = await backend.accept()
        assert (await web.take(upstream)).line == "GET /a/one HTTP/1.1"
        await upstream.send(web.response(b"one"))
    except TimeoutError:
        request = await server.request()  # an idle stream was left; it may be used up
        await server.respond(request.stream, b"one")
    assert (await client.answer(stream)).body == b"one"
    await turns(world)


# -- downstream -----------------------------------------------------------------------------------------------------------


async def test_an_idle_client_is_said_goodbye(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"idle_timeout": 5.0})
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    await server.respond(1, b"x")
    await client.answer(stream)
    for _ in range(3):
        await world.advance(4)
        await turns(world)
    ended = await client.next(h2.events.ConnectionTerminated)
    assert (ended.error_code, ended.last_stream_id) == (0, 1)
    assert await client.ended()
    client.peer.close()
    await world.until(lambda: not world.downstreams())
    await turns(world)


async def test_a_client_that_is_silent_with_a_call_on_its_way_is_pinged(world: World) -> None:
    backend = world.backend()
    start(world, backend, listener={"idle_timeout": 5.0}, timeout=1000.0, keepalive=NO_BEATS)
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await server.request()
    for seconds in (6, 21, 21):
        await world.advance(seconds)
        await client.next(h2.events.PingReceived)
        await turns(world)
    await server.respond(1, b"late")
    assert (await client.answer(stream)).body == b"late"
    await client.ask("/a/dead")
    await server.request()
    for _ in range(10):
        await world.advance(6)
    assert world.downstreams() == []
    await server.next(h2.events.StreamReset)
    await turns(world)


async def test_a_listener_that_leaves_drains_its_clients(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(frame(HEADERS, 4, 1, GET), frame(DATA, 0, 1, b"half "))
    server = await accepted(backend)
    await server.head()
    world.change({}, listeners={})
    await client.send(frame(HEADERS, 5, 3, LATER))
    warned = await client.next(GOAWAY)
    assert warned.payload == b"\x7f\xff\xff\xff\0\0\0\0"
    ended = await client.next(GOAWAY)
    assert ended.payload == b"\0\0\0\3\0\0\0\0", "what was sent before it was seen is served"
    await client.send(frame(HEADERS, 5, 5, LATER), frame(DATA, 1, 1, b"body"))
    assert (await server.whole(1, {})).body == b"half body"
    await turns(world)
    await server.respond(3, b"second")
    await server.respond(1, b"first")
    assert (await client.next(DATA, 3)).payload == b"second"
    assert (await client.next(DATA, 1)).payload == b"first"
    assert await client.ended()
    await world.advance(2)
    await turns(world)
    assert not world.engine.describe()["leaving"]["connections"]
    assert not client.frames or all(each.stream != 5 for each in client.frames)


async def test_a_client_that_answers_no_ping_is_drained_all_the_same(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(frame(HEADERS, 5, 1, GET))
    server = await accepted(backend)
    await server.request()
    world.change({}, listeners={})
    await turns(world)
    await world.advance(2)
    await server.respond(1, b"x")
    await client.next(DATA, 1)
    assert await client.ended()
    await world.advance(2)
    await turns(world)


async def test_streams_behind_the_last_goaway_are_passed_over(world: World) -> None:
    """With their bodies and trailers, however many: the client may not have seen it yet."""
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(frame(HEADERS, 5, 1, GET))
    server = await accepted(backend)
    await server.request()
    world.change({}, listeners={})
    await client.next(GOAWAY)
    assert (await client.next(GOAWAY)).payload[:4] == b"\0\0\0\1"
    for number in range(3, 903, 2):
        await client.send(frame(HEADERS, 4, number, LATER), frame(DATA, 0, number, b"data"), frame(HEADERS, 5, number))
    await turns(world)
    await server.respond(1, b"served")
    assert (await client.next(DATA, 1)).payload == b"served"
    assert not [each for each in client.frames if each.type in (RST_STREAM, GOAWAY)]


async def test_more_streams_than_are_allowed_are_refused(world: World) -> None:
    """Each once, whatever else comes for it: a client learns the limit only after its first requests."""
    backend = world.backend()
    start(world, backend)
    client = await raw_client(world)
    await client.send(frame(SETTINGS, 1, 0), frame(HEADERS, 4, 1, GET))
    for number in range(3, 401, 2):
        await client.send(frame(HEADERS, 4, number, LATER), frame(DATA, 0, number, b"data"), frame(HEADERS, 5, number))
    server = await accepted(backend)
    for _ in range(128 - 1):
        await server.head()
    await turns(world)
    await client.send(frame(DATA, 1, 1, b"x"))
    await server.respond(1, b"fine")
    assert (await client.next(DATA, 1)).payload == b"fine"
    refused = [await client.next(RST_STREAM) for _ in range(200 - 128)]
    assert {each.payload for each in refused} == {b"\0\0\0\7"}
    await turns(world)
    assert not [each for each in client.frames if each.type == RST_STREAM]


async def test_new_routes_hold_for_streams_to_come(world: World) -> None:
    one, two = world.backend(), world.backend()
    start(world, one)
    client = await client_of(world)
    stream = await client.ask("/a/1")
    server = await accepted(one)
    await exchange_rest(client, server, stream)
    clusters = world.snapshot.clusters | {
        "other": msgspec.structs.replace(world.snapshot.clusters["main"], name="other", hosts=(two.address,))
    }
    routes = {"table": tuple(msgspec.structs.replace(each, cluster="other") for each in world.snapshot.routes["table"])}
    world.change(clusters=clusters, routes=routes)
    stream = await client.ask("/a/2")
    other = await accepted(two)
    await exchange_rest(client, other, stream)
    assert not client.seen(h2.events.ConnectionTerminated)
    await turns(world)


async def exchange_rest(client: Client, server: Server, stream: int) -> None:
    request = await server.request()
    await server.respond(request.stream, b"x")
    assert (await client.answer(stream)).body == b"x"


async def test_both_versions_on_one_port(world: World) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="both", far="http2")
    new, old = await client_of(world), await world.client()
    stream = await new.ask("/a/new")
    server = await accepted(backend)
    await exchange_rest(new, server, stream)
    await old.send(web.request("/a/old"))
    request = await server.request()
    await server.respond(request.stream, b"x", ("content-length", "1"))
    assert (await web.take(old)).body == b"x"
    assert {each["protocol"] for each in world.downstreams()} == {"http1", "http2"}


async def test_the_preface_in_single_bytes_and_all_behind_it(world: World) -> None:
    backend = world.backend()
    start(world, backend, near="both")
    client = Client(await world.client(), client=True)
    client.conn.initiate_connection()
    client.conn.send_headers(
        1, [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/a")], end_stream=True
    )
    for byte in client.conn.data_to_send():
        await client.raw(bytes([byte]))
        await asyncio.sleep(0)
    server = await accepted(backend)
    await server.request()
    server.conn.send_headers(1, [(":status", "200")])
    server.conn.send_data(1, b"hello", end_stream=True)
    for byte in server.conn.data_to_send():
        await server.raw(bytes([byte]))
        await asyncio.sleep(0)
    assert (await client.answer(1)).body == b"hello"
    await turns(world)


async def test_a_client_that_only_connects_and_goes(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    for how in ("nothing", "half", "preface"):
        client = Client(await world.client(), client=True)
        if how != "nothing":
            client.conn.initiate_connection()
            data = client.conn.data_to_send()
            await client.raw(data[:10] if how == "half" else data)
        await turns(world)
        client.peer.close()
    await world.until(lambda: not world.downstreams())
    await turns(world)


async def test_a_client_behind_a_balancer_is_named_as_that_says(world: World) -> None:
    """Its connection, and each call of it."""
    backend = world.backend()
    start(world, backend, http=Http(forwarded=True), listener={"proxy_protocol": ProxyProtocol(("127.0.0.1/32",))})
    client = Client(await world.client(), client=True)
    await client.raw(b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n")
    await client.begin()
    stream = await client.ask("/a")
    server = await accepted(backend)
    request = await server.request()
    assert request.fields["x-forwarded-for"] == "203.0.113.9"
    (found,) = world.downstreams()
    assert (found["peer"], found["via"]) == ("203.0.113.9:4711", "{}:{}".format(*client.peer.sock.getsockname()))
    await server.respond(request.stream, b"x")
    assert (await client.answer(stream)).body == b"x"
    await turns(world)
