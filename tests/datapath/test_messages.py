"""HTTP/1.1 messages: heads rewritten, one exchange at a time upstream, answers in the order of the requests."""

from __future__ import annotations

import pytest

from proxy.snapshot import Http
from tests.datapath.web import exchange, head, request, response, start, take
from tests.datapath.world import World


async def test_a_call_and_its_answer_and_another_on_the_same_connections(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a/b?c=d", b"hello", "X-One: 1"))
    upstream = await backend.accept()
    sent = await take(upstream)
    assert sent.line == "POST /a/b?c=d HTTP/1.1"
    assert sent.fields == {"host": "h", "x-one": "1", "content-length": "5"}
    assert sent.body == b"hello"
    await upstream.send(response(b"world", "X-Two: 2"))
    answer = await take(client)
    assert (answer.status, answer.fields, answer.body) == (200, {"x-two": "2", "content-length": "5"}, b"world")
    await client.send(request("/a/c"))
    assert (await take(upstream)).line == "GET /a/c HTTP/1.1"
    await upstream.send(response())
    assert (await take(client)).status == 200
    assert world.count("calls_total") == 2 == world.count("upstream_replies_total")
    assert world.count("upstream_connections_total") == 1


async def test_what_this_hop_says(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=Http())
    client = await world.client()
    lies = ("X-Forwarded-For: 8.8.8.8", "X-Forwarded-Proto: https", "X-Request-Id: mine", "Via: 1.0 other")
    await client.send(request("/a", None, *lies))
    upstream = await backend.accept()
    fields = (await take(upstream)).fields
    assert fields["x-forwarded-for"] == "127.0.0.1"
    assert fields["x-forwarded-proto"] == "http"
    assert len(fields["x-request-id"]) == 32
    assert fields["via"] == "1.0 other, 1.1 xproto"
    await upstream.send(response(b"", "Via: 1.1 inner"))
    assert (await take(client)).fields["via"] == "1.1 inner, 1.1 xproto"
    await client.send(request("/a"))
    assert (await take(upstream)).fields["x-request-id"] != fields["x-request-id"]


async def test_a_trusted_peer_is_believed(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=Http(trusted=("127.0.0.0/8",)))
    client = await world.client()
    said = ("X-Forwarded-For: 8.8.8.8", "X-Forwarded-Proto: https", "X-Request-Id: theirs")
    await client.send(request("/a", None, *said))
    fields = (await take(await backend.accept())).fields
    assert fields["x-forwarded-for"] == "8.8.8.8, 127.0.0.1"
    assert (fields["x-forwarded-proto"], fields["x-request-id"]) == ("https", "theirs")


async def test_fields_of_one_hop_go_no_further(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, "Connection: x-secret, keep-alive", "X-Secret: 1", "Keep-Alive: 5", "TE: trailers"))
    upstream = await backend.accept()
    assert (await take(upstream)).fields == {"host": "h"}
    await upstream.send(response(b"", "Connection: x-inner", "X-Inner: 1", "Keep-Alive: timeout=5"))
    assert (await take(client)).fields == {"content-length": "0"}


async def test_requests_in_a_pipeline_go_on_one_after_the_other(world: World) -> None:
    """They could overtake each other, and would take connections from others while they wait for their turn."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a/1", b"one") + request("/a/2") + request("/b") + request("/a/3"))
    upstream = await backend.accept()
    assert (await take(upstream)).body == b"one"
    assert await upstream.silent()
    await upstream.send(response(b"1"))
    assert (await take(client)).body == b"1"
    assert (await take(upstream)).line == "GET /a/2 HTTP/1.1", "on the connection that is free now"
    await upstream.send(response(b"2"))
    assert (await take(client)).body == b"2"
    assert (await take(client)).status == 404
    assert (await take(upstream)).line == "GET /a/3 HTTP/1.1"
    await upstream.send(response(b"3"))
    assert (await take(client)).body == b"3"
    assert world.count("upstream_connections_total") == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_server_closes_a_connection_just_when_it_is_used_again(world: World, method: str) -> None:
    """A request that may be made twice is sent once more; another one might have been acted upon."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    upstream = await exchange(client, backend)
    await client.send(request("/a/again", method=method))
    assert (await take(upstream)).line == f"{method} /a/again HTTP/1.1"
    upstream.close()
    if method == "POST":
        assert (await take(client)).status == 502
        return
    other = await backend.accept()
    assert (await take(other)).line == "GET /a/again HTTP/1.1"
    await other.send(response(b"here"))
    assert (await take(client)).body == b"here"
    await client.send(request("/a/third"))
    await take(other)
    await other.send(b"H")
    await world.until(lambda: world.upstreams()[0]["buffered"])
    other.close()
    assert (await take(client)).status == 502, "of this one an answer had begun"


