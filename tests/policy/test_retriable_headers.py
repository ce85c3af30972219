"""Answers that are not wanted for a header that they have, in every protocol whose answers have headers."""

from __future__ import annotations

import pytest

from proxy.snapshot import Retry
from tests.datapath.world import World
from tests.policy.retrying import again, asked, first_of, heard, outcome
from tests.policy.scenes import everything, start
from tests.policy.speech.table import Host, Speech, over, saying

POLICY = Retry(on=(), headers=("x-not-now", "x-draining"), idempotent=True)


async def judged(world: World) -> None:
    """An answer was not wanted: so it was at least looked at."""
    await world.until(lambda: outcome(world, "retried") or outcome(world, "unsafe") or world.observed())
    assert outcome(world, "retried") or outcome(world, "unsafe")


@over("answer_headers", variants=True)
@pytest.mark.parametrize("name", POLICY.headers)
async def test_an_answer_that_has_one_is_not_the_answer(world: World, speech: Speech, name: str) -> None:
    one, two = Host(world, speech), Host(world, speech)
    start(world, speech, everything(retry=POLICY), one, two)
    client = await asked(world, speech)
    call, _, other = await first_of(world, one, two)
    await call.answer("no", headers={"a": "b", name: ""})
    await judged(world)
    await again(world)
    await (await other.take()).answer("yes")
    assert (await heard(client)).text == "yes"
    assert await client.silent()
    assert outcome(world, "succeeded") == 1
    assert sum(world.count("upstream_dropped_answers_total", host=each.address, reason="retried") for each in (one, two)) == 1


@over("answer_headers", variants=True)
@pytest.mark.parametrize("headers", [{}, {"x-not": "x-not-now"}, {"x-not-now-": "1"}], ids=["none", "its value", "longer"])
async def test_one_that_has_another_is(world: World, speech: Speech, headers: dict[str, str]) -> None:
    host = Host(world, speech)
    start(world, speech, everything(retry=POLICY), host)
    client = await asked(world, speech)
    await (await host.take()).answer("x-not-now", headers=headers)
    assert (await heard(client)).text == "x-not-now"
    assert outcome(world, "retried") == 0


@over("answer_headers", variants=True)
async def test_only_if_the_call_may_be_processed_twice(world: World, speech: Speech) -> None:
    host = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=(), headers=("x-not-now",), idempotent=False)), host)
    client = await asked(world, speech)
    await (await host.take()).answer("no", headers={"x-not-now": "1"})
    await judged(world)
    assert (await heard(client)).headers == {"x-not-now": "1"}
    assert (outcome(world, "unsafe"), outcome(world, "retried")) == (1, 0)


@pytest.mark.parametrize("speech", [each for each in saying(variants=True) if "answer_headers" not in each.says], ids=repr)
async def test_where_answers_have_none_all_are_wanted(world: World, speech: Speech) -> None:
    host = Host(world, speech)
    start(world, speech, everything(retry=POLICY), host)
    client = await asked(world, speech)
    await (await host.take()).answer("x-not-now")
    assert (await heard(client)).text == "x-not-now"
    assert outcome(world, "retried") == 0
