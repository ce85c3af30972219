"""Active health checks by gRPC: what is asked, what an answer means, and which calls go elsewhere because of it."""

from __future__ import annotations

import asyncio
from typing import Any

import h2.events
import pytest

from proxy.datapath.audit import audit
from proxy.snapshot import Fallback, GrpcCheck, HealthCheck, Keepalive
from tests.datapath import frames, test_streams
from tests.datapath.h2peer import CANCEL, INTERNAL, REFUSED, Client, Message, Server, accepted, client_of, limit_streams, start
from tests.datapath.test_pool import Deaf
from tests.datapath.world import Backend, Peer, World

CHECK = HealthCheck(GrpcCheck("shop.Carts"), interval=5.0, timeout=1.0, unhealthy_threshold=3, healthy_threshold=2)
SERVING, NOT_SERVING, SERVICE_UNKNOWN = (b"\0\0\0\0\2\x08" + bytes([status]) for status in (1, 2, 3))
GRPC = ("content-type", "application/grpc")
OK = {"grpc-status": "0"}
FIRST = 0.52
"""Seconds until the first check has begun: a tenth of the interval, and a tick of the timers."""


async def turns(world: World, count: int = 40) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
    assert audit(world.engine) == []


def begin(world: World, *hosts: Backend | str, check: HealthCheck | None = CHECK, **cluster: Any) -> World:
    return start(world, *hosts, health_check=check, keepalive=Keepalive(1e6), idle_timeout=0.0, **cluster)


def health(world: World, host: int = 0) -> Any:
    return world.engine.describe()["clusters"]["main"]["hosts"][host]["health"]


def checks(world: World, outcome: str, host: Backend | None = None) -> int:
    return world.count("upstream_health_checks_total", outcome=outcome, **({"host": host.address} if host else {}))


async def asked(server: Server) -> Message:
    request = await server.request()
    assert request.path == "/grpc.health.v1.Health/Check"
    return request


async def say(world: World, server: Server, host: Backend, message: bytes = SERVING) -> None:
    """Answers the check that is under way; it has been heard afterwards."""
    outcome = "passed" if message == SERVING else "unhealthy"
    before = checks(world, outcome, host)
    await server.respond((await asked(server)).stream, message, GRPC, trailers=OK)
    await world.until(lambda: checks(world, outcome, host) > before)
    await turns(world)


async def pair(
    world: World, first: bytes = SERVING, second: bytes = SERVING, **fields: Any
) -> tuple[list[Backend], list[Server]]:
    """Two hosts whose first checks have said so."""
    backends = [world.backend(), world.backend()]
    begin(world, *backends, **fields)
    await world.advance(FIRST)
    servers = [await accepted(each) for each in backends]
    for server, backend, message in zip(servers, backends, (first, second), strict=True):
        await say(world, server, backend, message)
    return backends, servers


async def rest(world: World) -> None:
    await world.advance(CHECK.interval + 0.02)


def calls(world: World) -> list[int]:
    """By host."""
    return [world.count("upstream_calls_total", host=host) for host in world.snapshot.clusters["main"].hosts]


async def sent(world: World, client: Client, path: str = "/a") -> tuple[int, int]:
    """A call that goes on at once: its stream, and the place of its host."""
    before = calls(world)
    stream = await client.ask(path)
    await world.until(lambda: calls(world) != before)
    return stream, next(index for index, count in enumerate(calls(world)) if count > before[index])


async def served(world: World, client: Client, *servers: Server) -> list[int]:
    """Which of the hosts get four calls, one after the other."""
    found = []
    for _ in range(4):
        stream, index = await sent(world, client)
        await servers[index].respond((await servers[index].request()).stream, b"fine")
        assert (await client.answer(stream)).body == b"fine"
        found.append(index)
    await turns(world)
    return found


# -- one check ------------------------------------------------------------------------------------------------------------