async def test_a_host_that_cannot_be_reached_is_passed_over_with_the_body(world: World) -> None:
    gone, backend = world.backend(), world.backend()
    gone.close()
    start(world, gone, backend, http=Http())
    client = await world.client()
    await client.send(request("/a", b"x" * 1000))
    upstream = await backend.accept()
    sent = await take(upstream)
    assert sent.body == b"x" * 1000
    assert sent.fields["via"] == "1.1 xproto", "rewritten once"
    await upstream.send(response(b"ok"))
    assert (await take(client)).body == b"ok"


async def test_calls_wait_for_a_connection_and_then_send_their_bodies(world: World) -> None:
    backend = world.backend()
    start(world, backend, max_connections=1)
    one, two = await world.client(), await world.client()
    await one.send(request("/a/1"))
    upstream = await backend.accept()
    await take(upstream)
    await two.send(request("/a/2", b"two" * 5))
    await world.until(lambda: world.engine.describe()["clusters"]["main"]["pending"] == 1)
    await upstream.send(response(b"1"))
    assert (await take(upstream)).body == b"two" * 5
    await upstream.send(response(b"2"))
    assert (await take(one)).body == b"1"
    assert (await take(two)).body == b"2"


async def test_after_a_timeout_the_late_answer_is_nobodys(world: World) -> None:
    backend = world.backend()
    start(world, backend, timeout=1.0)
    client = await world.client()
    await client.send(request())
    upstream = await backend.accept()
    await take(upstream)
    await world.advance(2.5)
    assert (await take(client)).status == 504
    await client.send(request("/a/next"))
    other = await backend.accept()
    assert (await take(other)).line.startswith("GET /a/next")
    assert await upstream.ended()
    await other.send(response(b"right"))
    assert (await take(client)).body == b"right"


async def test_two_answers_to_one_call_end_the_connection(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request())
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(response(b"1") + response(b"2"))
    assert (await take(client)).body == b"1"
    assert await upstream.ended()
    assert await client.silent()
    assert world.count("upstream_malformed_total") == 1


async def test_a_server_that_dies_and_a_request_that_is_malformed(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request() + request("/a", None, "Content-Length: 1", "Content-Length: 2"))
    upstream = await backend.accept()
    await take(upstream)
    upstream.close()
    assert (await take(client)).status == 502
    answer = await take(client)
    assert (answer.status, answer.fields["connection"]) == (400, "close")
    assert await client.ended()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "two lengths"),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "nobody asked for it"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "bare LFs"),
        (b"ICY 200 OK\r\n\r\n", "no HTTP"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_bad_gateway(world: World, answer: bytes, why: str) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request())
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(answer)
    assert (await take(client)).status == 502, why
    assert await upstream.ended()
    await client.send(request("/a/again"))
    assert (await take(await backend.accept())).line.startswith("GET /a/again")


async def test_head_and_not_modified_have_no_body_whatever_their_length(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a/1", method="HEAD") + request("/a/2"))
    upstream = await backend.accept()
    assert (await take(upstream)).line.startswith("HEAD")
    await upstream.send(head("200 OK", "Content-Length: 1000"))
    assert (await take(client, 0)).fields["content-length"] == "1000"
    await take(upstream)
    await upstream.send(head("304 Not Modified", "Content-Length: 1000"))
    assert (await take(client, 0)).status == 304
    await client.send(request("/a/3"))
    assert (await take(upstream)).line.startswith("GET /a/3"), "the connection is whole, and used again"


async def test_the_proxys_own_answer_to_head_has_no_body(world: World) -> None:
    start(world, world.backend())
    client = await world.client()
    await client.send(request("/nowhere", method="HEAD") + request("/nowhere"))
    assert (await take(client, 0)).status == 404
    assert (await take(client)).body == b"xproto: no route matches this request\n"


async def test_a_client_that_wants_no_more_gets_its_answer_and_the_end(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, "Connection: close") + request("/a/never"))
    upstream = await backend.accept()
    assert "connection" not in (await take(upstream)).fields, "that was said to us"
    await upstream.send(response(b"last"))
    answer = await take(client)
    assert (answer.body, answer.fields["connection"]) == (b"last", "close")
    assert await client.ended()
    assert world.count("calls_total") == 1


