"""Bodies of HTTP/1.1 messages: passed on as they come, in both directions, with no more kept than a window."""

from __future__ import annotations

import asyncio

import pytest

from proxy.snapshot import Keepalive
from tests.datapath.web import PLAIN, chunks, exchange, head, request, response, start, take
from tests.datapath.world import World

WINDOW = 512 * 1024


async def test_a_body_goes_on_before_it_is_whole(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b""))
    upstream = await backend.accept()
    assert (await upstream.receive()).endswith(b"\r\n\r\n")
    for part in (b"one", b"three"):
        await client.send(b"%x\r\n%b\r\n" % (len(part), part))
        assert await upstream.bytes(5 + len(part)) == b"%x\r\n%b\r\n" % (len(part), part)
    await upstream.send(head("200 OK", "Transfer-Encoding: chunked") + b"2\r\nhi\r\n")
    assert b"200 OK" in await client.receive()
    assert await client.bytes(7) == b"2\r\nhi\r\n", "an answer may begin before its request is whole"
    await client.send(b"0\r\nTrailer: t\r\n\r\n")
    assert await upstream.bytes(17) == b"0\r\nTrailer: t\r\n\r\n"
    await upstream.send(b"0\r\n\r\n")
    assert await client.bytes(5) == b"0\r\n\r\n"
    await client.send(request("/a/next"))
    assert (await take(upstream)).line.startswith("GET /a/next"), "both came to their ends"


async def test_bodies_in_single_bytes(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    message = request("/a", b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"") + chunks(b"abc", b"d")
    for byte in message:
        await client.send(bytes([byte]))
        await asyncio.sleep(0)
    upstream = await backend.accept()
    assert (await take(upstream)).body == chunks(b"abc", b"d")
    for byte in response(b"hello"):
        await upstream.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await take(client)).body == b"hello"