async def test_what_is_asked(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    assert health(world) == {"state": "unknown", "last": None, "reason": None}
    await world.advance(FIRST)
    server = await accepted(backend)
    request = await asked(server)
    assert request.body == b"\0\0\0\0\x0c\x0a\x0ashop.Carts"
    assert request.fields == {
        ":method": "POST", ":scheme": "http", ":path": "/grpc.health.v1.Health/Check", ":authority": backend.address,
        "content-type": "application/grpc", "te": "trailers", "user-agent": "xproto/health", "grpc-timeout": "1000m",
    }  # fmt: skip
    await turns(world)
    await server.respond(request.stream, SERVING, GRPC, trailers=OK)
    await world.until(lambda: checks(world, "passed") == 1)
    await turns(world)
    assert health(world) == {"state": "healthy", "last": "passed", "reason": ""}
    assert (world.count("upstream_unhealthy"), world.log) == (0, [])
    assert world.upstreams()[0]["streams"] == 0
    assert not server.seen(h2.events.StreamReset)


async def test_the_server_as_a_whole_by_another_name(world: World) -> None:
    backend = world.backend()
    begin(world, backend, check=HealthCheck(GrpcCheck(authority="carts.test:443")))
    await world.advance(FIRST)
    request = await asked(await accepted(backend))
    assert (request.fields[":authority"], request.body) == ("carts.test:443", b"\0\0\0\0\0")


async def test_calls_and_checks_share_a_connection(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    call = await server.request()
    await world.advance(FIRST)
    await say(world, server, backend)
    await server.respond(call.stream, b"fine")
    assert (await client.answer(stream)).body == b"fine"
    assert len(world.upstreams()) == 1


@pytest.mark.parametrize(
    ("message", "trailers", "outcome", "reason"),
    [
        (NOT_SERVING, OK, "unhealthy", "NOT_SERVING"),
        (SERVICE_UNKNOWN, OK, "unhealthy", "SERVICE_UNKNOWN"),
        (b"\0\0\0\0\0", OK, "unhealthy", "UNKNOWN"),
        (b"", {"grpc-status": "12"}, "unhealthy", "UNIMPLEMENTED: it has no service grpc.health.v1.Health"),
        (b"", {"grpc-status": "5"}, "unhealthy", "NOT_FOUND: it does not know the service that is asked for"),
        (b"", {"grpc-status": "14", "grpc-message": "soon"}, "unhealthy", "UNAVAILABLE"),
        (SERVING, {"grpc-status": "13"}, "unhealthy", "INTERNAL"),
        (b"", OK, "malformed", "not one message, or a compressed one"),
        (SERVING, {"grpc-status": "99"}, "malformed", "an answer without a status"),
        (SERVING, None, "malformed", "an answer without a status"),
        (b"\0\0\0\1\0" + bytes(256), OK, "malformed", "its answer is too long"),
    ],
)
async def test_an_answer_that_does_not_pass(world: World, message: bytes, trailers: Any, outcome: str, reason: str) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    request = await asked(server)
    await server.respond(request.stream, message, GRPC, trailers=trailers)
    await world.until(lambda: checks(world, outcome) == 1)
    await turns(world)
    assert health(world) == {"state": "unhealthy", "last": outcome, "reason": reason}
    assert world.log == [f"cluster main: host {backend.address}: unhealthy: {reason}"]
    assert world.count("upstream_unhealthy") == 1


async def test_a_status_without_a_message(world: World) -> None:
    """All of the answer in one block of fields, as servers end calls that they do not know."""
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    await server.respond((await asked(server)).stream, None, GRPC, ("grpc-status", "12"))
    await world.until(lambda: checks(world, "unhealthy") == 1)
    assert health(world)["reason"].startswith("UNIMPLEMENTED")


async def test_an_answer_that_is_not_of_grpc(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    await server.respond((await asked(server)).stream, b"no such page", ("content-type", "text/html"), status=404, ends=False)
    await world.until(lambda: checks(world, "unhealthy") == 1)
    assert health(world)["reason"] == "HTTP status 404, and no answer of gRPC"
    assert (await server.next(h2.events.StreamReset)).error_code == CANCEL
    await turns(world)


async def test_an_answer_in_pieces_behind_an_interim_one(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    stream = (await asked(server)).stream
    server.conn.send_headers(stream, [(":status", "103"), ("link", "x")])
    server.conn.send_headers(stream, [(":status", "200"), GRPC])
    await server.flush()
    for byte in SERVING:
        await server.data(stream, bytes([byte]))
        await turns(world)
    assert health(world)["last"] is None
    server.conn.send_headers(stream, list(OK.items()), end_stream=True)
    await server.flush()
    await world.until(lambda: checks(world, "passed") == 1)
    await turns(world)


async def test_no_answer_in_time(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    stream = (await asked(server)).stream
    await world.advance(CHECK.timeout + 0.02)
    assert (await server.next(h2.events.StreamReset, stream)).error_code == CANCEL
    assert health(world) == {"state": "unhealthy", "last": "timeout", "reason": "no answer within 1s"}
    await turns(world)
    assert world.upstreams()[0]["state"] == "open"


async def test_a_stream_that_is_reset(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    await server.reset((await asked(server)).stream, INTERNAL)
    await world.until(lambda: checks(world, "closed") == 1)
    assert health(world)["reason"] == "its stream was reset: INTERNAL_ERROR"
    await turns(world)


async def test_a_stream_that_is_refused(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    await server.reset((await asked(server)).stream, REFUSED)
    await world.until(lambda: checks(world, "closed") == 1)
    await turns(world)


async def test_a_connection_that_ends(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    await asked(server)
    server.peer.close()
    await world.until(lambda: checks(world, "closed") == 1)
    assert health(world)["reason"] == "the connection ended before the answer"
    await turns(world)
    await rest(world)
    await say(world, await accepted(backend), backend)


async def test_a_goodbye_before_the_check_was_looked_at_says_nothing(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    await asked(server)
    server.conn.close_connection(last_stream_id=0)
    await server.flush()
    await world.until(lambda: not world.upstreams() or world.upstreams()[0]["state"] == "draining")
    server.peer.close()
    await world.until(lambda: not world.upstreams())
    await turns(world)
    assert health(world) == {"state": "unknown", "last": None, "reason": None}
    await rest(world)
    await say(world, await accepted(backend), backend)


async def test_a_host_that_cannot_be_connected_to(world: World) -> None:
    begin(world, "127.0.0.1:1")
    await world.advance(FIRST)
    await world.until(lambda: checks(world, "connect") == 1)
    await turns(world)
    assert health(world) == {"state": "unhealthy", "last": "connect", "reason": "Connection refused"}
    assert world.count("upstream_connect_failures_total") == 1
    label = "cluster main: host 127.0.0.1:1"
    assert world.log == [f"{label}: cannot connect: Connection refused", f"{label}: unhealthy: Connection refused"]


async def test_a_host_that_cannot_be_asked_to_connect(world: World) -> None:
    begin(world, "unix:/nowhere/at/all.sock")
    await world.advance(FIRST)
    assert checks(world, "connect") == 1
    assert health(world)["reason"] == "connect to unix:/nowhere/at/all.sock"
    await turns(world)


async def test_a_host_that_does_not_take_connections(world: World) -> None:
    begin(world, Deaf(world).address, connect_timeout=0.3)
    await world.advance(FIRST + 0.4)
    assert health(world) == {"state": "unhealthy", "last": "connect", "reason": "no answer in time"}
    await turns(world)


async def test_a_check_makes_a_host_available_again(world: World) -> None:
    """Whoever backed off from it need not wait: it can be connected to."""
    backend = world.backend()
    host, port = backend.sock.getsockname()
    begin(world, backend, backoff_base=1000.0, backoff_max=1000.0)
    backend.close()
    await world.advance(FIRST)
    await world.until(lambda: checks(world, "connect", backend) == 1)
    again = world.backend_at(host, port)
    await rest(world)
    server = await accepted(again)
    await say(world, server, again)
    assert world.engine.describe()["clusters"]["main"]["hosts"][0]["available"]
    client = await client_of(world)
    assert await served(world, client, server) == [0] * 4


async def test_checks_come_one_interval_after_another(world: World) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    server = await accepted(backend)
    await say(world, server, backend)
    for _ in range(5):
        await world.advance(CHECK.interval * 0.9 - 0.02)
        assert await server.nothing_more()
        await world.advance(CHECK.interval * 0.1 + 0.04)
        await say(world, server, backend)


async def test_no_check_where_calls_get_no_stream(world: World) -> None:
    backend = world.backend()
    begin(world, backend, max_connections=1)
    client = await client_of(world)
    stream = await client.ask()
    server = await accepted(backend)
    await limit_streams(server, 1)
    call = await server.request()
    await server.next(h2.events.SettingsAcknowledged)
    await server.next(h2.events.SettingsAcknowledged)
    await world.advance(FIRST)
    await turns(world)
    assert await server.nothing_more()
    assert health(world)["last"] is None
    await server.respond(call.stream, b"fine")
    assert (await client.answer(stream)).body == b"fine"
    await rest(world)
    await say(world, server, backend)


# -- thresholds, and the calls --------------------------------------------------------------------------------------------


async def test_until_the_first_result_a_host_gets_calls(world: World) -> None:
    backends = [world.backend(), world.backend()]
    begin(world, *backends)
    client = await client_of(world)
    streams = [await client.ask(), await client.ask()]
    for backend in backends:
        server = await accepted(backend)
        await server.respond((await server.request()).stream, b"fine")
    for stream in streams:
        assert (await client.answer(stream)).body == b"fine"


@pytest.mark.parametrize("lb", ["round_robin", "random"])
async def test_the_first_failure_counts_at_once(world: World, lb: str) -> None:
    _, servers = await pair(world, SERVING, NOT_SERVING, lb=lb)
    client = await client_of(world)
    assert await served(world, client, *servers) == [0, 0, 0, 0]


async def test_a_healthy_host_has_to_fail_three_times_in_a_row(world: World) -> None:
    backends, servers = await pair(world)
    client = await client_of(world)
    for message in (NOT_SERVING, NOT_SERVING, SERVING, NOT_SERVING, NOT_SERVING):
        await rest(world)
        await say(world, servers[0], backends[0], message)
        await say(world, servers[1], backends[1])
        assert sorted(await served(world, client, *servers)) == [0, 0, 1, 1]
    await rest(world)
    await say(world, servers[0], backends[0], NOT_SERVING)
    await say(world, servers[1], backends[1])
    assert await served(world, client, *servers) == [1, 1, 1, 1]
    assert world.log == [f"cluster main: host {backends[0].address}: unhealthy: NOT_SERVING"]


async def test_an_unhealthy_host_has_to_pass_twice_in_a_row(world: World) -> None:
    backends, servers = await pair(world, NOT_SERVING)
    client = await client_of(world)
    for message in (SERVING, NOT_SERVING, SERVING):
        await rest(world)
        await say(world, servers[0], backends[0], message)
        await say(world, servers[1], backends[1])
        assert await served(world, client, *servers) == [1, 1, 1, 1]
    await rest(world)
    await say(world, servers[0], backends[0])
    await say(world, servers[1], backends[1])
    assert sorted(await served(world, client, *servers)) == [0, 0, 1, 1]
    assert world.log[1:] == [f"cluster main: host {backends[0].address}: healthy again"]
    assert world.count("upstream_unhealthy", host=backends[0].address) == 0


async def test_calls_that_a_host_has_go_on(world: World) -> None:
    backend = world.backend()
    begin(world, backend, check=HealthCheck(GrpcCheck(), panic_threshold=0))
    client = await client_of(world)
    stream = await client.ask("/a", b"x", ends=False)
    server = await accepted(backend)
    call = await server.head()
    await world.advance(FIRST)
    await say(world, server, backend, NOT_SERVING)
    await client.data(stream, b"y", ends=True)
    assert (await server.whole(call.stream, call.fields)).body == b"xy"
    await server.respond(call.stream, b"fine")
    assert (await client.answer(stream)).body == b"fine"


async def test_with_no_healthy_host_all_are_used(world: World) -> None:
    _, servers = await pair(world, NOT_SERVING, NOT_SERVING)
    client = await client_of(world)
    assert sorted(await served(world, client, *servers)) == [0, 0, 1, 1]


@pytest.mark.parametrize(("threshold", "panics"), [(50, False), (51, True)])
async def test_with_fewer_healthy_than_the_threshold_all_are_used(world: World, threshold: int, panics: bool) -> None:
    _, servers = await pair(world, SERVING, NOT_SERVING, check=HealthCheck(GrpcCheck(), panic_threshold=threshold))
    client = await client_of(world)
    assert sorted(await served(world, client, *servers)) == ([0, 0, 1, 1] if panics else [0, 0, 0, 0])


async def test_without_a_panic_calls_fail_where_no_host_is_healthy(world: World) -> None:
    backends, servers = await pair(world, NOT_SERVING, NOT_SERVING, check=HealthCheck(GrpcCheck(), panic_threshold=0))
    client = await client_of(world)
    assert (await client.call()).status == 503
    fields = ("content-type", "application/grpc")
    assert (await client.call("/a", b"", fields)).fields["grpc-status"] == "14"
    assert world.count("local_replies_total", fault="no_host") == 1
    assert world.count("local_replies_total", protocol="grpc", fault="no_host") == 1
    for _ in range(2):
        await rest(world)
        await say(world, servers[0], backends[0])
        await say(world, servers[1], backends[1], NOT_SERVING)
    assert await served(world, client, *servers) == [0] * 4


async def test_a_call_that_waits_goes_to_no_host_that_became_unhealthy(world: World) -> None:
    check = HealthCheck(GrpcCheck(), unhealthy_threshold=1)
    backends, servers = await pair(world, check=check, max_connections=1)
    for server in servers:
        await limit_streams(server, 2)
        await server.next(h2.events.SettingsAcknowledged)
    await turns(world)
    client = await client_of(world)
    placed = [await sent(world, client, f"/a/{number}") for number in range(3)]
    full = placed[0][1]
    sick, well = servers[1 - full], servers[full]
    assert [index for _, index in placed] == [full, 1 - full, full]
    streams = [(await servers[index].request()).stream for _, index in placed]
    await rest(world)
    await sick.respond((await asked(sick)).stream, NOT_SERVING, GRPC, trailers=OK)
    await world.until(lambda: checks(world, "unhealthy", backends[1 - full]) == 1)
    waits = await client.ask("/a/waits")
    await world.until(lambda: world.count("upstream_pending") == 1)
    await sick.respond(streams[1], b"fine")
    assert (await client.answer(placed[1][0])).body == b"fine"
    await turns(world)
    assert world.count("upstream_pending") == 1
    await well.respond(streams[0], b"fine")
    request = await well.request()
    assert request.path == "/a/waits"
    await well.respond(request.stream, b"went")
    assert (await client.answer(waits)).body == b"went"


# -- reloads --------------------------------------------------------------------------------------------------------------


async def test_a_host_that_goes_takes_its_check_along(world: World) -> None:
    gone, stays = world.backend(), world.backend()
    begin(world, gone, stays)
    await world.advance(FIRST)
    server = await accepted(gone)
    stream = (await asked(server)).stream
    await say(world, await accepted(stays), stays)
    world.change(clusters=world.cluster(hosts=(stays.address,)))
    assert (await server.next(h2.events.StreamReset, stream)).error_code == CANCEL
    assert await server.ended()
    await turns(world)
    assert world.engine.describe()["leaving"]["hosts"] == []
    assert len(world.engine.describe()["clusters"]["main"]["hosts"]) == 1


@pytest.mark.parametrize("when", ["resting", "asking", "connecting"])
async def test_a_cluster_that_goes_is_not_checked_any_more(world: World, when: str) -> None:
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    if when != "connecting":
        server = await accepted(backend)
        if when == "resting":
            await say(world, server, backend, NOT_SERVING)
        else:
            await asked(server)
    world.change(clusters={}, routes={"table": ()})
    await turns(world)
    await world.until(lambda: world.engine.describe()["timers"] == 0)
    assert world.engine.describe()["leaving"]["hosts"] == []


async def test_checks_that_end_leave_every_host_usable(world: World) -> None:
    backends, servers = await pair(world, SERVING, NOT_SERVING)
    await rest(world)
    await turns(world)
    world.change(clusters=world.cluster(health_check=None))
    for server in servers:
        await server.next(h2.events.StreamReset)
    assert health(world) is None
    assert audit(world.engine) == []
    client = await client_of(world)
    for server in servers:
        server.events.clear()
    assert sorted(await served(world, client, *servers)) == [0, 0, 1, 1]
    world.change(clusters=world.cluster(health_check=CHECK))
    await world.advance(FIRST)
    await say(world, servers[1], backends[1], NOT_SERVING)
    await say(world, servers[0], backends[0])
    assert await served(world, client, *servers) == [0] * 4


async def test_a_reload_that_changes_nothing_of_it_keeps_what_is_known(world: World) -> None:
    _, servers = await pair(world, SERVING, NOT_SERVING)
    world.change(clusters=world.cluster(timeout=7.0))
    await turns(world)
    client = await client_of(world)
    assert await served(world, client, *servers) == [0] * 4


async def test_another_check_decides_with_its_first_result(world: World) -> None:
    backends, servers = await pair(world, SERVING, NOT_SERVING)
    await rest(world)
    old = [(await asked(server)).stream for server in servers]
    world.change(clusters=world.cluster(health_check=HealthCheck(GrpcCheck("shop.Orders"))))
    for server, stream in zip(servers, old, strict=True):
        await server.next(h2.events.StreamReset, stream)
    client = await client_of(world)
    assert await served(world, client, *servers) == [0] * 4
    await world.advance(FIRST)
    await say(world, servers[0], backends[0], NOT_SERVING)
    await say(world, servers[1], backends[1])
    assert await served(world, client, *servers) == [1] * 4


async def test_a_check_keeps_nobody_waiting(world: World) -> None:
    """A worker that drains waits for calls, and not for checks."""
    backend = world.backend()
    begin(world, backend)
    await world.advance(FIRST)
    await asked(await accepted(backend))
    world.engine.stop_accepting()
    assert world.engine.in_flight() == 0


async def test_the_seed_decides_when(loop: asyncio.AbstractEventLoop) -> None:
    async def begins(seed: int) -> float:
        world = World(loop)
        begin(world, "127.0.0.1:1", seed=seed)
        passed = 0.0
        while not checks(world, "connect"):
            await world.advance(0.01)
            passed += 0.01
            await turns(world, 5)
        world.close()
        return round(passed, 2)

    assert await begins(1) == await begins(1)
    assert len({await begins(seed) for seed in range(1, 6)}) > 1


async def test_clusters_without_checks_say_so(world: World) -> None:
    start(world, world.backend())
    assert health(world) is None
    assert not [each for each in world.layout.counters if each.name == "xproto_upstream_health_checks_total"]


# -- whoever else is given a host -----------------------------------------------------------------------------------------


async def test_tunnels_go_to_healthy_hosts(world: World) -> None:
    backends, servers = await pair(world, NOT_SERVING, near="both", listener={"fallback": Fallback("main")})
    for _ in range(3):
        client = await world.client()
        await client.send(b"\0nobody's bytes")
        assert await (await backends[1].accept()).bytes(5) == b"\0nobo"
    assert await servers[0].nothing_more()


@pytest.mark.parametrize(("threshold", "pool"), [(0, None), (0, "ping_pong"), (1, None)])
async def test_calls_of_other_protocols(world: World, threshold: int, pool: Any) -> None:
    """They go to the same hosts, by connections of their own."""
    backend = world.backend()
    check = HealthCheck(GrpcCheck(), panic_threshold=threshold)
    world.start(backend, http="http2", health_check=check, keepalive=Keepalive(1e6), idle_timeout=0.0, pool=pool)
    await world.advance(FIRST)
    await say(world, await accepted(backend), backend, NOT_SERVING)
    client = await world.client()
    await client.send(frames.request(7))
    if threshold:
        upstream = await backend.accept()
        await upstream.send(frames.response(frames.id_of(await upstream.receive())))
    assert frames.id_of(await client.receive()) == 7
    assert world.count("local_replies_total", fault="no_host") == (0 if threshold else 1)


async def streamed(client: Peer, upstream: Peer) -> None:
    """The rest of a call by a connection of its own, which is free for another one afterwards."""
    call = test_streams.read(await upstream.receive())
    await upstream.send(test_streams.answer(call, b"fine"))
    assert test_streams.read(await client.receive()).body == b"fine"


async def test_streamed_calls_of_other_protocols(world: World) -> None:
    """Those that need a connection for themselves, free or new."""
    backends = [world.backend(), world.backend()]
    test_streams.begin(world, backends[0], http="http2", health_check=CHECK, idle_timeout=0.0)
    client = await world.client()
    await client.send(test_streams.ask(1, test_streams.BODY))
    await streamed(client, await backends[0].accept())
    world.change(clusters=world.cluster(hosts=tuple(each.address for each in backends)))
    await world.advance(FIRST)
    for backend, message in zip(backends, (NOT_SERVING, SERVING), strict=True):
        await say(world, await accepted(backend), backend, message)
    await client.send(test_streams.ask(2, test_streams.BODY))
    upstream = await backends[1].accept()
    await streamed(client, upstream)
    await client.send(test_streams.ask(3, test_streams.BODY))
    await streamed(client, upstream)
    assert calls(world) == [1, 2]
