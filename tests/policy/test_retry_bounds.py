"""How often, when and where calls are sent again, and how much of it there may be at once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from proxy.snapshot import Retry, RetryBudget, Route
from tests.datapath import frames, test_streams
from tests.datapath.world import World
from tests.policy.retrying import EVERYTHING, PAUSE, again, asked, first_of, good, heard, number_of, outcome
from tests.policy.scenes import everything, start
from tests.policy.speech.table import BOLT, Host, Speech, over

# -- how often, when and where ----------------------------------------------------------------------------------------


@over()
async def test_so_many_times_and_no_more(world: World, speech: Speech) -> None:
    sites = [Host(world, speech), Host(world, speech)]
    start(world, speech, everything(retry=Retry(on=("reset",), attempts=2, idempotent=True)), *sites)
    client = await asked(world, speech)
    for times in (1, 2, 3):
        call, _, _ = await first_of(world, *sites)
        await call.reset()
        if times < 3:
            await again(world, times)
    assert "closed" in (await heard(client)).faults
    assert (outcome(world, "retried"), outcome(world, "exhausted"), outcome(world, "succeeded")) == (2, 1, 0)


async def test_pauses_double_up_to_the_longest_and_calls_that_failed_together_part(world: World) -> None:
    speech, calls = BOLT, 40
    site = Host(world, speech)
    policy = Retry(on=("reset",), attempts=3, idempotent=True, back_off_base=1.0, back_off_max=3.0)
    start(world, speech, everything(retry=policy), site, retry_budget=EVERYTHING)
    client = await speech.client(world)
    for number in range(calls):
        await client.ask(number=number)
    for round, longest in enumerate((1.0, 2.0, 3.0), 1):
        came = [await site.take() for _ in range(calls)]
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


@over()
async def test_another_host_if_there_is_one(world: World, speech: Speech) -> None:
    sites = [Host(world, speech), Host(world, speech)]
    start(world, speech, everything(retry=Retry(on=("reset",), attempts=4, idempotent=True)), *sites, retry_budget=EVERYTHING)
    await asked(world, speech)
    before = None
    for times in range(1, 5):
        call, here, _ = await first_of(world, *sites)
        assert here is not before
        before = here
        await call.reset()
        await again(world, times)


@over()
async def test_the_same_host_where_that_is_wanted(world: World, speech: Speech) -> None:
    sites = [Host(world, speech), Host(world, speech)]
    policy = Retry(on=("reset",), attempts=10, idempotent=True, same_host=True)
    start(world, speech, everything(retry=policy), *sites, lb="random", retry_budget=EVERYTHING)
    await asked(world, speech)
    went = []
    for times in range(1, 9):
        call, here, _ = await first_of(world, *sites)
        went.append(here)
        await call.reset()
        await again(world, times)
    assert any(one is two for one, two in pairwise(went))


@over()
async def test_the_last_host_after_all_where_the_others_are_gone(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True, attempts=1)), site, "127.0.0.1:1")
    client = await asked(world, speech)
    call = await site.take()
    await call.reset()
    await again(world)
    await world.until(lambda: world.count("upstream_connect_failures_total", host="127.0.0.1:1") > 0)
    await world.advance(PAUSE)
    await (await site.take()).answer()
    assert await good(client)
    assert outcome(world, "retried") == 1


async def test_the_last_host_after_all_where_the_others_are_busy(world: World) -> None:
    speech = BOLT
    one, two = Host(world, speech), Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True)), one, two, max_in_flight=1)
    client = await speech.client(world)
    for number in (7, 8):
        await client.ask(number=number)
        await world.until(lambda: one.calls.qsize() + two.calls.qsize() == number - 6)  # noqa: B023
    await (await one.take()).reset()
    await again(world)
    await world.advance(PAUSE)
    await (await one.take()).answer()
    await (await two.take()).answer()
    assert sorted([await number_of(client), await number_of(client)]) == [7, 8]


@over()
async def test_the_whole_calls_deadline_wins(world: World, speech: Speech) -> None:
    one, two = Host(world, speech), Host(world, speech)
    policy = Retry(on=("timeout",), per_try_timeout=0.5, idempotent=True, attempts=5)
    start(world, speech, everything(retry=policy, timeout=0.7), one, two)
    client = await asked(world, speech)
    await first_of(world, one, two)
    await world.advance(0.52)
    await world.until(lambda: outcome(world, "retried") + outcome(world, "too_late") == 1)
    if outcome(world, "retried"):
        await world.advance(0.1)
        second, _, _ = await first_of(world, one, two)
        if "timeout" in speech.says:
            assert second.timeout < 200
    await world.advance(1.0)
    assert "timeout" in (await heard(client)).faults
    assert await client.silent()


@over()
async def test_no_retry_that_could_only_come_too_late(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    policy = Retry(on=("reset",), idempotent=True, back_off_base=100.0, back_off_max=100.0)
    start(world, speech, everything(retry=policy, timeout=0.05), site)
    client = await asked(world, speech)
    await (await site.take()).reset()
    assert "closed" in (await heard(client)).faults
    assert (outcome(world, "too_late"), outcome(world, "retried")) == (1, 0)


# -- bounds -----------------------------------------------------------------------------------------------------------


@over("numbers")
@pytest.mark.parametrize(("percent", "least", "retried"), [(0, 3, 3), (50, 0, 5), (100, 0, 10), (0, 0, 0)])
async def test_the_budget_of_a_cluster(world: World, speech: Speech, percent: int, least: int, retried: int) -> None:
    site = Host(world, speech)
    budget = RetryBudget(percent=percent, min_concurrent=least)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True)), site, pool="multiplexed", retry_budget=budget)
    client = await speech.client(world)
    for number in range(10):
        await client.ask(number=number)
    calls = [await site.take() for _ in range(10)]
    await calls[0].reset()
    await world.until(lambda: outcome(world, "retried") + outcome(world, "over_budget") == 10)
    assert outcome(world, "retried") == retried
    assert world.engine.describe()["clusters"]["main"]["retries"] == retried
    await world.advance(PAUSE)
    for _ in range(retried):
        await (await site.take()).answer()
    answers = [await client.answer() for _ in range(10)]
    assert sum(each.ok for each in answers) == retried
    assert sum("closed" in each.faults for each in answers) == 10 - retried
    assert world.engine.describe()["clusters"]["main"]["retries"] == 0


@over()
async def test_a_request_that_is_too_long_is_not_kept(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True, buffer=700)), site)
    client = await asked(world, speech, b"x" * 800)
    await (await site.take()).reset()
    assert "closed" in (await heard(client)).faults
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
    speech = BOLT
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True)), site)
    greedy = await world.client()
    for part in (frames.announcing(1, 2**30), *(bytes(1 << 20),) * 97):
        await greedy.send(part)
    await world.until(lambda: world.engine.describe()["buffers"]["held"] > 96 * 2**20)
    client = await asked(world, speech)
    call = await site.take()
    await call.answer()
    assert await good(client)
    await client.ask(number=8)
    await (await site.take()).reset()
    assert "closed" in (await heard(client, 8)).faults
    assert (outcome(world, "unkept"), outcome(world, "retried")) == (2, 0)


@over()
async def test_what_is_kept_is_given_back_when_the_answer_is_there(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(idempotent=True)), site)
    client = await asked(world, speech, b"x" * 300)
    call = await site.take()
    assert world.engine.describe()["buffers"]["held"] >= 300
    await call.answer()
    assert await good(client)
    await world.until(lambda: world.engine.describe()["buffers"]["held"] == 0)


@over("frames")
async def test_a_host_of_three_goes_and_all_that_was_on_it_is_elsewhere_within_40_ms(world: World, speech: Speech) -> None:
    sites, calls = [Host(world, speech) for _ in range(3)], 48
    start(world, speech, everything(retry=Retry(idempotent=True)), *sites, pool="multiplexed", retry_budget=EVERYTHING)
    client = await speech.client(world)
    for number in range(calls):
        await client.ask(number=number)
    await world.until(lambda: sum(site.calls.qsize() for site in sites) == calls)
    lost = sites[0].calls.qsize()
    assert lost >= calls // 3 - 3
    await sites[0].leave()
    await world.until(lambda: outcome(world, "retried") == lost)
    await world.advance(0.04)
    await world.until(lambda: sum(site.calls.qsize() for site in sites[1:]) == calls)
    for site in sites[1:]:
        while site.calls.qsize():
            await (await site.take()).answer()
    assert sorted([await number_of(client) for _ in range(calls)]) == list(range(calls))
