"""HTTP/1.1 where peers, limits and reloads do the unusual: each of these once went wrong."""

from __future__ import annotations

import asyncio

import msgspec

from proxy.snapshot import Http
from tests.datapath.test_switch import ASKS, CONNECTS, EVERYTHING
from tests.datapath.web import exchange, head, request, response, start, take
from tests.datapath.world import World


async def test_nothing_is_said_behind_a_body_that_ends_with_the_connection(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a") + request("/nowhere"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK") + b"body")
    await client.receive()
    upstream.finish()
    assert await client.bytes(1000) == b"body", "the answer to the other request would be taken for more of the body"


async def test_bytes_behind_a_switch_that_came_in_two_pieces(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, *ASKS))
    upstream = await backend.accept()
    await take(upstream)
    said = head("101 Switching Protocols", *ASKS)
    await upstream.send(said[:20])
    await world.until(lambda: world.upstreams()[0]["buffered"])
    late = bytes(range(256)) * 40
    await upstream.send(said[20:] + late)
    assert (await take(client)).status == 101
    await upstream.send(b"end")
    assert await client.bytes(len(late) + 3) == late + b"end"


async def test_the_next_answer_waits_for_a_client_that_reads_slowly(world: World) -> None:
    """The rest of one answer may be more than the limit; it is not cut for the next one's head."""
    backend = world.backend()
    start(world, backend, listener={"out_buffer_limit": 64 * 1024})
    client = await world.client()
    await client.send(request("/a/1") + request("/a/2"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", "Transfer-Encoding: chunked"))
    await client.receive()
    part = b"%x\r\n%b\r\n" % (30_000, b"x" * 30_000)
    sent = 0
    while not world.downstreams()[0]["unsent"]:
        await upstream.send(part)
        sent += 1
        for _ in range(5):
            await asyncio.sleep(0)
    last = b"%x\r\n%b\r\n0\r\n\r\n" % (100_000, b"x" * 100_000)
    await upstream.send(last)
    await world.until(lambda: world.downstreams()[0]["unsent"] > 64 * 1024)
    assert await upstream.silent()
    left = sent * len(part) + len(last)
    while left:
        more = len(await client.bytes(min(left, 10_000)))
        assert more, "cut"
        left -= more
    assert (await take(upstream)).line.startswith("GET /a/2")
    await upstream.send(response(b"second"))
    assert (await take(client)).body == b"second"


async def test_a_server_that_resets_while_the_last_of_a_body_is_written(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    upstream = await exchange(client, backend)
    client.sock.send(request("/a", b"x" * 20_000, "Expect: 100-continue"))
    upstream.reset()
    assert (await take(client)).status == 502
    assert await client.ended()


async def test_what_follows_a_connect_of_a_client_that_closes_goes_along(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=CONNECTS)
    world.change(routes={"table": EVERYTHING})
    client = await world.client()
    await client.send(b"CONNECT shop.test:443 HTTP/1.0\r\n\r\nearly")
    upstream = await backend.accept()
    assert (await take(upstream)).line == "CONNECT shop.test:443 HTTP/1.1"
    await upstream.send(head("200 Connection established"))
    assert (await take(client)).status == 200
    assert await upstream.bytes(5) == b"early"


async def test_a_server_that_does_not_switch_for_a_client_that_closes(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, "Connection: upgrade, close", "Upgrade: websocket") + request("/a/never"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(response(b"no"))
    answer = await take(client)
    assert (answer.body, answer.fields["connection"]) == (b"no", "close")
    assert await client.ended()


async def test_connect_with_a_body_is_refused(world: World) -> None:
    """Some servers take it for a tunnel's first bytes, or for the next request."""
    backend = world.backend()
    start(world, backend, http=CONNECTS)
    world.change(routes={"table": EVERYTHING})
    client = await world.client()
    await client.send(b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\nContent-Length: 5\r\n\r\nhello")
    assert (await take(client)).status == 400
    assert world.upstreams() == []


async def test_an_upload_goes_on_while_its_listener_leaves(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", b"x" * 100)[:-50])
    upstream = await backend.accept()
    await upstream.receive()
    world.change({}, listeners={})
    await client.send(b"x" * 50 + request("/a/never"))
    assert await upstream.bytes(100) == b"x" * 100
    await upstream.send(response(b"got it"))
    answer = await take(client)
    assert (answer.body, answer.fields["connection"]) == (b"got it", "close")
    assert await client.ended()


async def test_early_bytes_are_kept_while_the_listener_leaves(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, *ASKS) + b"early")
    upstream = await backend.accept()
    await take(upstream)
    world.change({}, listeners={})
    await upstream.send(head("101 Switching Protocols", *ASKS))
    assert (await take(client)).status == 101
    assert await upstream.bytes(5) == b"early"


async def test_who_is_not_trusted_any_more_is_not_believed(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=Http(trusted=("127.0.0.0/8",)))
    client = await world.client()
    upstream = await exchange(client, backend)
    world.change(listeners={"in": msgspec.structs.replace(world.snapshot.listeners["in"], http=Http())})
    await client.send(request("/a", None, "X-Forwarded-For: 8.8.8.8"))
    assert (await take(upstream)).fields["x-forwarded-for"] == "127.0.0.1"


async def test_half_a_head_of_a_client_that_ended_is_no_request(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=Http(forwarded=False, request_id=False, via="", header_timeout=2.0))
    client = await world.client()
    await client.send(request("/a") + b"GET /a HT")
    upstream = await backend.accept()
    await take(upstream)
    await world.until(lambda: world.downstreams()[0]["buffered"])
    client.finish()
    await world.advance(3)
    await upstream.send(response(b"only"))
    assert (await take(client)).body == b"only"
    assert await client.ended()
