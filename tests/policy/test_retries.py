"""Calls that are sent again, over every protocol: when they are, and when not."""

from __future__ import annotations

import pytest

from proxy.snapshot import Retry
from tests.datapath import web
from tests.datapath.world import World
from tests.policy.retrying import PAUSE, again, asked, first_of, good, heard, late, outcome, same
from tests.policy.scenes import everything, start
from tests.policy.speech.table import ALL, HTTP1, Host, Speech, over

# -- on what ----------------------------------------------------------------------------------------------------------


@over()
async def test_a_connection_that_closes_before_the_answer(world: World, speech: Speech) -> None:
    one, two = Host(world, speech), Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True)), one, two)
    client = await asked(world, speech, b"hello")
    call, here, there = await first_of(world, one, two)
    await call.reset()
    await again(world)
    second = await there.take()
    assert second.body == call.body
    await second.answer()
    assert await good(client)
    assert await client.silent()
    assert here.calls.empty()
    assert (outcome(world, "retried"), outcome(world, "succeeded"), world.observed()) == (1, 1, 1)


@over()
async def test_no_host_can_be_connected_to_for_a_while(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    address = site.backend.sock.getsockname()
    start(
        world, speech, everything(retry=Retry(on=("connect_failure",), attempts=3)), site, backoff_base=0.01, backoff_max=0.01
    )
    await site.leave()
    client = await asked(world, speech)
    await world.until(lambda: outcome(world, "retried") == 1)
    back = Host(world, speech, backend=world.backend_at(*address))
    await world.advance(PAUSE)
    call = await back.take()
    await call.answer()
    assert await good(client)
    assert outcome(world, "succeeded") == 1


@over()
async def test_a_try_that_takes_too_long(world: World, speech: Speech) -> None:
    one, two = Host(world, speech), Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("timeout",), per_try_timeout=2.0, idempotent=True)), one, two)
    client = await asked(world, speech)
    call, _, there = await first_of(world, one, two)
    if "timeout" in speech.says:
        assert call.timeout == 2000, "nobody waits longer for this try"
    await world.advance(2.02)
    await again(world)
    second = await there.take()
    if not speech.cluster:  # a stream is reset
        await call.answer()
        await world.until(lambda: late(world) or world.upstreams() == [] or world.upstreams(1) == [])
    await second.answer()
    assert await good(client)
    assert await client.silent()
    assert outcome(world, "succeeded") == 1


@over()
async def test_a_status_that_is_named(world: World, speech: Speech) -> None:
    one, two = Host(world, speech), Host(world, speech)
    name, bad = speech.bad
    start(world, speech, everything(retry=Retry(on=(), statuses=(name,), idempotent=True)), one, two)
    client = await asked(world, speech, b"x")
    call, _, there = await first_of(world, one, two)
    await call.reply(bad)
    await again(world)
    second = await there.take()
    await second.answer()
    assert await good(client)
    assert await client.silent()
    hosts = world.snapshot.clusters["main"].hosts
    assert sum(world.count("upstream_dropped_answers_total", host=host, reason="retried") for host in hosts) == 1
    assert not late(world)


@over()
async def test_a_status_that_is_not_named_is_passed_on(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), statuses=(1,), idempotent=True)), site)
    client = await asked(world, speech)
    call = await site.take()
    await call.reply(speech.bad[1])
    assert same(await heard(client), speech.bad[1])
    assert outcome(world, "retried") == 0


@pytest.mark.parametrize("speech", [speech for speech in ALL if speech.busy], ids=repr)
async def test_a_status_that_says_that_nothing_was_processed_needs_no_idempotence(world: World, speech: Speech) -> None:
    one, two = Host(world, speech), Host(world, speech)
    assert speech.busy is not None
    start(world, speech, everything(retry=Retry(on=(), statuses=(speech.bad[0], speech.busy[0]), idempotent=False)), one, two)
    client = await asked(world, speech)
    call, _, there = await first_of(world, one, two)
    await call.reply(speech.busy[1])
    await again(world)
    second = await there.take()
    await second.reply(speech.bad[1])
    assert same(await heard(client), speech.bad[1])
    assert (outcome(world, "retried"), outcome(world, "unsafe"), outcome(world, "succeeded")) == (1, 1, 0)


