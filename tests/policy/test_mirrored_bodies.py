"""Copies of calls with bodies: those that are copied, whole, and those that are too long or never end."""

from __future__ import annotations

import pytest

from proxy.snapshot import Mirror, Route
from tests.datapath import web
from tests.datapath.h2peer import client_of
from tests.datapath.world import World
from tests.policy.mirrored import Mirrored, copies, dropped, waiting
from tests.policy.scenes import start
from tests.policy.speech.model import HOST
from tests.policy.speech.table import BOLT, GRPC, HTTP1, HTTP2, Answer, Call, Host, Speech, over


async def pieces(world: World, text: bytes, cuts: tuple[int, ...]) -> tuple[web.Message, web.Message]:
    """What the live server and the other got of a request sent in pieces."""
    live, shadow = world.backend(), world.backend()
    route = Route("all", (), "live", mirrors=(Mirror("shadow"),))
    world.size_of = web.size_of
    start(world, HTTP1, route, clusters={"live": live, "shadow": shadow})
    client = await world.client()
    before, server, found = 0, None, b""
    for cut in (*cuts, len(text)):
        await client.send(text[before:cut])
        before = cut
        if server is None:
            server = await live.accept()
            found = await server.receive()
    assert server is not None
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
    one, other = await pieces(world, text, tuple(text.index(b"\r\n\r\n") + 4 + cut - 70 for cut in cuts))
    assert other == one
    assert body in (other.body if not chunked else other.body.replace(b"\r\na0\r\n", b""))


async def test_a_body_over_the_limit_is_not_copied(world: World) -> None:
    both, body = await Mirrored(world, HTTP1).start(), bytes(1024 * 1024)
    await both.call(body=body)
    assert dropped(world, "size") == 1
    assert world.engine.describe()["buffers"]["held"] == 0
    await both.call()
    assert (await both.shadow.take()).body == b""


async def test_a_frame_over_the_limit_or_in_pieces_is_not_copied(world: World) -> None:
    both = await Mirrored(world, BOLT).start()
    await both.call()
    await both.shadow.take()
    await both.call("big", body=bytes(2_000_000))
    assert dropped(world, "size") == 1
    await both.call()


async def test_a_body_that_ends_early_is_not_copied(world: World) -> None:
    both = await Mirrored(world, HTTP1).start()
    await both.client.peer.send(HTTP1.request(Call(body=b"123456789"))[:-3])
    await world.until(lambda: both.live.connections and both.live.connections[0].peer.data)
    both.client.peer.close()
    await world.until(lambda: dropped(world, "incomplete") == 1)
    assert world.count("upstream_calls_total", cluster="shadow", host=both.shadow.address) == 0


async def test_a_request_for_another_protocol_is_not_copied(world: World) -> None:
    both = await Mirrored(world, HTTP1).start()
    await both.client.ask(headers={"connection": "Upgrade", "upgrade": "websocket"})
    await both.live.take()
    assert dropped(world, "upgrade") == 1


@over("host")
async def test_hosts_stay_as_they_are(world: World, speech: Speech) -> None:
    both = await Mirrored(world, speech).start()
    await both.call(host="shop.test:81")
    assert (await both.shadow.take()).roles["host"] == "shop.test:81"


async def test_a_copy_of_http1_to_hosts_of_http2(world: World) -> None:
    there = Host(world, HTTP2, answers=Answer("x" * 200_000))
    both = await Mirrored(world, HTTP1).start(there, http="http2")
    await both.call(body=b"body")
    copy = await there.take()
    assert (copy.body, copy.word, copy.roles["host"]) == (b"body", "a", HOST)
    await world.until(lambda: copies(world, "answered") == 1)


async def test_a_call_of_grpc_with_its_deadline_and_trailers(world: World) -> None:
    both = await Mirrored(world, GRPC).start()
    client = await client_of(world)
    fields = (("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "5S"), ("x-word", "a"))
    stream = await client.ask("/a/Echo", b"\0\0\0\0\1x", *fields, method="POST", ends=False)
    await world.until(lambda: world.count("upstream_calls_total", cluster="live", host=both.live.address))
    await client.data(stream, b"\0\0\0\0\1y", ends=True)
    copy = await both.shadow.take()
    assert copy.body == b"x\0\0\0\0\1y"
    assert copy.headers["grpc-timeout"] == "00005000m"
    await world.advance(4.9)
    assert waiting(world) == 1
    await world.advance(0.3)
    assert copies(world, "timeout") == 1


async def test_a_copy_with_a_body_is_not_sent_twice(world: World) -> None:
    """Its server closes a connection that it has answered on before: what has no body would be sent once more."""
    both = await Mirrored(world, HTTP1).start()
    await both.call()
    await both.shadow.serve()
    await world.until(lambda: copies(world, "answered") == 1)
    await both.call(body=b"body", http_method="PUT")
    copy = await both.shadow.take()
    assert copy.body == b"body"
    await copy.reset()
    await world.until(lambda: copies(world, "closed") == 1)
    assert waiting(world) == 0
    assert world.count("upstream_calls_total", cluster="shadow", host=both.shadow.address) == 2
