"""Filters that fail: what becomes of their calls, in every protocol."""

from __future__ import annotations

import pytest

from tests.datapath.world import World
from tests.policy.filtering import acting, failures, made, said
from tests.policy.scenes import Talk
from tests.policy.speech.table import BOLT, Speech, over

PHASES = ["on_request", "on_route", "on_host", "on_response"]
EARLY = pytest.mark.parametrize("phase", ["on_request", "on_route"])


@over()
@pytest.mark.parametrize("act", ["raise", "nonsense", "exit"])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_filter_that_fails_fails_its_call(world: World, speech: Speech, phase: str, act: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, act))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert "filter" in (await talk.answer()).faults
    assert failures(world) == 1
    assert f"filter acting: {phase}: " in said(world)
    assert made(world).seen[-1] == ("on_log", "filter")


@over()
async def test_one_that_fails_when_it_logs_harms_nobody(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_log", "raise"), acting(name="other"))
    await talk.ask()
    await talk.serve()
    assert (await talk.answer()).ok
    await world.until(lambda: failures(world))
    assert made(world, 1).seen[-1] == ("on_log", "answered")


@over()
@EARLY
async def test_code_that_blocks_is_broken_off(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "block", block_limit=0.02, stuck_limit=60))
    await talk.ask()
    assert "filter" in (await talk.answer()).faults
    assert "it did not come back for 0.02 s, and was broken off" in said(world)
    assert failures(world) == 1


async def test_code_that_swallows_the_exception_is_broken_off_again(world: World) -> None:
    talk = await Talk(world, BOLT).start(acting("on_route", "block twice", block_limit=0.02, stuck_limit=60))
    await talk.ask()
    assert (await talk.answer()).faults == {"filter"}


async def test_a_step_of_an_awaitable_that_blocks_is_broken_off(world: World) -> None:
    talk = await Talk(world, BOLT).start(acting("on_route", "block in await", block_limit=0.02, stuck_limit=60))
    await talk.ask()
    assert (await talk.answer()).faults == {"filter"}
    assert "it did not come back" in said(world)
