"""Copies of calls to another cluster: what they are, what becomes of them, and that nobody but them feels it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.datapath.audit import audit
from proxy.observe.logfile import LogFiles
from proxy.snapshot import AccessLog, Cluster, ClusterFrom, Mirror, Route, WeightedClusters
from tests.datapath import frames, web
from tests.datapath.h2peer import accepted, client_of
from tests.datapath.world import Backend, World
from tests.policy.speech import ALL, Bolt, Dubbo, Grpc, Http1, Speech

every_protocol = pytest.mark.parametrize("speech", ALL, ids=repr)
DEAD = "127.0.0.1:1"
IN_FLIGHT = 1024


def start(
    world: World, speech: Speech, live: Backend, shadow: Backend | str | None, percent: float = 100.0, **shadows: Any
) -> World:
    """Calls go to `live`, and copies to `shadow`, whose cluster is made with `shadows`."""
    hosts = () if shadow is None else (shadow if isinstance(shadow, str) else shadow.address,)
    cluster = Cluster("shadow", hosts, **{**speech.cluster, **shadows})
    route = Route("all", (), "live", mirrors=(Mirror("shadow", percent),))
    return speech.start(world, (route,), {"live": live}, clusters={"shadow": cluster})


def copies(world: World, outcome: str) -> int:
    return world.count("mirror_calls_total", cluster="shadow", outcome=outcome)


def dropped(world: World, reason: str) -> int:
    return world.count("mirror_dropped_total", cluster="shadow", reason=reason)


def waiting(world: World) -> int:
    return world.count("mirror_in_flight", cluster="shadow")


async def call(speech: Speech, client: Any, server: Any, word: str = "a", body: bytes = b"") -> None:
    """One live call, there and back."""
    await speech.ask(client, word, body=body)
    asked = await speech.take(server)
    assert asked.word == word
    await speech.answer(server, asked, "live")
    told = await speech.hear(client)
    assert (told.code, told.text) == (0, "live")


async def first(speech: Speech, client: Any, live: Backend, body: bytes = b"") -> Any:
    """The first live call; the connection that it came by."""
    await speech.ask(client, body=body)
    server = await speech.server(live)
    await speech.answer(server, await speech.take(server), "live")
    assert (await speech.hear(client)).text == "live"
    return server


@every_protocol
@pytest.mark.parametrize("body", [b"", b"some body"], ids=["empty", "body"])
async def test_a_copy_goes_there_and_its_answer_nowhere(world: World, speech: Speech, body: bytes) -> None:
    live, shadow = world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live, body)
    mirror = await speech.server(shadow)
    copy = await speech.take(mirror)
    assert (copy.word, copy.body) == ("a", body if speech.name not in {"dubbo", "thrift"} else b"")
    await speech.answer(mirror, copy, "shadow")
    await world.until(lambda: copies(world, "answered") == 1)
    await call(speech, client, server, "b", body)
    copy = await speech.take(mirror)  # by the same connection
    assert copy.word == "b"
    await speech.answer(mirror, copy, "shadow")
    await world.until(lambda: copies(world, "answered") == 2)
    await call(speech, client, server, "c")
    assert waiting(world) == 1
    assert world.count("calls_total", protocol=speech.name) == 3
    assert audit(world.engine) == []


@every_protocol
async def test_an_answer_that_comes_first_changes_nothing(world: World, speech: Speech) -> None:
    live, shadow = world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    await speech.ask(client)
    mirror = await speech.server(shadow)
    await speech.answer(mirror, await speech.take(mirror), "shadow")
    await world.until(lambda: copies(world, "answered") == 1)
    server = await speech.server(live)
    await speech.answer(server, await speech.take(server), "live")
    assert (await speech.hear(client)).text == "live"


@pytest.mark.parametrize(("percent", "least", "most"), [(0.0, 0, 0), (0.5, 0, 30), (25.0, 180, 330), (100.0, 1000, 1000)])
async def test_percent_of_the_calls(world: World, percent: float, least: int, most: int) -> None:
    speech, live, shadow = Bolt(), world.backend(), world.backend()
    start(world, speech, live, shadow, percent)
    client = await speech.client(world)
    await client.send(speech.request("a", oneway=True, body=b"") * 1000)
    await world.until(lambda: world.count("upstream_calls_total", cluster="live", host=live.address) == 1000)
    assert least <= copies(world, "oneway") <= most
    assert world.count("oneways_dropped_total") == 0


@pytest.mark.parametrize("speech", [each for each in ALL if each.has_oneways], ids=repr)
async def test_copies_of_oneways(world: World, speech: Speech) -> None:
    live, shadow = world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    await speech.ask(client, "once", oneway=True)
    mirror = await speech.server(shadow)
    assert (await speech.take(mirror)).word == "once"
    server = await speech.server(live)
    assert (await speech.take(server)).word == "once"
    assert copies(world, "oneway") == 1
    assert waiting(world) == 0


@every_protocol
@pytest.mark.parametrize("shadow", [DEAD, None], ids=["dead", "empty"])
async def test_a_dead_cluster_is_left_alone_and_no_call_feels_it(world: World, speech: Speech, shadow: str | None) -> None:
    live = world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    for _ in range(20):
        await call(speech, client, server)
    await world.until(lambda: dropped(world, "unreachable") == 21)
    assert waiting(world) == 0
    assert world.count("local_replies_total", protocol=speech.name, fault="connect") == 0
    if shadow:
        assert world.count("upstream_connect_failures_total", cluster="shadow", host=DEAD) <= 2
    assert audit(world.engine) == []


@every_protocol
async def test_a_server_that_never_answers_is_waited_for_so_long(world: World, speech: Speech) -> None:
    live, shadow = world.backend(), world.backend()
    start(world, speech, live, shadow, timeout=3.0)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await speech.server(shadow)
    await speech.take(mirror)
    assert waiting(world) == 1
    assert world.engine.in_flight() == 0  # what drains does not wait for it
    await world.advance(2.5)
    assert copies(world, "timeout") == 0
    await world.advance(1.0)
    assert copies(world, "timeout") == 1
    assert waiting(world) == 0
    await call(speech, client, server)
    assert audit(world.engine) == []


@every_protocol
async def test_a_server_that_goes_is_counted(world: World, speech: Speech) -> None:
    live, shadow = world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await speech.server(shadow)
    await speech.take(mirror)
    (mirror if hasattr(mirror, "close") else mirror.peer).close()
    await world.until(lambda: copies(world, "closed") == 1)
    await call(speech, client, server)
    assert world.count("local_replies_total", protocol=speech.name, fault="closed") == 0


@pytest.mark.parametrize("speech", [each for each in ALL if each.name != "grpc"], ids=repr)
async def test_a_server_that_answers_nonsense_is_nobodys_trouble(world: World, speech: Speech) -> None:
    live, shadow = world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await speech.server(shadow)
    await mirror.send(b"\xff" * 64 + b"\r\n\r\n")
    await world.until(lambda: copies(world, "closed") == 1)
    await call(speech, client, server)


async def test_so_many_wait_and_no_more(world: World) -> None:
    speech, live, shadow = Bolt(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await speech.server(shadow)
    for _ in range(IN_FLIGHT + 9):
        await client.send(speech.request("a", oneway=False, body=b""))
        await speech.answer(server, await speech.take(server), "live")
        assert (await speech.hear(client)).code == 0
    assert waiting(world) == IN_FLIGHT
    assert dropped(world, "limit") == 10
    await speech.answer(mirror, await speech.take(mirror), "shadow")
    await world.until(lambda: waiting(world) == IN_FLIGHT - 1)
    await call(speech, client, server)
    assert waiting(world) == IN_FLIGHT
    assert audit(world.engine) == []


async def test_a_cluster_that_takes_no_more_gets_no_more(world: World) -> None:
    speech, live, shadow = Http1(), world.backend(), world.backend()
    start(world, speech, live, shadow, max_connections=1, max_pending=2)
    client = await speech.client(world)
    server = await first(speech, client, live)
    for _ in range(5):
        await call(speech, client, server)
    assert dropped(world, "pending") == 3
    assert waiting(world) == 3
    assert audit(world.engine) == []


async def test_no_copies_when_buffers_are_needed(world: World) -> None:
    speech, live, shadow = Dubbo(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await speech.server(shadow)
    await speech.take(mirror)
    half = frames.struct.pack(">HBBQi", 0xDABB, 0xC2, 0, 9, 8_000_000) + b"\x05" + bytes(7_900_000)
    for _ in range(14):
        await (await world.client()).send(half)
    await world.until(lambda: world.engine.describe()["buffers"]["held"] > 100 << 20)
    await call(speech, client, server)
    assert dropped(world, "memory") == 1
    assert await mirror.silent()


# -- bodies ---------------------------------------------------------------------------------------------------------------


async def pieces(world: World, speech: Http1, text: bytes, cuts: tuple[int, ...]) -> tuple[web.Message, web.Message]:
    """What the live server and the other got of a request sent in pieces."""
    live, shadow = world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    before, server, found = 0, None, b""
    for cut in (*cuts, len(text)):
        await client.send(text[before:cut])
        before = cut
        if server is None:
            server = await live.accept()
            found = await server.receive()
    server.data = found + server.data
    one = await web.take(server)
    other = await web.take(await shadow.accept())
    return one, other


@pytest.mark.parametrize("cuts", [(70,), (70, 90), (70, 71, 150)], ids=str)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_in_pieces_is_copied_whole(world: World, cuts: tuple[int, ...], *, chunked: bool) -> None:
    body = bytes(range(97, 123)) * 10
    if chunked:
        text = web.request("/a", None, "x-word: a", "Transfer-Encoding: chunked", method="POST") + web.chunks(
            body[:100], body[100:]
        )
    else:
        text = web.request("/a", body, "x-word: a")
    one, other = await pieces(world, Http1(), text, tuple(text.index(b"\r\n\r\n") + 4 + cut - 70 for cut in cuts))
    assert other == one
    assert body in (other.body if not chunked else other.body.replace(b"\r\na0\r\n", b""))


async def test_a_body_over_the_limit_is_not_copied(world: World) -> None:
    speech, live, shadow = Http1(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client, body = await speech.client(world), bytes(1024 * 1024)
    await client.send(web.request("/a", body, "x-word: a"))
    server = await live.accept()
    assert (await web.take(server)).body == body
    await server.send(web.response())
    assert (await web.take(client)).status == 200
    assert dropped(world, "size") == 1
    assert world.engine.describe()["buffers"]["held"] == 0
    await call(speech, client, server)
    assert (await web.take(await shadow.accept())).body == b""


async def test_a_frame_over_the_limit_or_in_pieces_is_not_copied(world: World) -> None:
    speech, live, shadow = Bolt(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    await (await speech.server(shadow)).receive()
    await client.send(speech.request("big", oneway=False, body=bytes(2_000_000)))
    bulk = await live.accept()
    asked = await speech.take(bulk)
    await speech.answer(bulk, asked, "live")
    assert (await speech.hear(client)).code == 0
    assert dropped(world, "size") == 1
    await call(speech, client, server)


async def test_a_body_that_ends_early_is_not_copied(world: World) -> None:
    speech, live, shadow = Http1(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    await client.send(web.request("/a", b"123456789", "x-word: a")[:-3])
    server = await live.accept()
    await server.receive()
    client.close()
    await world.until(lambda: dropped(world, "incomplete") == 1)
    assert world.count("upstream_calls_total", cluster="shadow", host=shadow.address) == 0


async def test_a_request_for_another_protocol_is_not_copied(world: World) -> None:
    speech, live, shadow = Http1(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    await client.send(web.request("/a", None, "x-word: a", "Connection: Upgrade", "Upgrade: websocket"))
    await web.take(await live.accept())
    assert dropped(world, "upgrade") == 1


async def test_hosts_stay_as_they_are(world: World) -> None:
    speech, live, shadow = Http1(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    await first(speech, client, live)
    copy = await web.take(await shadow.accept())
    assert copy.fields["host"] == "h"


async def test_a_copy_of_http1_to_hosts_of_http2(world: World) -> None:
    speech, live, shadow = Http1(), world.backend(), world.backend()
    start(world, speech, live, shadow, http="http2")
    client = await speech.client(world)
    await first(speech, client, live, b"body")
    mirror = await accepted(shadow)
    copy = await mirror.request()
    assert (copy.body, copy.fields["x-word"], copy.fields[":authority"]) == (b"body", "a", "h")
    await mirror.respond(copy.stream, b"x" * 200_000)
    await world.until(lambda: copies(world, "answered") == 1)


async def test_a_call_of_grpc_with_its_deadline_and_trailers(world: World) -> None:
    speech, live, shadow = Grpc(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await client_of(world)
    fields = (("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "5S"), ("x-word", "a"))
    stream = await client.ask("/a/Echo", b"\0\0\0\0\1x", *fields, method="POST", ends=False)
    server = await accepted(live)
    await server.head()
    await client.data(stream, b"\0\0\0\0\1y", ends=True)
    mirror = await accepted(shadow)
    copy = await mirror.request()
    assert copy.body == b"\0\0\0\0\1x\0\0\0\0\1y"
    assert copy.fields["grpc-timeout"] == "00005000m"
    await world.advance(4.9)
    assert waiting(world) == 1
    await world.advance(0.3)
    assert copies(world, "timeout") == 1


# -- with the rest --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [WeightedClusters((("live", 1),)), ClusterFrom("word", "live")], ids=["weighted", "named"])
async def test_beside_every_action_that_goes_somewhere(world: World, action: Any) -> None:
    speech, live, shadow = Bolt(), world.backend(), world.backend()
    route = Route("all", (), action=action, mirrors=(Mirror("shadow"),))
    speech.start(world, (route,), {"live": live, "shadow": shadow})
    client = await speech.client(world)
    await first(speech, client, live)
    assert (await speech.take(await shadow.accept())).word == "a"


async def test_two_mirrors_of_one_route(world: World) -> None:
    speech, live, one, two = Bolt(), world.backend(), world.backend(), world.backend()
    route = Route("all", (), "live", mirrors=(Mirror("shadow"), Mirror("two")))
    speech.start(world, (route,), {"live": live, "shadow": one, "two": two})
    client = await speech.client(world)
    await first(speech, client, live)
    assert (await speech.take(await one.accept())).word == (await speech.take(await two.accept())).word == "a"


async def test_a_cluster_that_a_reload_takes_away_takes_its_copies_along(world: World) -> None:
    speech, live, shadow = Bolt(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await speech.server(shadow)
    copy = await speech.take(mirror)
    rest = {name: each for name, each in world.snapshot.clusters.items() if name != "shadow"}
    world.change(routes={"table": (Route("all", (), "live"),)}, clusters=rest)
    await call(speech, client, server)
    await speech.answer(mirror, copy, "shadow")
    assert await mirror.ended()
    world.change()
    assert world.engine.describe()["leaving"] == {"connections": [], "hosts": []}


async def test_the_access_log_has_a_line_for_each_call_and_none_for_its_copy(world: World, tmp_path: Path) -> None:
    speech, live, shadow = Bolt(), world.backend(), world.backend()
    path = tmp_path / "log"
    cluster = Cluster("shadow", (shadow.address,))
    route = Route("all", (), "live", mirrors=(Mirror("shadow"),))
    speech.start(world, (route,), {"live": live}, clusters={"shadow": cluster}, access_log=AccessLog(str(path), "text"))
    client = await speech.client(world)
    await first(speech, client, live)
    mirror = await speech.server(shadow)
    await speech.answer(mirror, await speech.take(mirror), "shadow")
    await world.until(lambda: copies(world, "answered") == 1)
    await world.advance(0.2)
    await world.until(lambda: path.read_text().count("\n") == 1)
    assert live.address in path.read_text()
    assert isinstance(world.engine.files, LogFiles)


async def test_a_server_that_does_not_read_gets_so_much_and_no_more(world: World) -> None:
    speech, live, shadow = Bolt(), world.backend(), world.backend()
    start(world, speech, live, shadow, out_buffer_limit=1_000_000)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await shadow.accept()  # and that is all that it does
    for _ in range(60):
        await call(speech, client, server, body=bytes(200_000))
    assert dropped(world, "pending") > 20
    assert world.engine.describe()["buffers"]["held"] < 3_000_000
    mirror.close()
    await world.until(lambda: waiting(world) == 0)
    assert audit(world.engine) == []


async def test_a_copy_with_a_body_is_not_sent_twice(world: World) -> None:
    """Its server closes a connection that it has answered on before: what has no body would be sent once more."""
    speech, live, shadow = Http1(), world.backend(), world.backend()
    start(world, speech, live, shadow)
    client = await speech.client(world)
    server = await first(speech, client, live)
    mirror = await speech.server(shadow)
    await speech.answer(mirror, await speech.take(mirror), "shadow")
    await client.send(web.request("/a", b"body", "x-word: b", method="PUT"))
    assert (await speech.take(server)).body == b"body"
    assert (await speech.take(mirror)).body == b"body"
    mirror.close()
    await world.until(lambda: copies(world, "closed") == 1)
    assert waiting(world) == 0
    assert world.count("upstream_calls_total", cluster="shadow", host=shadow.address) == 2