async def test_pipelined_requests_with_bodies_keep_apart(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a/1", b"1" * 10) + request("/a/2", b"2" * 20) + request("/a/3", b""))
    found = {}
    upstream = await backend.accept()
    for _ in range(3):
        message = await take(upstream)
        found[message.line[8]] = message.body
        await upstream.send(response(message.body))
    assert found == {"1": b"1" * 10, "2": b"2" * 20, "3": b""}
    assert [(await take(client)).body for _ in range(3)] == [b"1" * 10, b"2" * 20, b""]


async def test_an_upload_waits_for_a_server_that_does_not_read(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, other = await world.client(), await world.client()
    size = 32 * 1024 * 1024
    await client.send(request("/a", b"", method="PUT").replace(b"Content-Length: 0", b"Content-Length: %d" % size))
    upstream = await backend.accept()
    await take(upstream, 0)
    sending = asyncio.ensure_future(world.loop.sock_sendall(client.sock, bytes(size)))
    await world.until(lambda: world.downstreams()[0]["paused"])
    assert world.engine.describe()["buffers"]["held"] < 2 * WINDOW
    assert not sending.done()
    await exchange(other, backend, "/a/other")
    left = size
    while left:
        left -= len(await upstream.bytes(min(left, 1 << 20)))
    await sending
    await upstream.send(response(b"got it"))
    assert (await take(client)).body == b"got it"


async def test_a_download_waits_for_a_client_that_does_not_read(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, other = await world.client(), await world.client()
    size = 32 * 1024 * 1024
    await client.send(request("/a"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", f"Content-Length: {size}"))
    sending = asyncio.ensure_future(world.loop.sock_sendall(upstream.sock, b"x" * size))
    await world.until(lambda: world.downstreams()[0]["unsent"] > 0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert world.engine.describe()["buffers"]["held"] < 3 * WINDOW
    assert not sending.done()
    await exchange(other, backend, "/a/other")
    assert len((await take(client)).body) == size
    await sending


async def test_a_download_that_moves_has_no_deadline_and_one_that_stands_has(world: World) -> None:
    backend = world.backend()
    start(world, backend, timeout=2.0)
    client = await world.client()
    await client.send(request("/a"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", "Content-Length: 100"))
    await client.receive()
    for _ in range(5):
        await upstream.send(b"x" * 10)
        assert await client.bytes(10) == b"x" * 10
        await world.advance(1.5)
    await world.advance(2.0)
    assert await client.was_reset()
    assert await upstream.ended()


async def test_half_of_a_body_never_looks_whole(world: World) -> None:
    """Its server has sent all of it, and the end, and the client does not read: that end is not for the half."""
    backend = world.backend()
    start(world, backend, listener={"idle_timeout": 5.0})
    client = await world.client()
    await client.send(request("/a"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK"))
    for _ in range(1000):
        await upstream.send(b"x" * 65536)
        assert not world.upstreams()[0]["buffered"]
        for _ in range(20):
            await asyncio.sleep(0)
        if world.downstreams()[0]["unsent"]:
            break
    upstream.finish()
    await world.until(lambda: not world.upstreams())
    for _ in range(5):
        await world.advance(6)
    assert world.downstreams() == []
    assert await client.was_reset()


async def test_who_reads_nothing_is_not_waited_for_where_heartbeats_are_on(world: World) -> None:
    backend = world.backend()
    start(world, backend, timeout=10.0, keepalive=Keepalive(interval=2.0))
    client = await world.client()
    await client.send(request("/a"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", "Content-Length: 100000000"))
    sending = asyncio.ensure_future(world.loop.sock_sendall(upstream.sock, b"x" * 32 * 1024 * 1024))
    await world.until(lambda: world.downstreams()[0]["unsent"])
    for _ in range(300):
        await asyncio.sleep(0)
    for _ in range(15):
        await world.advance(1.0)
    sending.cancel()
    assert world.downstreams() == []
    assert world.upstreams() == []


async def test_a_body_that_ends_with_the_connection(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a/1") + request("/a/2"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK") + b"as long as ")
    answer = await take(client, 11)
    assert (answer.body, answer.fields) == (b"as long as ", {"connection": "close"})
    await upstream.send(b"it lasts")
    upstream.finish()
    assert await client.bytes(8) == b"it lasts"
    assert await client.ended()
    assert world.count("calls_total") == 1, "behind that nothing can be answered"


async def test_chunks_are_taken_apart_for_who_cannot_read_them(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, "Connection: keep-alive", version="1.0"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", "Transfer-Encoding: chunked", "Trailer: t") + chunks(b"abc", b"defg"))
    answer = await take(client, 7)
    assert (answer.body, answer.fields) == (b"abcdefg", {"connection": "close"})
    assert await client.ended()
    other = await world.client()
    await other.send(request("/a"))
    await take(upstream)


async def test_a_server_that_dies_in_a_chunk_breaks_its_client_off_and_nobody_else(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, other = await world.client(), await world.client()
    await client.send(request("/a"))
    upstream = await backend.accept()
    await take(upstream)
    await exchange(other, backend, "/a/other")
    await upstream.send(head("200 OK", "Transfer-Encoding: chunked") + b"10\r\nhalf")
    await client.receive()
    assert await client.bytes(8) == b"10\r\nhalf"
    upstream.close()
    assert await client.was_reset(), "an orderly end could be taken for the answer's"
    await other.send(request("/a/again"))
    assert world.count("downstream_cut_total") == 1


async def test_a_chunk_that_cannot_be_read(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", "Transfer-Encoding: chunked") + b"zz\r\n")
    assert await client.was_reset()
    assert await upstream.ended()


@pytest.mark.parametrize("bad", [b"zz\r\n", b"5\r\nhelloX", b"5;a=b\nhello\r\n", b"-1\r\n", b"1 \r\n"])
async def test_a_request_whose_chunks_cannot_be_read(world: World, bad: bytes) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"") + bad)
    upstream = await backend.accept()
    await upstream.receive()
    answer = await take(client)
    assert (answer.status, answer.fields["connection"]) == (400, "close")
    assert await client.ended()
    assert not (await upstream.bytes(100)).endswith(b"0\r\n\r\n")


async def test_a_client_that_goes_within_its_upload_takes_the_exchange_along(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", b"x" * 100)[:-50])
    upstream = await backend.accept()
    await upstream.receive()
    client.close()
    assert len(await upstream.bytes(100)) == 50
    await world.until(lambda: not world.upstreams())


async def test_a_server_that_answers_early(world: World) -> None:
    """Its connection is not used again, and the rest of the request is nobody's: the client may go on."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", b"x" * 100)[:-50])
    upstream = await backend.accept()
    await upstream.receive()
    await upstream.send(response(b"too much", status="413 Content Too Large"))
    assert (await take(client)).status == 413
    await world.until(lambda: not world.upstreams())
    await client.send(b"x" * 50 + request("/a/next"))
    other = await backend.accept()
    assert (await take(other)).line.startswith("GET /a/next")


async def test_a_body_nobody_wants_is_thrown_away(world: World) -> None:
    start(world)
    client = await world.client()
    for path in ("/a", "/nowhere"):
        await client.send(request(path, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n" * 100)[:-10])
        assert (await take(client)).status in {404, 503}
        await client.send(b"x" * 10)
    await client.send(request("/nowhere"))
    assert (await take(client)).status == 404
    assert world.count("calls_total") == 3


async def test_a_server_is_asked_before_the_body_is_sent(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    ask = request("/a", b"hello", "Expect: 100-continue")
    await client.send(ask[:-5])
    upstream = await backend.accept()
    assert (await take(upstream, 0)).fields["expect"] == "100-continue"
    await upstream.send(head("100 Continue"))
    assert (await take(client)).line == "HTTP/1.1 100 Continue"
    await client.send(ask[-5:])
    assert await upstream.bytes(5) == b"hello"
    await upstream.send(response(b"ok"))
    assert (await take(client)).body == b"ok"
    await client.send(request("/a/next"))
    await take(upstream)


async def test_who_was_asked_for_its_body_may_go_on_whatever_the_answer(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    ask = request("/a", b"hello", "Expect: 100-continue")
    await client.send(ask[:-5])
    upstream = await backend.accept()
    await take(upstream, 0)
    await upstream.send(head("100 Continue"))
    await take(client)
    await client.send(ask[-5:])
    assert await upstream.bytes(5) == b"hello"
    upstream.close()
    answer = await take(client)
    assert (answer.status, "connection" in answer.fields) == (502, False)
    await client.send(request("/a/next"))
    await take(await backend.accept())


async def test_an_old_client_hears_of_no_transfer_encoding(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, "Connection: keep-alive", method="HEAD", version="1.0"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", "Transfer-Encoding: chunked"))
    assert (await take(client, 0)).fields == {"connection": "keep-alive"}


@pytest.mark.parametrize("routed", [True, False])
async def test_who_is_refused_instead_may_send_its_body_or_not(world: World, routed: bool) -> None:
    """So what follows could be either: the connection ends."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a" if routed else "/b", b"hello", "Expect: 100-continue")[:-5])
    if routed:
        upstream = await backend.accept()
        await take(upstream, 0)
        await upstream.send(response(b"no", status="417 Expectation Failed"))
    answer = await take(client)
    assert (answer.status, answer.fields["connection"]) == (417 if routed else 404, "close")
    assert await client.ended()


async def test_hints_come_before_the_answer_but_not_to_http_1_0(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=PLAIN)
    client, old = await world.client(), await world.client()
    await client.send(request("/a"))
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("103 Early Hints", "Link: </s.css>") + head("102 Processing") + response(b"ok"))
    assert (await take(client)).fields == {"link": "</s.css>"}
    assert (await take(client)).status == 102
    assert (await take(client)).body == b"ok"
    await old.send(request("/a", version="1.0"))
    await take(upstream)
    await upstream.send(head("103 Early Hints", "Link: </s.css>") + response(b"ok"))
    assert (await take(old)).body == b"ok"
