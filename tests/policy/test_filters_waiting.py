"""Filters that wait: what becomes of the calls that wait for them, in every protocol."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from proxy.filters import Reply
from tests.datapath.world import World
from tests.policy.filtering import acting, failures, made, said
from tests.policy.scenes import Talk, everything
from tests.policy.speech.model import SERVICE
from tests.policy.speech.table import BOLT, HTTP1, Call, Speech, over
from xproto.spec import Fault

EARLY = pytest.mark.parametrize("phase", ["on_request", "on_route"])


@over()
@EARLY
async def test_a_call_waits_for_its_filter(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    assert world.engine.in_flight() >= 1
    assert world.engine.describe()["buffers"]["held"] > 0, "its frame is charged"
    made(world).gates[0].set_result(None)
    await talk.serve()
    assert (await talk.answer()).ok


@over()
@EARLY
async def test_a_filter_may_answer_later(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    made(world).gates[0].set_result(Reply(Fault.NO_ROUTE))
    assert "no_route" in (await talk.answer()).faults


@over()
async def test_an_awaitable_that_raises(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_route", "wait and raise"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    made(world).gates[0].set_result(None)
    assert "filter" in (await talk.answer()).faults
    assert "ValueError: on purpose" in said(world)


@over()
@EARLY
async def test_an_awaitable_that_hangs_is_ended(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait", timeout=0.5))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    await world.advance(0.4)
    assert await talk.client.silent()
    await world.advance(0.2)
    assert "filter" in (await talk.answer()).faults
    assert "what it waited for was not there after 0.5 s" in said(world)
    await world.until(made(world).gates[0].cancelled)


@over()
async def test_a_calls_own_deadline_ends_its_wait(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_route", "wait", timeout=60), routes=everything(timeout=0.3))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    await world.advance(0.2)
    assert await talk.client.silent()
    await world.advance(0.2)
    assert "timeout" in (await talk.answer()).faults
    assert failures(world) == 0
    await world.until(made(world).gates[0].cancelled)


@over()
async def test_the_log_is_not_flooded(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_route", "raise"))
    for number in range(1, 11):
        await talk.ask(number)
        assert (await talk.answer()).faults == {"filter"}
    assert said(world).count("ValueError: on purpose") == 1
    await world.advance(1)
    await talk.ask(11)
    assert (await talk.answer()).faults == {"filter"}
    assert "(and 9 failures before that were not told)" in said(world)
    assert failures(world) == 11


@over()
@EARLY
async def test_a_client_that_goes_takes_its_waiting_call_along(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    talk.client.peer.reset()
    await world.until(made(world).gates[0].cancelled)
    await world.until(lambda: not world.engine.describe()["buffers"]["held"])
    assert made(world).seen[-1] == ("on_log", "unanswered")
    assert world.engine.describe()["calls"] == 0


@over("unordered")
async def test_other_calls_of_the_client_go_on_meanwhile(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_route", "wait"))
    await talk.ask(1)
    await talk.ask(2)
    await world.until(lambda: len(made(world).gates) == 2)
    made(world).gates[1].set_result(None)
    await talk.serve()
    assert (await talk.answer()).ok
    made(world).gates[0].set_result(None)
    await talk.serve()
    assert (await talk.answer()).ok


async def test_the_body_of_a_message_waits_with_its_head(world: World) -> None:
    talk = await Talk(world, HTTP1).start(acting("on_request", "wait"))
    await talk.client.ask(body=b"x" * 100_000)
    await world.until(lambda: made(world).gates)
    made(world).gates[0].set_result(None)
    assert (await talk.serve()).body == b"x" * 100_000
    assert (await talk.answer()).ok
    await talk.ask()
    await world.until(lambda: len(made(world).gates) == 2)
    made(world).gates[1].set_result(Reply(Fault.OVERLOAD, 429, text="slowly"))
    answer = await talk.answer()
    assert answer.raw.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert answer.text == "slowly\n"


@over()
async def test_a_call_that_is_parked_survives_a_reload(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_request", "wait"))
    await talk.ask()
    await world.until(lambda: made(world).gates)
    before = made(world)
    world.change(listeners={"in": world.snapshot.listeners["in"]})
    assert made(world) is before, "what has not changed is the same filter"
    world.change(listeners={"in": msgspec.structs.replace(world.snapshot.listeners["in"], filters=())})
    before.gates[0].set_result(None)
    await talk.serve()
    assert (await talk.answer()).ok
    await talk.ask(2)
    await talk.serve()
    assert (await talk.answer()).ok
    assert len(before.gates) == 1


async def test_waiting_calls_are_bounded_by_the_clients_limit(world: World) -> None:
    talk = await Talk(world, BOLT).start(acting("on_request", "wait"), max_in_flight=3)
    for number in range(1, 6):
        await talk.ask(number)
    await world.until(lambda: len(made(world).gates) == 3)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(made(world).gates) == 3
    for at in range(5):
        await world.until(lambda at=at: len(made(world).gates) > at)
        made(world).gates[at].set_result(None)
        await talk.serve()
        assert (await talk.answer()).ok


async def test_no_more_than_a_bound_may_wait(world: World) -> None:
    most = 4096
    talk = await Talk(world, BOLT).start(acting("on_request", "wait", timeout=60), max_in_flight=2 * most)
    await talk.client.peer.send(b"".join(BOLT.request(Call(number=number)) for number in range(1, most + 1)))
    await world.until(lambda: len(made(world).gates) == most)
    await talk.ask(most + 1)
    assert (await talk.answer()).faults == {"overload"}
    assert f"{most} calls wait for filters" in said(world)
    talk.client.peer.reset()
    await world.until(lambda: world.engine.in_flight() == 0)
    talk.client = await BOLT.client(world)
    await talk.ask(1)
    await world.until(lambda: len(made(world).gates) == most + 1)  # those that went made room
    made(world).gates[-1].set_result(None)
    await talk.serve()
    assert (await talk.answer()).ok


async def test_the_body_of_a_message_that_a_filter_answers_is_nobodys(world: World) -> None:
    talk = await Talk(world, HTTP1).start(acting("on_route", "reply"))
    await talk.client.peer.send(HTTP1.request(Call(body=b"x" * 100_000)) + HTTP1.request(Call()))
    assert "overload" in (await talk.answer()).faults
    assert "overload" in (await talk.answer()).faults


async def test_a_call_that_a_filter_keeps_has_nothing_left(world: World) -> None:
    talk = await Talk(world, BOLT).start(acting("on_request", "keep"))
    await talk.ask()
    await talk.serve()
    assert (await talk.answer()).ok
    kept = made(world).kept
    with pytest.raises(RuntimeError, match="on its way"):
        kept.get("x-env")
    with pytest.raises(RuntimeError, match="on its way"):
        kept.set_header("x-env", "x")
    assert kept.service == SERVICE
    assert kept.client is None


async def test_a_oneway_waits_too_and_goes_when_all_ends(world: World) -> None:
    talk = await Talk(world, BOLT).start(acting("on_request", "wait"))
    for number in (1, 2):
        await talk.client.ask(number=number, oneway=True)
    await world.until(lambda: len(made(world).gates) == 2)
    made(world).gates[0].set_result(None)
    assert (await talk.hosts[0].take()).raw[1] == 2
    assert made(world).seen[-1] == ("on_log", "unanswered")