@over("refusal")
async def test_a_stream_that_was_refused_everywhere(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("refused",))), site)
    client = await asked(world, speech)
    call = await site.take()
    await call.refuse()
    await again(world)
    second = await site.take()
    await second.answer()
    assert await good(client)


async def test_a_header_of_an_answer(world: World) -> None:
    one, two = Host(world, HTTP1), Host(world, HTTP1)
    start(world, HTTP1, everything(retry=Retry(on=(), headers=("x-try-again",))), one, two)
    client = await asked(world, HTTP1)
    call, _, there = await first_of(world, one, two)
    await call.connection.peer.send(b"HTTP/1.1 200 OK\r\nX-Try-Again: yes\r\nContent-Length: 2\r\n\r\nno")
    await again(world)
    second = await there.take()
    await second.answer()
    assert await good(client)
    assert len(world.upstreams()) + len(world.upstreams(1)) == 2, "the connection of a short answer stays"


# -- only what is safe ------------------------------------------------------------------------------------------------


@over()
async def test_a_call_that_may_have_been_processed_is_not_sent_again(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",))), site)
    client = await asked(world, speech, b"posted")
    call = await site.take()
    await call.reset()
    assert "closed" in (await heard(client)).faults
    assert (outcome(world, "unsafe"), outcome(world, "retried")) == (1, 0)


@pytest.mark.parametrize(("method", "retried"), [("GET", 1), ("PUT", 1), ("POST", 0), ("PATCH", 0)])
async def test_methods_of_http_say_what_may_be_made_twice(world: World, method: str, retried: int) -> None:
    site = Host(world, HTTP1)
    start(world, HTTP1, everything(retry=Retry(on=("reset",))), site)
    client = await HTTP1.client(world)
    await client.peer.send(f"{method} /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi".encode())
    call = await site.take()
    await call.reset()
    await world.until(lambda: outcome(world, "retried") + outcome(world, "unsafe") == 1)
    assert outcome(world, "retried") == retried


@pytest.mark.parametrize(("methods", "retried"), [(("echo", "list"), 1), (("list",), 0)])
@over("method")
async def test_methods_that_are_listed(world: World, speech: Speech, methods: tuple[str, ...], retried: int) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), methods=methods)), site)
    await asked(world, speech)
    call = await site.take()
    await call.reset()
    await world.until(lambda: outcome(world, "retried") + outcome(world, "unsafe") == 1)
    assert outcome(world, "retried") == retried


@over("frames")
async def test_a_oneway_is_sent_again_only_if_it_was_not_sent(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    address = site.backend.sock.getsockname()
    policy = Retry(on=("connect_failure", "reset"), idempotent=True)
    start(world, speech, everything(retry=policy), site, backoff_base=0.01, backoff_max=0.01)
    await site.leave()
    client = await speech.client(world)
    await client.ask(body=b"fire", oneway=True)
    await world.until(lambda: outcome(world, "retried") == 1)
    back = Host(world, speech, backend=world.backend_at(*address))
    await world.advance(PAUSE)
    call = await back.take()
    assert b"fire" in call.body
    await call.reset()
    await world.until(lambda: world.upstreams() == [])
    await world.advance(PAUSE)
    assert (outcome(world, "retried"), world.count("oneways_dropped_total")) == (1, 0)


async def test_an_answer_that_has_begun_is_the_answer(world: World) -> None:
    site = Host(world, HTTP1)
    start(world, HTTP1, everything(retry=Retry(on=("reset",))), site)
    client = await world.client()
    client.size_of = web.size_of
    await client.send(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    call = await site.take()
    await call.connection.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    assert b"half" in await client.receive() + await client.bytes(4)
    await call.reset()
    assert await client.was_reset()
    assert (outcome(world, "retried"), outcome(world, "unsafe")) == (0, 0)
