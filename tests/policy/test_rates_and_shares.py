"""Of built-in filters what depends on time and on dice: a bucket that fills again, calls of which some are hit."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.filters import fault, rate_limit
from tests.datapath.world import World
from tests.policy.filtering import built_in
from tests.policy.scenes import Talk
from tests.policy.speech.table import BOLT, Answer, Speech, over

CALLS = 50


async def started(world: World, speech: Speech, kind: str, **settings: Any) -> Talk:
    """Its host answers at once."""
    talk = await Talk(world, speech).start(built_in(kind, **settings))
    talk.hosts[0].answers = Answer("ok")
    return talk


async def passed(talk: Talk, count: int) -> list[bool]:
    """Of so many calls, one after the other, which come to the host; the others are answered by the filter."""
    found = list[bool]()
    for number in range(count):
        await talk.ask(number, "a")
        found.append((await talk.answer()).ok)
    assert len(talk.hosts[0].came()) == sum(found)
    return found


@pytest.fixture
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is the world's, which moves by `advance`."""
    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(monotonic=lambda: world.hand.now))


@pytest.fixture
def dice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault, "random", random.Random(1))


@pytest.mark.usefixtures("clock")
@over(variants=True)
async def test_a_bucket_fills_at_its_rate_up_to_its_burst(world: World, speech: Speech) -> None:
    talk = await started(world, speech, "rate_limit", rate=2, burst=3)
    assert await passed(talk, 5) == [True, True, True, False, False]
    await world.advance(0.4)
    assert await passed(talk, 1) == [False], "a token takes half a second"
    await world.advance(0.2)
    assert await passed(talk, 2) == [True, False]
    await world.advance(10)
    assert await passed(talk, 4) == [True, True, True, False]


@pytest.mark.usefixtures("dice")
@over(variants=True)
@pytest.mark.parametrize(("percent", "least", "most"), [(3, 1, 5), (60, 20, 40)])
async def test_some_calls_are_aborted(world: World, speech: Speech, percent: float, least: int, most: int) -> None:
    talk = await started(world, speech, "fault", abort={"percent": percent})
    assert least <= CALLS - sum(await passed(talk, CALLS)) <= most


@pytest.mark.usefixtures("dice")
@pytest.mark.parametrize(("delays", "aborts"), [(30, 0), (100, 30), (50, 50)])
async def test_some_calls_wait_and_of_these_some_are_aborted(
    world: World, monkeypatch: pytest.MonkeyPatch, delays: float, aborts: float
) -> None:
    waits = list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(fault, "asyncio", SimpleNamespace(sleep=sleep))
    settings = {"delay": {"duration": "30ms", "percent": delays}, "abort": {"percent": aborts}}
    talk = await started(world, BOLT, "fault", **settings)
    aborted = CALLS - sum(await passed(talk, CALLS))
    assert waits == [0.03] * len(waits)
    assert abs(len(waits) - delays * CALLS / 100) <= CALLS / 6
    assert abs(aborted - aborts * CALLS / 100) <= CALLS / 6
