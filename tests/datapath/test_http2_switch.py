"""Requests to become another protocol, where one side or both have streams: refused, and nothing else of it is felt."""

from __future__ import annotations

import asyncio

import h2.events
import pytest

from proxy.datapath.audit import audit
from tests.datapath import web
from tests.datapath.h2peer import accepted, client_of, start
from tests.datapath.test_switch import CONNECTS, EVERYTHING
from tests.datapath.world import World


@pytest.mark.parametrize("far", ["http1", "http2"])
@pytest.mark.parametrize("ends", [True, False])
async def test_connect_of_a_stream(world: World, far: str, ends: bool) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, far=far, http=CONNECTS)
    world.change(routes={"table": EVERYTHING})
    client = await client_of(world)
    stream = client.conn.get_next_available_stream_id()
    client.conn.send_headers(stream, [(":method", "CONNECT"), (":authority", "shop.test:443")], end_stream=ends)
    await client.flush()
    answer = await client.next(h2.events.ResponseReceived, stream)
    assert dict(answer.headers)[b":status"] in {b"400", b"404", b"501"}
    for _ in range(20):
        await asyncio.sleep(0)
    assert audit(world.engine) == []
    assert world.upstreams() == []


async def test_connect_to_a_host_with_streams(world: World) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="http1", http=CONNECTS)
    world.change(routes={"table": EVERYTHING})
    client = await world.client()
    await client.send(b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n")
    assert (await web.take(client)).status in {400, 404, 501, 502}
    for _ in range(20):
        await asyncio.sleep(0)
    assert audit(world.engine) == []


async def test_an_upgrade_is_not_asked_of_a_host_with_streams(world: World) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="http1")
    client = await world.client()
    await client.send(web.request("/a", None, "Connection: upgrade", "Upgrade: websocket"))
    server = await accepted(backend)
    request = await server.request()
    assert not {"connection", "upgrade"} & request.fields.keys()
    await server.respond(request.stream, b"plain", ("content-length", "5"))
    assert (await web.take(client)).body == b"plain"


async def test_a_host_that_switches_all_the_same(world: World) -> None:
    backend = world.backend()
    world.size_of = web.size_of
    start(world, backend, near="http1")
    client = await world.client()
    await client.send(web.request("/a", None, "Connection: upgrade", "Upgrade: websocket"))
    server = await accepted(backend)
    await server.request()
    server.conn.config.validate_outbound_headers = False
    await server.raw(b"\0\0\x05\1\4\0\0\0\1\x08\x03101")
    assert (await web.take(client)).status == 502
