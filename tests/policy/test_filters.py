"""Filters in every protocol: what each phase may say, and what becomes of calls whose filters fail."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.filters import Reply
from proxy.snapshot import Filter, HeaderMatch, Route
from tests.datapath import frames, web
from tests.datapath.world import World
from tests.policy.filter_calls import SPEAKERS, Bolt, Http1, Speaker
from xproto.spec import Fault

ACTING = str(Path(__file__).with_name("acting.py"))
EVERY = pytest.mark.parametrize("speaker", SPEAKERS, ids=[each.protocol for each in SPEAKERS])
EARLY = pytest.mark.parametrize("phase", ["on_request", "on_route"])
PHASES = ["on_request", "on_route", "on_host", "on_response"]


def acting(phase: str = "", act: str = "nothing", name: str = "acting", **more: Any) -> Filter:
    only = more.pop("only", None)
    return Filter(name, "", ACTING, {"phase": phase, "act": act, "only": only}, **more)


def made(world: World, at: int = 0) -> Any:
    """The filter itself."""
    return world.filters.listeners["in"].filters[at].filter


def seen(world: World) -> list[str]:
    return [phase for phase, _ in made(world).seen]


def failures(world: World, name: str = "acting") -> int:
    return world.count("filter_failures_total", filter=name)


def said(world: World) -> str:
    return "\n".join(world.log)


# -- phases ---------------------------------------------------------------------------------------------------------


@EVERY
async def test_a_call_comes_by_every_phase_once(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting())
    await talk.ask()
    await talk.serve()
    assert await talk.answer() == "ok"
    await world.until(lambda: "on_log" in seen(world))
    assert seen(world) == [*PHASES, "on_log"]
    assert made(world).seen[-1] == ("on_log", "answered")
    assert made(world).hosts == [talk.backends[0].address]
    assert len({method for _, method in made(world).seen[:-1]}) == 1, "it is known in every phase"


@EVERY
async def test_filters_take_their_turns(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_route", "reply", name="first"), acting(name="second"))
    await talk.ask()
    assert "overload" in await talk.answer()
    assert [phase for phase, _ in made(world, 0).seen] == ["on_request", "on_route", "on_log"]
    assert [phase for phase, _ in made(world, 1).seen] == ["on_request", "on_log"], "what is answered goes no further"


@EVERY
async def test_those_that_do_not_look_are_not_asked(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_request", "reply", only="nobody"))
    await talk.ask()
    await talk.serve()
    assert await talk.answer() == "ok"
    assert seen(world) == []


@EVERY
@pytest.mark.parametrize("phase", ["on_request", "on_route", "on_response"])
async def test_a_reply_is_the_answer(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "reply"))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert "overload" in await talk.answer()
    assert world.count("filter_replies_total", filter="acting") == 1
    assert made(world).seen[-1] == ("on_log", "overload")


@EVERY
async def test_another_host_is_chosen(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_host", "again"), hosts=2)
    await talk.ask()
    await world.until(lambda: len(made(world).hosts) == 2)
    first, second = made(world).hosts
    assert first != second
    await talk.serve(backend=next(each for each in talk.backends if each.address == second))
    assert await talk.answer() == "ok"


@EVERY
async def test_no_host_is_good_enough(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_host", "again for ever"), hosts=2)
    await talk.ask()
    assert "connect" in await talk.answer()
    assert len(made(world).hosts) == 2


@pytest.mark.parametrize("speaker", [each for each in SPEAKERS if each.header], ids=lambda each: each.protocol)
async def test_a_header_is_edited_and_the_route_decided_again(world: World, speaker: type[Speaker]) -> None:
    talk = speaker(world)
    service = HeaderMatch(talk.service, "exact", talk.echo)
    routes = (
        Route("new", (service, HeaderMatch(talk.header or "", "exact", "new")), "main"),
        Route("old", (service,), "main"),
    )
    await talk.start(acting("on_route", "set"), acting("on_route", "again", name="again"), routes=routes)
    await talk.ask(value="old")
    assert b"new" in await talk.serve()
    assert await talk.answer() == "ok"
    assert (world.count("route_calls_total", route="new"), world.count("route_calls_total", route="old")) == (1, 0)


@EVERY
async def test_matching_again_comes_to_an_end(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_route", "again for ever"))
    await talk.ask()
    assert "filter" in await talk.answer()
    assert "more than 8 times" in said(world)


@pytest.mark.parametrize(
    "speaker", [each for each in SPEAKERS if each.protocol.startswith("http")], ids=lambda each: each.protocol
)
async def test_an_answer_is_edited(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_response", "set"))
    await talk.ask()
    await talk.serve()
    assert await talk.answer() == "ok"
    assert talk.heard.fields["x-env"] == "new"
    assert talk.heard.fields["x-answer"] == "1"


@pytest.mark.parametrize("phase", ["on_request", "on_response"])
async def test_what_frames_a_message_is_not_edited(world: World, phase: str) -> None:
    talk = await Http1(world).start(acting(phase, "frame"))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert await talk.answer() == "filter"
    assert "the field 'Content-Length' frames the message" in said(world)


async def test_a_route_has_settings_of_its_own(world: World) -> None:
    matches = (HeaderMatch("service", "exact", "com.test.Echo:1.0"), HeaderMatch("env", "exact", "gray"))
    routes = (
        Route("gray", matches, "main", filters={"acting": {"phase": "on_route", "act": "reply"}}),
        Route("off", (HeaderMatch("env", "exact", "off"),), "main", filters={"acting": None}),
        Route("else", (), "main"),
    )
    talk = await Bolt(world).start(acting(), routes=routes)
    await talk.ask(1, "gray")
    assert "overload" in await talk.answer()
    await talk.ask(2, "off")
    await talk.serve()
    assert await talk.answer() == "ok"
    assert seen(world) == ["on_request", "on_request"], "before the route it is the listener's that is asked"
    await talk.ask(3)
    await talk.serve()
    assert await talk.answer() == "ok"
    assert seen(world)[2:] == [*PHASES, "on_log"]


@EVERY
async def test_no_route_is_logged_too(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting(), routes=(Route("other", (HeaderMatch("service", "exact", "x"),), "main"),))
    await talk.ask()
    assert "no_route" in await talk.answer()
    assert made(world).seen[-1] == ("on_log", "no_route")


# -- failing --------------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("act", ["raise", "nonsense", "exit"])
@pytest.mark.parametrize("phase", PHASES)
async def test_a_filter_that_fails_fails_its_call(world: World, speaker: type[Speaker], phase: str, act: str) -> None:
    talk = await speaker(world).start(acting(phase, act))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert "filter" in await talk.answer()
    assert failures(world) == 1
    assert f"filter acting: {phase}: " in said(world)
    assert made(world).seen[-1] == ("on_log", "filter")


@EVERY
async def test_one_that_fails_when_it_logs_harms_nobody(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_log", "raise"), acting(name="other"))
    await talk.ask()
    await talk.serve()
    assert await talk.answer() == "ok"
    await world.until(lambda: failures(world))
    assert made(world, 1).seen[-1] == ("on_log", "answered")


@EVERY
@EARLY
async def test_code_that_blocks_is_broken_off(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "block", block_limit=0.02, stuck_limit=60))
    await talk.ask()
    assert "filter" in await talk.answer()
    assert "it did not come back for 0.02 s, and was broken off" in said(world)
    assert failures(world) == 1


async def test_code_that_swallows_the_exception_is_broken_off_again(world: World) -> None:
    talk = await Bolt(world).start(acting("on_route", "block twice", block_limit=0.02, stuck_limit=60))
    await talk.ask()
    assert await talk.answer() == "filter"


async def test_a_step_of_an_awaitable_that_blocks_is_broken_off(world: World) -> None:
    talk = await Bolt(world).start(acting("on_route", "block in await", block_limit=0.02, stuck_limit=60))
    await talk.ask()
    assert await talk.answer() == "filter"
    assert "it did not come back" in said(world)


# -- waiting --------------------------------------------------------------------------------------------------------


@EVERY
@EARLY
async def test_a_call_waits_for_its_filter(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    assert world.engine.in_flight() >= 1
    assert world.engine.describe()["buffers"]["held"] > 0, "its frame is charged"
    made(world).gates[0].set_result(None)
    await talk.serve()
    assert await talk.answer() == "ok"


@EVERY
@EARLY
async def test_a_filter_may_answer_later(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    made(world).gates[0].set_result(Reply(Fault.NO_ROUTE))
    assert "no_route" in await talk.answer()


@EVERY
async def test_an_awaitable_that_raises(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_route", "wait and raise"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    made(world).gates[0].set_result(None)
    assert "filter" in await talk.answer()
    assert "ValueError: on purpose" in said(world)


@EVERY
@EARLY
async def test_an_awaitable_that_hangs_is_ended(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait", timeout=0.5))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    await world.advance(0.4)
    assert await talk.silent()
    await world.advance(0.2)
    assert "filter" in await talk.answer()
    assert "what it waited for was not there after 0.5 s" in said(world)
    await world.until(made(world).gates[0].cancelled)


@EVERY
async def test_a_calls_own_deadline_ends_its_wait(world: World, speaker: type[Speaker]) -> None:
    talk = speaker(world)
    [route] = talk.routes()
    await talk.start(acting("on_route", "wait", timeout=60), routes=(msgspec.structs.replace(route, timeout=0.3),))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    await world.advance(0.2)
    assert await talk.silent()
    await world.advance(0.2)
    assert "timeout" in await talk.answer()
    assert failures(world) == 0
    await world.until(made(world).gates[0].cancelled)


async def test_the_log_is_not_flooded(world: World) -> None:
    talk = await Bolt(world).start(acting("on_route", "raise"))
    for id in range(1, 11):
        await talk.ask(id)
        assert await talk.answer() == "filter"
    assert said(world).count("ValueError: on purpose") == 1
    await world.advance(1)
    await talk.ask(11)
    assert await talk.answer() == "filter"
    assert "(and 9 failures before that were not told)" in said(world)
    assert failures(world) == 11


@EVERY
@EARLY
async def test_a_client_that_goes_takes_its_waiting_call_along(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    talk.client.reset()
    await world.until(made(world).gates[0].cancelled)
    await world.until(lambda: not world.engine.describe()["buffers"]["held"])
    assert made(world).seen[-1] == ("on_log", "unanswered")
    assert world.engine.describe()["calls"] == 0


async def test_other_calls_of_the_client_go_on_meanwhile(world: World) -> None:
    talk = await Bolt(world).start(acting("on_route", "wait"))
    await talk.ask(1)
    await talk.ask(2)
    await world.until(lambda: len(made(world).gates) == 2)
    made(world).gates[1].set_result(None)
    await talk.serve()
    assert await talk.answer() == "ok"
    made(world).gates[0].set_result(None)
    await talk.serve()
    assert await talk.answer() == "ok"


async def test_the_body_of_a_message_waits_with_its_head(world: World) -> None:
    talk = await Http1(world).start(acting("on_request", "wait"))
    await talk.client.send(web.request("/echo", b"x" * 100_000))
    await world.until(lambda: made(world).gates)
    made(world).gates[0].set_result(None)
    upstream = await talk.upstream()
    assert (await web.take(upstream)).body == b"x" * 100_000
    await upstream.send(web.response(b"", "X-Answer: 1"))
    assert await talk.answer() == "ok"
    await talk.client.send(web.request("/echo"))
    await world.until(lambda: len(made(world).gates) == 2)
    made(world).gates[1].set_result(Reply(Fault.OVERLOAD, 429, text="slowly"))
    found = await web.take(talk.client)
    assert (found.line, found.body) == ("HTTP/1.1 429 Too Many Requests", b"slowly\n")


async def test_a_call_that_is_parked_survives_a_reload(world: World) -> None:
    talk = await Bolt(world).start(acting("on_request", "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    before = made(world)
    world.change(listeners={"in": world.snapshot.listeners["in"]})
    assert made(world) is before, "what has not changed is the same filter"
    world.change(listeners={"in": msgspec.structs.replace(world.snapshot.listeners["in"], filters=())})
    before.gates[0].set_result(None)
    await talk.serve()
    assert await talk.answer() == "ok"
    await talk.ask(2)
    await talk.serve()
    assert await talk.answer() == "ok"
    assert len(before.gates) == 1


async def test_waiting_calls_are_bounded_by_the_clients_limit(world: World) -> None:
    talk = await Bolt(world).start(acting("on_request", "wait"), max_in_flight=3)
    for id in range(1, 6):
        await talk.ask(id)
    await world.until(lambda: len(made(world).gates) == 3)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(made(world).gates) == 3
    for at in range(5):
        await world.until(lambda at=at: len(made(world).gates) > at)
        made(world).gates[at].set_result(None)
        await talk.serve()
        assert await talk.answer() == "ok"


async def test_no_more_than_a_bound_may_wait(world: World) -> None:
    most = 4096
    talk = await Bolt(world).start(acting("on_request", "wait", timeout=60), max_in_flight=2 * most)
    await talk.client.send(b"".join(talk.request(id, None) for id in range(1, most + 1)))
    await world.until(lambda: len(made(world).gates) == most)
    await talk.ask(most + 1)
    assert await talk.answer() == "overload"
    assert f"{most} calls wait for filters" in said(world)
    talk.client.reset()
    await world.until(lambda: world.engine.in_flight() == 0)
    talk.client = await world.client()
    await talk.ask(1)
    await world.until(lambda: len(made(world).gates) == most + 1)  # those that went made room
    made(world).gates[-1].set_result(None)
    await talk.serve()
    assert await talk.answer() == "ok"


async def test_the_body_of_a_message_that_a_filter_answers_is_nobodys(world: World) -> None:
    talk = await Http1(world).start(acting("on_route", "reply"))
    await talk.client.send(web.request("/echo", b"x" * 100_000) + web.request("/echo"))
    assert await talk.answer() == "no_host/connect/overload"
    assert await talk.answer() == "no_host/connect/overload"


async def test_a_call_that_a_filter_keeps_has_nothing_left(world: World) -> None:
    talk = await Bolt(world).start(acting("on_request", "keep"))
    await talk.ask()
    await talk.serve()
    assert await talk.answer() == "ok"
    kept = made(world).kept
    with pytest.raises(RuntimeError, match="on its way"):
        kept.get("env")
    with pytest.raises(RuntimeError, match="on its way"):
        kept.set_header("env", "x")
    assert kept.service == "com.test.Echo:1.0"
    assert kept.client is None


async def test_a_oneway_waits_too_and_goes_when_all_ends(world: World) -> None:
    talk = await Bolt(world).start(acting("on_request", "wait"))
    await talk.client.send(frames.request(1, oneway=True) + frames.request(2, oneway=True))
    await world.until(lambda: len(made(world).gates) == 2)
    made(world).gates[0].set_result(None)
    assert (await (await talk.upstream()).receive())[1] == 2
    assert made(world).seen[-1] == ("on_log", "unanswered")
