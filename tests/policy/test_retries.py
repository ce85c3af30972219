"""Calls that are sent again, over every protocol: when they are, when not, and that there is one answer whatever happens."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from proxy.snapshot import Retry, RetryBudget, Route
from tests.datapath import frames, test_streams
from tests.datapath.world import World
from tests.policy.speakers import ALL, FRAMED, GRPC, HTTP1, OK, READERS, Call, Site, Speaker, let_go, start

PAUSE = 0.3
"""Longer than any pause between two tries."""
EVERYTHING = RetryBudget(percent=100)

each = pytest.mark.parametrize("speaker", ALL, ids=lambda speaker: speaker.name)
each_framed = pytest.mark.parametrize("speaker", FRAMED, ids=lambda speaker: speaker.name)


def outcome(world: World, name: str) -> int:
    return world.count("retries_total", outcome=name)


async def again(world: World, times: int = 1) -> None:
    """Waits until a call pauses, for the so manyth time, and lets the pause be over."""
    await world.until(lambda: outcome(world, "retried") == times)
    await world.advance(PAUSE)


async def first_of(world: World, *sites: Site) -> tuple[Call, Site, Site]:
    """The call that one of two hosts gets, that host, and the other one."""
    await world.until(lambda: any(site.calls.qsize() for site in sites))
    one, other = sites if sites[0].calls.qsize() else sites[::-1]
    return await one.call(), one, other


async def asked(world: World, speaker: Speaker, body: bytes = b"") -> Any:
    client = await speaker.client(world)
    await client.ask(7, body)
    return client


# -- on what --------------------------------------------------------------------------------------------------------


@each
async def test_a_connection_that_closes_before_the_answer(world: World, speaker: Speaker) -> None:
    one, two = Site(world, speaker), Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), idempotent=True), one, two)
    client = await asked(world, speaker, b"hello")
    call, here, there = await first_of(world, one, two)
    await call.reset()
    await again(world)
    second = await there.call()
    assert second.body == call.body
    await second.answer(OK)
    assert await client.answer() == (7, OK)
    assert await client.silent()
    assert here.calls.empty()
    assert (outcome(world, "retried"), outcome(world, "succeeded"), world.observed()) == (1, 1, 1)


@each
async def test_no_host_can_be_connected_to_for_a_while(world: World, speaker: Speaker) -> None:
    site = Site(world, speaker)
    address = site.backend.sock.getsockname()
    start(world, speaker, Retry(on=("connect_failure",), attempts=3), site, backoff_base=0.01, backoff_max=0.01)
    await site.go()
    client = await asked(world, speaker)
    await world.until(lambda: outcome(world, "retried") == 1)
    back = Site(world, speaker, world.backend_at(*address))
    await world.advance(PAUSE)
    call = await back.call()
    await call.answer(OK)
    assert await client.answer() == (7, OK)
    assert outcome(world, "succeeded") == 1


@each
async def test_a_try_that_takes_too_long(world: World, speaker: Speaker) -> None:
    one, two = Site(world, speaker), Site(world, speaker)
    start(world, speaker, Retry(on=("timeout",), per_try_timeout=2.0, idempotent=True), one, two)
    client = await asked(world, speaker)
    call, _, there = await first_of(world, one, two)
    if speaker.says_timeout:
        assert call.timeout == 2000, "nobody waits longer for this try"
    await world.advance(2.02)
    await again(world)
    second = await there.call()
    if not speaker.cluster:  # a stream is reset
        await call.answer(OK)
        await world.until(lambda: late(world) or world.upstreams() == [] or world.upstreams(1) == [])
    await second.answer(OK)
    assert await client.answer() == (7, OK)
    assert await client.silent()
    assert outcome(world, "succeeded") == 1


def late(world: World) -> int:
    hosts = world.snapshot.clusters["main"].hosts
    return sum(world.count("upstream_dropped_answers_total", host=host, reason="late") for host in hosts)


@each
async def test_a_status_that_is_named(world: World, speaker: Speaker) -> None:
    one, two = Site(world, speaker), Site(world, speaker)
    name, number = speaker.bad
    start(world, speaker, Retry(on=(), statuses=(name,), idempotent=True), one, two)
    client = await asked(world, speaker, b"x")
    call, _, there = await first_of(world, one, two)
    await call.answer(number)
    await again(world)
    second = await there.call()
    await second.answer(OK)
    assert await client.answer() == (7, OK)
    assert await client.silent()
    hosts = world.snapshot.clusters["main"].hosts
    assert sum(world.count("upstream_dropped_answers_total", host=host, reason="retried") for host in hosts) == 1
    assert not late(world)


@each
async def test_a_status_that_is_not_named_is_passed_on(world: World, speaker: Speaker) -> None:
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), statuses=(1,), idempotent=True), site)
    client = await asked(world, speaker)
    call = await site.call()
    await call.answer(speaker.bad[1])
    assert await client.answer() == (7, speaker.bad[1])
    assert outcome(world, "retried") == 0


@pytest.mark.parametrize("speaker", [each for each in ALL if each.busy], ids=lambda speaker: speaker.name)
async def test_a_status_that_says_that_nothing_was_processed_needs_no_idempotence(world: World, speaker: Speaker) -> None:
    one, two = Site(world, speaker), Site(world, speaker)
    assert speaker.busy is not None
    start(world, speaker, Retry(on=(), statuses=(speaker.bad[0], speaker.busy[0]), idempotent=False), one, two)
    client = await asked(world, speaker)
    call, _, there = await first_of(world, one, two)
    await call.answer(speaker.busy[1])
    await again(world)
    second = await there.call()
    await second.answer(speaker.bad[1])
    assert await client.answer() == (7, speaker.bad[1])
    assert (outcome(world, "retried"), outcome(world, "unsafe"), outcome(world, "succeeded")) == (1, 1, 0)


async def test_a_stream_that_was_refused_everywhere(world: World) -> None:
    site = Site(world, GRPC)
    start(world, GRPC, Retry(on=("refused",)), site)
    client = await asked(world, GRPC)
    call = await site.call()
    await call.answer("refused")
    await again(world)
    second = await site.call()
    await second.answer(OK)
    assert await client.answer() == (7, OK)


async def test_a_header_of_an_answer(world: World) -> None:
    one, two = Site(world, HTTP1), Site(world, HTTP1)
    start(world, HTTP1, Retry(on=(), headers=("x-try-again",)), one, two)
    client = await asked(world, HTTP1)
    call, _, there = await first_of(world, one, two)
    await call.connection.send(b"HTTP/1.1 200 OK\r\nX-Try-Again: yes\r\nContent-Length: 2\r\n\r\nno")
    await again(world)
    second = await there.call()
    await second.answer(OK)
    assert await client.answer() == (7, OK)
    assert len(world.upstreams()) + len(world.upstreams(1)) == 2, "the connection of a short answer stays"


# -- only what is safe ----------------------------------------------------------------------------------------------


@each_framed
async def test_a_call_that_may_have_been_processed_is_not_sent_again(world: World, speaker: Speaker) -> None:
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",)), site)
    client = await asked(world, speaker)
    call = await site.call()
    await call.reset()
    assert await client.answer() == (7, speaker.closed)
    assert (outcome(world, "unsafe"), outcome(world, "retried")) == (1, 0)


@pytest.mark.parametrize(("method", "retried"), [("GET", 1), ("PUT", 1), ("POST", 0), ("PATCH", 0)])
async def test_methods_of_http_say_what_may_be_made_twice(world: World, method: str, retried: int) -> None:
    site = Site(world, HTTP1)
    start(world, HTTP1, Retry(on=("reset",)), site)
    client = await world.client()
    await client.send(f"{method} /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi".encode())
    call = await site.call()
    await call.reset()
    await world.until(lambda: outcome(world, "retried") + outcome(world, "unsafe") == 1)
    assert outcome(world, "retried") == retried


@pytest.mark.parametrize(("methods", "retried"), [(("echo", "list"), 1), (("list",), 0)])
@pytest.mark.parametrize("speaker", [each for each in ALL if each.name in {"dubbo", "thrift", "grpc"}], ids=lambda s: s.name)
async def test_methods_that_are_listed(world: World, speaker: Speaker, methods: tuple[str, ...], retried: int) -> None:
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), methods=methods), site)
    await asked(world, speaker)
    call = await site.call()
    await call.reset()
    await world.until(lambda: outcome(world, "retried") + outcome(world, "unsafe") == 1)
    assert outcome(world, "retried") == retried


@each_framed
async def test_a_oneway_is_sent_again_only_if_it_was_not_sent(world: World, speaker: Speaker) -> None:
    site = Site(world, speaker)
    address = site.backend.sock.getsockname()
    policy = Retry(on=("connect_failure", "reset"), idempotent=True)
    start(world, speaker, policy, site, backoff_base=0.01, backoff_max=0.01)
    await site.go()
    client = await speaker.client(world)
    await client.ask(7, b"fire", oneway=True)
    await world.until(lambda: outcome(world, "retried") == 1)
    back = Site(world, speaker, world.backend_at(*address))
    await world.advance(PAUSE)
    call = await back.call()
    assert b"fire" in call.body
    await call.reset()
    await world.until(lambda: world.upstreams() == [])
    await world.advance(PAUSE)
    assert (outcome(world, "retried"), world.count("oneways_dropped_total")) == (1, 0)


async def test_an_answer_that_has_begun_is_the_answer(world: World) -> None:
    site = Site(world, HTTP1)
    start(world, HTTP1, Retry(on=("reset",)), site)
    client = await world.client()
    await client.send(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    call = await site.call()
    await call.connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    assert b"half" in await client.receive() + await client.bytes(4)
    await call.reset()
    assert await client.was_reset()
    assert (outcome(world, "retried"), outcome(world, "unsafe")) == (0, 0)


# -- how often, when and where --------------------------------------------------------------------------------------


@each
async def test_so_many_times_and_no_more(world: World, speaker: Speaker) -> None:
    sites = [Site(world, speaker), Site(world, speaker)]
    start(world, speaker, Retry(on=("reset",), attempts=2, idempotent=True), *sites)
    client = await asked(world, speaker)
    for times in (1, 2, 3):
        call, _, _ = await first_of(world, *sites)
        await call.reset()
        if times < 3:
            await again(world, times)
    assert await client.answer() == (7, speaker.closed)
    assert (outcome(world, "retried"), outcome(world, "exhausted"), outcome(world, "succeeded")) == (2, 1, 0)


async def test_pauses_double_up_to_the_longest_and_calls_that_failed_together_part(world: World) -> None:
    speaker, calls = FRAMED[0], 40
    site = Site(world, speaker)
    policy = Retry(on=("reset",), attempts=3, idempotent=True, back_off_base=1.0, back_off_max=3.0)
    start(world, speaker, policy, site, retry_budget=EVERYTHING)
    client = await speaker.client(world)
    for number in range(calls):
        await client.ask(number)
    for round, longest in enumerate((1.0, 2.0, 3.0), 1):
        came = [await site.call() for _ in range(calls)]
        await came[0].reset()
        await world.until(lambda: outcome(world, "retried") == calls * round)  # noqa: B023
        waits: list[float] = []
        passed = 0.0
        while len(waits) < calls and passed < 4:
            await world.advance(0.1)
            passed += 0.1
            waits += [passed] * (world.count("upstream_calls_total") - calls * round - len(waits))
        assert waits[-1] <= longest + 0.15
        assert waits[0] < longest / 4
        assert waits[-1] > longest * 0.75


@each
async def test_another_host_if_there_is_one(world: World, speaker: Speaker) -> None:
    sites = [Site(world, speaker), Site(world, speaker)]
    start(world, speaker, Retry(on=("reset",), attempts=4, idempotent=True), *sites, retry_budget=EVERYTHING)
    await asked(world, speaker)
    before = None
    for times in range(1, 5):
        call, here, _ = await first_of(world, *sites)
        assert here is not before
        before = here
        await call.reset()
        await again(world, times)


async def test_the_same_host_where_that_is_wanted(world: World) -> None:
    speaker = FRAMED[0]
    sites = [Site(world, speaker), Site(world, speaker)]
    policy = Retry(on=("reset",), attempts=10, idempotent=True, same_host=True)
    start(world, speaker, policy, *sites, lb="random", retry_budget=EVERYTHING)
    await asked(world, speaker)
    went = []
    for times in range(1, 9):
        call, here, _ = await first_of(world, *sites)
        went.append(here)
        await call.reset()
        await again(world, times)
    assert any(one is two for one, two in pairwise(went))


async def test_the_last_host_after_all_where_the_others_are_gone(world: World) -> None:
    speaker = FRAMED[0]
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), idempotent=True, attempts=1), site, "127.0.0.1:1")
    client = await asked(world, speaker)
    call = await site.call()
    await call.reset()
    await again(world)
    await world.until(lambda: world.count("upstream_connect_failures_total", host="127.0.0.1:1") > 0)
    await world.advance(PAUSE)
    await (await site.call()).answer(OK)
    assert await client.answer() == (7, OK)
    assert outcome(world, "retried") == 1


async def test_the_last_host_after_all_where_the_others_are_busy(world: World) -> None:
    speaker = FRAMED[0]
    one, two = Site(world, speaker), Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), idempotent=True), one, two, max_in_flight=1)
    client = await speaker.client(world)
    for number in (7, 8):
        await client.ask(number)
        await world.until(lambda: one.calls.qsize() + two.calls.qsize() == number - 6)  # noqa: B023
    await (await one.call()).reset()
    await again(world)
    await world.advance(PAUSE)
    await (await one.call()).answer(OK)
    await (await two.call()).answer(OK)
    assert sorted([await client.answer(), await client.answer()]) == [(7, OK), (8, OK)]


@each
async def test_the_whole_calls_deadline_wins(world: World, speaker: Speaker) -> None:
    one, two = Site(world, speaker), Site(world, speaker)
    policy = Retry(on=("timeout",), per_try_timeout=0.5, idempotent=True, attempts=5)
    start(world, speaker, policy, one, two, route={"timeout": 0.7})
    client = await asked(world, speaker)
    await first_of(world, one, two)
    await world.advance(0.52)
    await world.until(lambda: outcome(world, "retried") + outcome(world, "too_late") == 1)
    if outcome(world, "retried"):
        await world.advance(0.1)
        second, _, _ = await first_of(world, one, two)
        if speaker.says_timeout:
            assert second.timeout < 200
    await world.advance(1.0)
    assert await client.answer() == (7, speaker.timed_out)
    assert await client.silent()


async def test_no_retry_that_could_only_come_too_late(world: World) -> None:
    speaker = FRAMED[0]
    site = Site(world, speaker)
    policy = Retry(on=("reset",), idempotent=True, back_off_base=100.0, back_off_max=100.0)
    start(world, speaker, policy, site, route={"timeout": 0.05})
    client = await asked(world, speaker)
    await (await site.call()).reset()
    assert await client.answer() == (7, speaker.closed)
    assert (outcome(world, "too_late"), outcome(world, "retried")) == (1, 0)


# -- bounds ---------------------------------------------------------------------------------------------------------


@each_framed
@pytest.mark.parametrize(("percent", "least", "retried"), [(0, 3, 3), (50, 0, 5), (100, 0, 10), (0, 0, 0)])
async def test_the_budget_of_a_cluster(world: World, speaker: Speaker, percent: int, least: int, retried: int) -> None:
    site = Site(world, speaker)
    budget = RetryBudget(percent=percent, min_concurrent=least)
    start(world, speaker, Retry(on=("reset",), idempotent=True), site, pool="multiplexed", retry_budget=budget)
    client = await speaker.client(world)
    for number in range(10):
        await client.ask(number)
    calls = [await site.call() for _ in range(10)]
    await calls[0].reset()
    await world.until(lambda: outcome(world, "retried") + outcome(world, "over_budget") == 10)
    assert outcome(world, "retried") == retried
    assert world.engine.describe()["clusters"]["main"]["retries"] == retried
    await world.advance(PAUSE)
    for _ in range(retried):
        await (await site.call()).answer(OK)
    answers = [(await client.answer())[1] for _ in range(10)]
    assert (answers.count(OK), answers.count(speaker.closed)) == (retried, 10 - retried)
    assert world.engine.describe()["clusters"]["main"]["retries"] == 0


@each
async def test_a_request_that_is_too_long_is_not_kept(world: World, speaker: Speaker) -> None:
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), idempotent=True, buffer=700), site)
    client = await asked(world, speaker, b"x" * 800)
    await (await site.call()).reset()
    assert await client.answer() == (7, speaker.closed)
    assert (outcome(world, "unkept"), outcome(world, "retried")) == (1, 0)


async def test_a_request_that_is_passed_on_in_pieces_is_not_sent_again(world: World) -> None:
    backend = world.backend()
    policy = Retry(on=("reset",), idempotent=True, buffer=16 << 20)
    test_streams.begin(world, backend, routes=(Route("all", (), "main", retry=policy),))
    client = await world.client()
    upstream = await test_streams.part(world, backend, client, test_streams.ask(7, test_streams.BIG), 3 << 20)
    upstream.reset()
    await world.until(lambda: world.count("local_replies_total", fault="closed") == 1)
    assert (outcome(world, "unkept"), outcome(world, "retried")) == (1, 0)


async def test_where_memory_is_short_nothing_is_kept_and_calls_go_on(world: World) -> None:
    speaker = FRAMED[0]
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), idempotent=True), site)
    greedy = await world.client()
    for part in (frames.announcing(1, 2**30), *(bytes(1 << 20),) * 97):
        await greedy.send(part)
    await world.until(lambda: world.engine.describe()["buffers"]["held"] > 96 * 2**20)
    client = await asked(world, speaker)
    call = await site.call()
    await call.answer(OK)
    assert await client.answer() == (7, OK)
    await client.ask(8)
    await (await site.call()).reset()
    assert await client.answer() == (8, speaker.closed)
    assert (outcome(world, "unkept"), outcome(world, "retried")) == (2, 0)


@each
async def test_what_is_kept_is_given_back_when_the_answer_is_there(world: World, speaker: Speaker) -> None:
    site = Site(world, speaker)
    start(world, speaker, Retry(idempotent=True), site)
    client = await asked(world, speaker, b"x" * 300)
    call = await site.call()
    assert world.engine.describe()["buffers"]["held"] >= 300
    await call.answer(OK)
    assert await client.answer() == (7, OK)
    await world.until(lambda: world.engine.describe()["buffers"]["held"] == 0)


@each_framed
async def test_a_host_of_three_goes_and_all_that_was_on_it_is_elsewhere_within_40_ms(world: World, speaker: Speaker) -> None:
    sites, calls = [Site(world, speaker) for _ in range(3)], 48
    start(world, speaker, Retry(idempotent=True), *sites, pool="multiplexed", retry_budget=EVERYTHING)
    client = await speaker.client(world)
    for number in range(calls):
        await client.ask(number)
    await world.until(lambda: sum(site.calls.qsize() for site in sites) == calls)
    lost = sites[0].calls.qsize()
    assert lost >= calls // 3 - 3
    await sites[0].go()
    await world.until(lambda: outcome(world, "retried") == lost)
    await world.advance(0.04)
    await world.until(lambda: sum(site.calls.qsize() for site in sites[1:]) == calls)
    for site in sites[1:]:
        while site.calls.qsize():
            await (await site.call()).answer(OK)
    assert sorted([await client.answer() for _ in range(calls)]) == [(number, OK) for number in range(calls)]


# -- one answer, whatever happens -----------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("when", ["pausing", "on its way"])
async def test_a_client_that_goes_takes_its_call_along(world: World, speaker: Speaker, when: str) -> None:
    sites = [Site(world, speaker), Site(world, speaker)]
    start(world, speaker, Retry(on=("reset",), idempotent=True), *sites)
    client = await asked(world, speaker)
    call, _, there = await first_of(world, *sites)
    await call.reset()
    await world.until(lambda: outcome(world, "retried") == 1)
    if when == "on its way":
        await world.advance(PAUSE)
        await there.call()
    peer = client.client.peer if speaker is GRPC else client.peer
    peer.reset()
    await world.until(lambda: world.engine.in_flight() == 0)
    await world.advance(PAUSE)
    assert world.engine.describe()["clusters"]["main"]["retries"] == 0


async def test_a_body_that_is_not_whole_yet_goes_on_to_the_next_host(world: World) -> None:
    one, two = Site(world, HTTP1), Site(world, HTTP1)
    start(world, HTTP1, Retry(on=("reset",), idempotent=True), one, two)
    client = await world.client()
    await client.send(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
    await world.until(lambda: one.connections or two.connections)
    await world.until(lambda: any(each["state"] == "open" for n in (0, 1) for each in world.upstreams(n)))
    sent = world.count("downstream_rx_bytes_total")
    await world.until(lambda: sum(world.count("upstream_tx_bytes_total", host=h) for h in hosts(world)) >= sent)
    there = two if one.connections else one
    await let_go((one.connections or two.connections)[0])
    await world.until(lambda: outcome(world, "retried") == 1)
    await client.send(b"world")
    await world.advance(PAUSE)
    call = await there.call()
    assert call.body == b"helloworld"
    await call.answer(OK)
    assert (await client.receive()).startswith(b"HTTP/1.1 200")


async def test_a_connection_that_breaks_under_the_last_piece_of_a_body(world: World) -> None:
    one, two = Site(world, HTTP1), Site(world, HTTP1)
    start(world, HTTP1, Retry(on=("reset",), idempotent=True), one, two)
    client = await world.client()
    await client.send(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 40005\r\n\r\nhello")
    await world.until(lambda: sum(world.count("upstream_tx_bytes_total", host=h) for h in hosts(world)) > 50)
    await world.until(lambda: one.connections or two.connections)
    there = two if one.connections else one
    [broken] = one.connections or two.connections
    reader = READERS.pop(broken)
    reader.cancel()
    await asyncio.wait([reader])
    client.sock.send(bytes(40_000))  # both in one turn of the loop, this first
    broken.reset()
    await again(world)
    call = await there.call()
    assert call.body == b"hello" + bytes(40_000)
    await call.answer(OK)
    assert (await client.receive()).startswith(b"HTTP/1.1 200")


def hosts(world: World) -> tuple[str, ...]:
    return world.snapshot.clusters["main"].hosts


async def test_a_cluster_that_leaves_answers_what_pauses(world: World) -> None:
    speaker = FRAMED[0]
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), idempotent=True), site)
    client = await asked(world, speaker)
    await (await site.call()).reset()
    await world.until(lambda: outcome(world, "retried") == 1)
    world.change(clusters={}, routes={"table": ()})
    number, status = await client.answer()
    assert (number, status == OK) == (7, False)


async def test_a_new_policy_is_for_new_calls(world: World) -> None:
    speaker = FRAMED[0]
    site = Site(world, speaker)
    start(world, speaker, Retry(on=("reset",), idempotent=True), site)
    client = await asked(world, speaker)
    call = await site.call()
    [route] = world.snapshot.routes["table"]
    world.change(routes={"table": (type(route)("all", (), "main"),)})
    await call.reset()
    await again(world)
    await (await site.call()).reset()
    await again(world, 2)
    await client.ask(8)
    for _ in range(2):
        await (await site.call()).answer(OK)
    assert sorted([await client.answer(), await client.answer()]) == [(7, OK), (8, OK)]


@each
async def test_without_a_policy_nothing_is_kept_or_sent_again(world: World, speaker: Speaker) -> None:
    site = Site(world, speaker)
    start(world, speaker, None, site)
    client = await asked(world, speaker)
    call = await site.call()
    await call.reset()
    assert await client.answer() == (7, speaker.closed)
    assert not any(outcome(world, name) for name in ("retried", "unsafe", "exhausted", "unkept"))
