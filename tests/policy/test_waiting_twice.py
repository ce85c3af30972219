"""A call that filters keep waiting one after the other: what one of them edits in between is what is sent."""

from __future__ import annotations

import pytest

from proxy.datapath.audit import audit
from tests.datapath.world import World
from tests.policy.filter_calls import SPEAKERS, Speaker
from tests.policy.test_filters import acting, made

EDITED = pytest.mark.parametrize(
    "speaker", [each for each in SPEAKERS if each.header], ids=[each.protocol for each in SPEAKERS if each.header]
)


@EDITED
async def test_an_edit_between_two_waits_is_kept(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(
        acting("on_request", "wait"), acting("on_route", "set", name="sets"), acting("on_route", "wait", name="last")
    )
    await talk.ask(value="a value that is longer than the new one")
    for at in (0, 2):
        await world.until(lambda at=at: made(world, at).gates)
        assert audit(world.engine) == []
        made(world, at).gates[0].set_result(None)
    assert b"new" in await talk.serve()
    assert await talk.answer() == "ok"


@pytest.mark.parametrize("speaker", SPEAKERS, ids=[each.protocol for each in SPEAKERS])
async def test_its_frame_is_kept_once(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_request", "wait"), acting("on_route", "wait", name="last"))
    await talk.ask()
    await world.until(lambda: made(world, 0).gates)
    held = world.engine.describe()["buffers"]["held"]
    made(world, 0).gates[0].set_result(None)
    await world.until(lambda: made(world, 1).gates)
    assert world.engine.describe()["buffers"]["held"] == held
    made(world, 1).gates[0].set_result(None)
    await talk.serve()
    assert await talk.answer() == "ok"