async def test_a_server_that_wants_no_more_gets_no_more(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request())
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(response(b"last", "Connection: close"))
    answer = await take(client)
    assert (answer.body, "connection" in answer.fields) == (b"last", False)
    assert await upstream.ended()
    await client.send(request())
    await take(await backend.accept())


async def test_http_1_0_ends_after_its_answer_unless_it_asks_to_go_on(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request("/a", None, "Connection: keep-alive", version="1.0"))
    upstream = await backend.accept()
    assert (await take(upstream)).line == "GET /a HTTP/1.1"
    await upstream.send(response(b"1"))
    assert (await take(client)).fields["connection"] == "keep-alive"
    await client.send(request("/a", version="1.0"))
    await take(upstream)
    await upstream.send(response(b"2"))
    assert (await take(client)).fields["connection"] == "close"
    assert await client.ended()


async def test_a_client_that_ends_its_side_still_gets_its_answer(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request())
    client.finish()
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(response(b"here"))
    assert (await take(client)).body == b"here"
    assert await client.ended()


async def test_a_client_that_ended_its_side_is_not_waited_for_long(world: World) -> None:
    """Nobody can tell it from one that is gone. As long as something moves, it may be there."""
    backend = world.backend()
    start(world, backend)
    client = await world.client()
    await client.send(request())
    upstream = await backend.accept()
    await take(upstream)
    await upstream.send(head("200 OK", "Transfer-Encoding: chunked"))
    await client.receive()
    client.finish()
    await world.until(lambda: world.downstreams()[0]["state"] == "ending")
    for _ in range(3):
        await world.advance(4)
        await upstream.send(b"1\r\nx\r\n")
        assert await client.bytes(6) == b"1\r\nx\r\n"
    await world.advance(6)
    assert await upstream.ended()
    assert world.downstreams() == []


async def test_a_client_that_goes_takes_its_exchange_along(world: World) -> None:
    backend = world.backend()
    start(world, backend)
    client, other = await world.client(), await world.client()
    upstream = await exchange(other, backend)
    await client.send(request("/a/gone"))
    assert (await take(upstream)).line.startswith("GET /a/gone")
    client.reset()
    assert await upstream.ended(), "its answer must find nobody else"
    await other.send(request("/a/here"))
    again = await backend.accept()
    await take(again)
    await again.send(response(b"here"))
    assert (await take(other)).body == b"here"


async def test_a_head_that_does_not_come_to_its_end(world: World) -> None:
    start(world, world.backend(), http=Http(header_timeout=2.0))
    client = await world.client()
    await client.send(b"GET /a HTTP/1.1\r\nHo")
    await world.until(lambda: world.downstreams()[0]["buffered"])
    await world.advance(1.9)
    await client.send(b"st: h\r\n")
    assert await client.silent()
    await world.advance(0.2)
    assert (await take(client)).status == 400
    assert await client.ended()


async def test_a_connection_that_rests_between_requests_has_no_such_deadline(world: World) -> None:
    backend = world.backend()
    start(world, backend, http=Http(header_timeout=2.0))
    client = await world.client()
    upstream = await exchange(client, backend)
    await world.advance(60)
    await client.send(request("/a/2"))
    await take(upstream)


async def test_even_a_shared_pool_has_one_exchange_at_a_time(world: World) -> None:
    backend = world.backend()
    start(world, backend, pool="multiplexed")
    one, two = await world.client(), await world.client()
    await one.send(request("/a/1"))
    await two.send(request("/a/2"))
    first, second = [await backend.accept() for _ in range(2)]
    assert {(await take(first)).line[7], (await take(second)).line[7]} == {"1", "2"}
