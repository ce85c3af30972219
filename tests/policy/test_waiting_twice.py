"""A call that filters keep waiting one after the other: what one of them edits in between is what is sent."""

from __future__ import annotations

import pytest

from proxy.datapath.audit import audit
from tests.datapath.world import World
from tests.policy.filtering import acting, made
from tests.policy.scenes import Talk
from tests.policy.speech.table import ALL, BOLT, HTTP1, Speech, over

SMALL = [(speech, size) for speech in ALL for size in (100, 60_000)]
BIG = [(BOLT, 1 << 20), (HTTP1, 1 << 20)]


async def let_go(world: World, *filters: int) -> None:
    """Each of them in turn has the call wait, and then has had its time."""
    for at in filters:
        await world.until(lambda at=at: made(world, at).gates)
        assert audit(world.engine) == []
        made(world, at).gates[0].set_result(None)


@over("fields", variants=True)
async def test_an_edit_between_two_waits_is_kept(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(
        acting("on_request", "wait"), acting("on_route", "set", name="sets"), acting("on_route", "wait", name="last")
    )
    await talk.ask(env="a value that is longer than the new one")
    await let_go(world, 0, 2)
    assert (await talk.serve()).headers["x-env"] == "new"
    assert (await talk.answer()).ok


@pytest.mark.parametrize(("speech", "size"), SMALL + BIG)
async def test_its_frame_is_kept_once(world: World, speech: Speech, size: int) -> None:
    talk = await Talk(world, speech).start(acting("on_request", "wait"), acting("on_route", "wait", name="last"))
    body = bytes(range(97, 123)) * (size // 26)
    await talk.client.ask(body=body)
    await world.until(lambda: made(world, 0).gates)
    await let_go(world, 0)
    await world.until(lambda: made(world, 1).gates)
    await let_go(world, 1)
    assert (await talk.serve()).body == body
    assert (await talk.answer()).ok
    await world.until(lambda: world.engine.describe()["buffers"]["held"] == 0)
