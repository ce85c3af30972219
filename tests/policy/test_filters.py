"""Filters in every protocol: what each phase may say."""

from __future__ import annotations

import pytest

from proxy.snapshot import HeaderMatch, Route
from tests.datapath.world import World
from tests.policy.filtering import acting, made, said, seen
from tests.policy.scenes import Talk
from tests.policy.speech.table import HTTP1, Speech, over

PHASES = ["on_request", "on_route", "on_host", "on_response"]


@over()
async def test_a_call_comes_by_every_phase_once(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting())
    await talk.ask()
    await talk.serve()
    assert (await talk.answer()).ok
    await world.until(lambda: "on_log" in seen(world))
    assert seen(world) == [*PHASES, "on_log"]
    assert made(world).seen[-1] == ("on_log", "answered")
    assert made(world).hosts == [talk.hosts[0].address]
    assert len({method for _, method in made(world).seen[:-1]}) == 1, "it is known in every phase"


@over()
async def test_filters_take_their_turns(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_route", "reply", name="first"), acting(name="second"))
    await talk.ask()
    assert "overload" in (await talk.answer()).faults
    assert [phase for phase, _ in made(world, 0).seen] == ["on_request", "on_route", "on_log"]
    assert [phase for phase, _ in made(world, 1).seen] == ["on_request", "on_log"], "what is answered goes no further"


@over()
async def test_those_that_do_not_look_are_not_asked(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_request", "reply", only="nobody"))
    await talk.ask()
    await talk.serve()
    assert (await talk.answer()).ok
    assert seen(world) == []


@over()
@pytest.mark.parametrize("phase", ["on_request", "on_route", "on_response"])
async def test_a_reply_is_the_answer(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "reply"))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert "overload" in (await talk.answer()).faults
    assert world.count("filter_replies_total", filter="acting") == 1
    assert made(world).seen[-1] == ("on_log", "overload")


@over()
async def test_another_host_is_chosen(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_host", "again"), hosts=2)
    await talk.ask()
    await world.until(lambda: len(made(world).hosts) == 2)
    first, second = made(world).hosts
    assert first != second
    await talk.serve(next(each for each in talk.hosts if each.address == second))
    assert (await talk.answer()).ok


@over()
async def test_no_host_is_good_enough(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_host", "again for ever"), hosts=2)
    await talk.ask()
    assert "connect" in (await talk.answer()).faults
    assert len(made(world).hosts) == 2


@over("headers", variants=True)
async def test_a_header_is_edited_and_the_route_decided_again(world: World, speech: Speech) -> None:
    routes = (Route("new", (HeaderMatch("x-env", "exact", "new"),), "main"), Route("old", (), "main"))
    filters = (acting("on_route", "set"), acting("on_route", "again", name="again"))
    talk = await Talk(world, speech).start(*filters, routes=routes)
    await talk.ask(env="old")
    assert (await talk.serve()).headers == {"x-env": "new"}
    assert (await talk.answer()).ok
    assert (world.count("route_calls_total", route="new"), world.count("route_calls_total", route="old")) == (1, 0)


@over()
async def test_matching_again_comes_to_an_end(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_route", "again for ever"))
    await talk.ask()
    assert "filter" in (await talk.answer()).faults
    assert "more than 8 times" in said(world)


@over("fields", variants=True)
async def test_an_answer_is_edited(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_response", "set"))
    await talk.ask()
    await talk.serve()
    answer = await talk.answer()
    assert (answer.ok, answer.headers) == (True, {"x-env": "new", "x-answer": "1"})


@pytest.mark.parametrize("phase", ["on_request", "on_response"])
async def test_what_frames_a_message_is_not_edited(world: World, phase: str) -> None:
    talk = await Talk(world, HTTP1).start(acting(phase, "frame"))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert (await talk.answer()).faults == {"filter"}
    assert "the field 'Content-Length' frames the message" in said(world)


@over("headers")
async def test_a_route_has_settings_of_its_own(world: World, speech: Speech) -> None:
    matches = (HeaderMatch("x-env", "exact", "gray"),)
    routes = (
        Route("gray", matches, "main", filters={"acting": {"phase": "on_route", "act": "reply"}}),
        Route("off", (HeaderMatch("x-env", "exact", "off"),), "main", filters={"acting": None}),
        Route("else", (), "main"),
    )
    talk = await Talk(world, speech).start(acting(), routes=routes)
    await talk.ask(1, "gray")
    assert "overload" in (await talk.answer()).faults
    await talk.ask(2, "off")
    await talk.serve()
    assert (await talk.answer()).ok
    assert seen(world) == ["on_request", "on_request"], "before the route it is the listener's that is asked"
    await talk.ask(3)
    await talk.serve()
    assert (await talk.answer()).ok
    assert seen(world)[2:] == [*PHASES, "on_log"]


@over()
async def test_no_route_is_logged_too(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting(), routes=(Route("other", (HeaderMatch("service", "exact", "x"),), "main"),))
    await talk.ask()
    assert "no_route" in (await talk.answer()).faults
    assert made(world).seen[-1] == ("on_log", "no_route")
