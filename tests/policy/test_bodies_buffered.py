"""Filters that want all of a request's body first: what they get, what they answer, and what breaks off."""

from __future__ import annotations

import pytest

from proxy.datapath.audit import audit
from tests.datapath.world import World
from tests.policy.bodies import EVERY, HTTP1, HUNDRED, PHASE, quiet, reading, watching
from tests.policy.filtering import acting, failures, made
from tests.policy.uploads import Chunked, Counted, Grpc, Streamed, Upload


@EVERY
@PHASE
async def test_a_filter_has_the_whole_body(world: World, upload: type[Upload], phase: str) -> None:
    talk = await upload(world).start(reading(phase))
    await talk.begin(100)
    for at in range(0, 100, 25):
        await talk.push(HUNDRED[at : at + 25])
        assert audit(world.engine) == []
        if at < 75:
            assert not made(world).seen
            assert not world.upstreams(), "nothing goes on before all of it is here"
    await talk.finish()
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"
    assert made(world).seen == [(phase, HUNDRED)]
    assert await talk.ask(b"again") == "ok"
    assert await talk.ask(b"") == "ok"
    assert made(world).seen[1:] == [(phase, b"again"), (phase, b"")]
    assert made(world).ended == ["answered"] * 3
    await quiet(world)


@EVERY
async def test_both_phases_have_it_and_the_next_filter(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(reading(), reading("on_route", "second", act="wait"), watching("third"))
    await talk.whole(HUNDRED)
    await world.until(lambda: made(world, 1).gates)
    assert audit(world.engine) == []
    made(world, 1).gates[0].set_result(None)
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"
    assert made(world).seen == [("on_request", HUNDRED), ("on_route", HUNDRED)]
    assert made(world, 1).seen == [("on_route", HUNDRED)]
    assert made(world, 2).seen == [(HUNDRED, True)], "who watches sees it at once, when it goes on"


@EVERY
async def test_headers_follow_from_a_body(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(reading("on_request", act="edit"))
    assert await talk.ask(HUNDRED[:7]) == "ok"
    assert talk.heard.fields["x-size"] == "7"


@EVERY
@PHASE
async def test_one_byte_too_many(world: World, upload: type[Upload], phase: str) -> None:
    talk = await upload(world).start(reading(phase, limit=99))
    await talk.whole(HUNDRED)
    assert await talk.answer() == talk.too_large
    assert made(world).ended == ["overload"]
    assert not made(world).seen
    assert world.count("filter_replies_total", filter="reading") == 1
    assert failures(world, "reading") == 0
    assert await talk.ask(HUNDRED[:99]) == "ok"
    await quiet(world)


@EVERY
async def test_a_limit_of_none(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(reading(limit=0))
    assert await talk.ask(b"") == "ok"
    await talk.whole(b"x")
    assert await talk.answer() == talk.too_large
    await quiet(world)


async def test_the_second_filters_limit_is_its_own(world: World) -> None:
    talk = await Chunked(world).start(reading(), reading(name="second", limit=10))
    await talk.whole(HUNDRED[:11])
    assert await talk.answer() == "413"
    assert talk.told.body == b"xproto: the body is longer than 10 bytes\n"
    assert await talk.ask(HUNDRED[:10]) == "ok"


async def test_a_length_over_the_limit_is_refused_before_the_body(world: World) -> None:
    talk = await Counted(world).start(reading())
    await talk.begin(101)
    assert await talk.answer() == "413"
    await talk.piece(bytes(101))
    assert await talk.ask(b"next") == "ok"


@EVERY
@PHASE
async def test_a_filter_answers_what_it_has_read(world: World, upload: type[Upload], phase: str) -> None:
    talk = await upload(world).start(reading(phase, act="reply"))
    await talk.whole(HUNDRED)
    assert await talk.answer() == talk.refused
    assert made(world).ended == ["overload"]
    await quiet(world)


@EVERY
@PHASE
@pytest.mark.parametrize("before", ["", "on_request", "on_route"])
async def test_a_filter_in_front_waits_for_something_else(world: World, upload: type[Upload], phase: str, before: str) -> None:
    talk = await upload(world).start(acting(before, "wait"), reading(phase))
    await talk.whole(HUNDRED)
    if before:
        await world.until(lambda: made(world).gates)
        assert audit(world.engine) == []
        made(world).gates[0].set_result(None)
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"
    await quiet(world)


@EVERY
async def test_a_host_is_agreed_to_with_the_body(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(acting("on_host", "wait"), reading())
    await talk.whole(HUNDRED)
    await world.until(lambda: made(world).gates)
    assert audit(world.engine) == []
    made(world).gates[0].set_result(None)
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"


@EVERY
async def test_a_client_that_goes_in_the_middle(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(reading())
    await talk.begin(100)
    await talk.piece(HUNDRED[:50])
    await world.until(lambda: world.engine.describe()["buffers"]["held"])
    talk.go()
    await world.until(lambda: made(world).ended)
    assert made(world).ended == ["unanswered"]
    assert not made(world).seen
    await quiet(world)
    assert not world.engine.describe()["buffers"]["held"]


@pytest.mark.parametrize("upload", [Streamed, Grpc], ids=lambda each: each.__name__.lower())
async def test_a_stream_that_is_reset_in_the_middle(world: World, upload: type[Streamed]) -> None:
    talk = upload(world)
    await talk.start(reading())
    await talk.begin(100)
    await talk.piece(HUNDRED[:50])
    await world.until(lambda: world.engine.describe()["buffers"]["held"])
    await talk.peer.reset(talk.stream)
    await world.until(lambda: made(world).ended)
    assert await talk.ask(b"next") == "ok"
    await quiet(world)


@HTTP1
async def test_an_end_in_the_middle(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(reading())
    await talk.begin(100)
    await talk.piece(HUNDRED[:50])
    talk.client.finish()
    assert await talk.answer() == talk.malformed
    assert made(world).ended == ["malformed"]
    await quiet(world)


async def test_chunks_that_are_malformed(world: World) -> None:
    talk = await Chunked(world).start(reading())
    await talk.begin(100)
    await talk.piece(HUNDRED[:50])
    await talk.client.send(b"nonsense\r\n")
    assert await talk.answer() == "400"
    assert made(world).ended == ["malformed"]
    await quiet(world)
