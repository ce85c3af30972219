"""From HTTP/1.1 to another protocol on the same connections: upgrades and CONNECT."""

from __future__ import annotations

import pytest

from proxy.snapshot import Http, Route
from tests.datapath.web import PLAIN, head, request, response, start, take
from tests.datapath.world import Backend, Peer, World

EVERYTHING = (Route("all", (), "main"),)
ASKS = ("Connection: Upgrade", "Upgrade: websocket")
CONNECTS = Http(forwarded=False, request_id=False, via="", connect=True)


async def switched(world: World, backend: Backend, early: bytes = b"", late: bytes = b"") -> tuple[Peer, Peer]:
    client = await world.client()
    await client.send(request("/a", None, *ASKS) + early)
    upstream = await backend.accept()
    fields = (await take(upstream)).fields
    assert (fields["connection"], fields["upgrade"]) == ("upgrade", "websocket")
    await upstream.send(head("101 Switching Protocols", *ASKS) + late)
    answer = await take(client)
    assert (answer.status, answer.fields) == (101, {"connection": "upgrade", "upgrade": "websocket"})
    return client, upstream


async def test_bytes_go_by_as_they_are_after_the_switch(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, upstream = await switched(world, backend)
    await client.send(b"\x81\x05hello")
    assert await upstream.bytes(7) == b"\x81\x05hello"
    await upstream.send(b"GET / HTTP/1.1\r\n")
    assert await client.bytes(16) == b"GET / HTTP/1.1\r\n"
    assert len(world.tunnels()) == 1
    assert world.downstreams() == []
    client.finish()
    assert await upstream.ended()
    await upstream.send(b"still here")
    assert await client.bytes(10) == b"still here"
    upstream.finish()
    assert await client.ended()
    await world.until(lambda: not world.tunnels())
    assert world.count("upstream_replies_total") == 1


async def test_what_came_with_the_heads_goes_along(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, upstream = await switched(world, backend, b"early", b"late")
    assert await upstream.bytes(5) == b"early"
    assert await client.bytes(4) == b"late"


async def test_a_server_that_does_not_switch(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, *ASKS) + request("/a/next"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(response(b"no"))
    assert (await take(client)).body == b"no"
    assert (await take(upstream)).line.startswith("GET /a/next"), "what follows is a request after all"


async def test_what_is_behind_an_upgrade_stays_here_until_the_server_agrees(world: World) -> None:
    """CVE-2026-2833: a request behind an upgrade must not reach the server as bytes of a tunnel that may never be."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, *ASKS) + request("/secret"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(response(b"no"))
    assert (await take(client)).body == b"no"
    assert (await take(client)).status == 404, "what follows was routed as the request that it is"
    with pytest.raises(BlockingIOError):
        upstream.sock.recv(1)


@pytest.mark.parametrize("status", ["200 OK", "200 Connection established", "426 Upgrade Required"])
async def test_only_101_is_a_switch(world: World, status: str) -> None:
    """CVE-2024-23326: an answer that is not 101 switches nothing, whatever its fields say."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, *ASKS) + request("/a/next"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head(status, *ASKS, "Content-Length: 0"))
    assert (await take(client)).status == int(status[:3])
    assert world.tunnels() == []
    assert (await take(upstream)).line.startswith("GET /a/next")


@pytest.mark.parametrize("protocol", ["h2c", "websocket, h2c", "TLS/1.0"])
async def test_an_upgrade_that_is_not_allowed_is_not_passed_on(world: World, protocol: str) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AA"))
    upstream = await backend.accept()
    assert (await take(upstream)).fields == {"host": "h"}
    await upstream.send(head("101 Switching Protocols", "Connection: upgrade", f"Upgrade: {protocol}"))
    assert (await take(client)).status == 502
    assert world.tunnels() == []


async def test_connect(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=CONNECTS)
    world.change(routes={"table": EVERYTHING})
    client = await world.client()
    await client.send(b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n")
    upstream = await backend.accept()
    assert (await take(upstream)).line == "CONNECT shop.test:443 HTTP/1.1"
    await upstream.send(head("200 Connection established"))
    assert (await take(client)).status == 200
    await client.send(b"\x16\x03\x01")
    assert await upstream.bytes(3) == b"\x16\x03\x01"


async def test_connect_is_refused_unless_it_is_allowed(world: World) -> None:
    start(world, world.backend(), http=PLAIN)
    world.change(routes={"table": EVERYTHING})
    client = await world.client()
    await client.send(b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n")
    assert (await take(client)).status == 404


async def test_a_tunnel_that_rests_for_too_long(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=Http(tunnel_idle_timeout=30.0))
    client = await world.client()
    await client.send(request("/a", None, *ASKS))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("101 Switching Protocols", *ASKS))
    await take(client)
    await world.advance(29)
    assert len(world.tunnels()) == 1
    await world.advance(2)
    assert world.tunnels() == []
    assert await upstream.ended()
