"""Filters that see each piece of a request's body as it passes."""

from __future__ import annotations

import asyncio

import pytest

from proxy.datapath.audit import audit
from proxy.filters import Reply
from tests.datapath import web
from tests.datapath.world import World
from tests.policy.bodies import EVERY, HUNDRED, quiet, watching
from tests.policy.filtering import acting, failures, made, said
from tests.policy.uploads import Counted, Upload
from xproto.spec import Fault


@EVERY
async def test_a_filter_sees_each_piece(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(watching())
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    await world.until(lambda: made(world).total == HUNDRED[:60])
    await world.until(world.upstreams)
    assert audit(world.engine) == []
    await talk.piece(HUNDRED[60:])
    await talk.finish()
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"
    assert made(world).total == HUNDRED
    assert [last for _, last in made(world).seen].count(True) == 1
    assert made(world).seen[-1][1]
    assert made(world).ended == ["answered"]
    await quiet(world)


@EVERY
async def test_a_request_without_a_body_is_one_empty_piece(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(watching())
    assert await talk.ask(b"") == "ok"
    assert made(world).seen == [(b"", True)]


@EVERY
@pytest.mark.parametrize("after", [0, 60, 100])
async def test_it_ends_a_call(world: World, upload: type[Upload], after: int) -> None:
    talk = await upload(world).start(watching(act="reply", after=after))
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    if after == 100:
        await talk.piece(HUNDRED[60:])
    assert await talk.answer() == talk.refused
    assert made(world).ended == ["overload"]
    assert world.count("filter_replies_total", filter="watching") == 1
    if after < 100 and talk.protocol == "http1":
        await talk.piece(HUNDRED[60:])
    assert audit(world.engine) == []
    talk.go()
    await quiet(world)


@EVERY
@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("raise", "ValueError: on purpose"),
        ("block", "it did not come back for 0.05 s, and was broken off"),
        ("wait", "on_body must not wait"),
        ("nonsense", "on_body must not return 42"),
        ("edit", "the request is on its way"),
    ],
)
async def test_it_fails(world: World, upload: type[Upload], act: str, why: str) -> None:
    talk = await upload(world).start(watching(act=act, after=1, block_limit=0.05 if act == "block" else 5.0))
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    assert await talk.answer() == talk.failed
    assert why in said(world)
    assert failures(world, "watching") == 1
    assert made(world).ended == ["filter"]
    talk.go()
    await quiet(world)


@EVERY
async def test_it_fails_without_a_body(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(watching(act="raise"))
    await talk.begin(0)
    assert await talk.answer() == talk.failed
    assert not world.upstreams()
    await quiet(world)


async def test_the_server_hears_of_a_call_that_was_ended(world: World) -> None:
    talk = await Counted(world).start(watching(act="reply", after=100))
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    upstream = await talk.backend.accept()
    await web.take(upstream, 0)
    assert await upstream.bytes(60) == HUNDRED[:60]
    await talk.piece(HUNDRED[60:])
    assert await talk.answer() == "422"
    assert await upstream.ended()
    await talk.begin(0)
    assert await talk.answer() == "422", "and the next is read"
    await quiet(world)


@EVERY
async def test_a_client_that_goes_while_it_is_watched(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(watching())
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    await world.until(lambda: made(world).total)
    talk.go()
    await world.until(lambda: made(world).ended)
    assert made(world).ended == ["unanswered"]
    assert not any(last for _, last in made(world).seen)
    await quiet(world)


async def test_an_answer_that_has_begun_is_broken_off(world: World) -> None:
    talk = await Counted(world).start(watching(act="reply", after=100))
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    upstream = await talk.backend.accept()
    await web.take(upstream, 0)
    await upstream.send(web.head("200 OK", "Content-Length: 10") + b"half")
    assert (await web.take(talk.client, 4)).body == b"half"
    await talk.piece(HUNDRED[60:])
    assert await talk.client.was_reset()
    await quiet(world)


async def test_an_answer_that_came_early_waits_while_the_body_is_watched(world: World) -> None:
    talk = await Counted(world).start(acting("on_response", "wait"), watching())
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    upstream = await talk.backend.accept()
    await web.take(upstream, 0)
    await upstream.send(web.response(b"early"))
    await world.until(lambda: made(world).gates)
    assert audit(world.engine) == []
    await talk.piece(HUNDRED[60:])
    await world.until(lambda: made(world, 1).total == HUNDRED)
    made(world).gates[0].set_result(Reply(Fault.OVERLOAD, 422))
    assert await talk.answer() == "422"
    await quiet(world)


async def test_a_big_body_is_watched_and_held_up(world: World) -> None:
    talk = await Counted(world).start(watching())
    size = 32_000_000
    await talk.begin(size)
    sending = asyncio.ensure_future(talk.piece(bytes(size)))
    upstream = await talk.backend.accept()
    await web.take(upstream, 0)
    await world.until(lambda: world.downstreams()[0]["paused"])
    assert made(world).size < size // 2
    assert world.engine.describe()["buffers"]["held"] < 2_000_000
    assert len(await upstream.bytes(size)) == size
    await sending
    assert made(world).size == size


async def test_two_that_watch_both_see_it_until_one_ends_it(world: World) -> None:
    talk = await Counted(world).start(watching(), watching("second", act="reply", after=50), watching("third"))
    await talk.begin(100)
    await talk.piece(HUNDRED[:60])
    assert await talk.answer() == "422"
    assert [made(world, at).total for at in range(3)] == [HUNDRED[:60], HUNDRED[:60], b""]
