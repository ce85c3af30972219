"""Filters that take their time behind the route: to agree to a host, and to look at an answer."""

from __future__ import annotations

import msgspec
import pytest

from proxy.datapath.audit import audit
from proxy.filters import Next, Reply
from proxy.snapshot import HeaderMatch, Retry, Route
from tests.datapath import web
from tests.datapath.world import World
from tests.policy.filtering import acting, failures, made, said
from tests.policy.scenes import Talk, everything
from tests.policy.speech.table import BOLT, DUBBO, GRPC, HTTP1, HTTP2, THRIFT, Call, Speech, over
from xproto.spec import Fault

LATE = pytest.mark.parametrize("phase", ["on_host", "on_response"])


async def waiting(world: World, talk: Talk, phase: str, number: int = 1) -> None:
    """A call has been sent, and answered if it has to be, and its filter waits."""
    await talk.ask(number)
    if phase == "on_response":
        await talk.serve()
    await world.until(lambda: len(made(world).gates) == number)
    assert audit(world.engine) == []


async def empty(world: World) -> None:
    await world.until(lambda: not world.engine.describe()["buffers"]["held"])
    assert world.engine.describe()["calls"] == 0
    assert audit(world.engine) == []


@over()
@LATE
async def test_a_call_waits_for_its_filter(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait"))
    for number in (1, 2):
        await waiting(world, talk, phase, number)
        assert world.engine.in_flight() >= 1
        assert world.engine.describe()["buffers"]["held"] > 0, "what it waits with is charged"
        assert await talk.client.silent()
        made(world).gates[-1].set_result(None)
        if phase == "on_host":
            await talk.serve()
        assert (await talk.answer()).ok
    assert len(made(world).hosts) == 2, "a host that they agreed to is not asked for again"
    await world.until(lambda: made(world).seen[-1] == ("on_log", "answered"))
    assert world.count("upstream_connections_total") == 1
    assert audit(world.engine) == []


@over()
@LATE
async def test_a_call_waits_for_one_filter_after_the_other(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait"), acting(phase, "wait", name="second"))
    await waiting(world, talk, phase)
    made(world).gates[0].set_result(None)
    await world.until(lambda: made(world, 1).gates)
    assert audit(world.engine) == []
    made(world, 1).gates[0].set_result(None)
    if phase == "on_host":
        await talk.serve()
    assert (await talk.answer()).ok
    assert audit(world.engine) == []


@over()
async def test_another_answer_later(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    made(world).gates[0].set_result(Reply(Fault.NO_ROUTE))
    assert "no_route" in (await talk.answer()).faults
    assert made(world).seen[-1] == ("on_log", "no_route")
    assert audit(world.engine) == []


@over()
async def test_another_host_later(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_host", "wait"), hosts=2)
    await waiting(world, talk, "on_host")
    made(world).gates[0].set_result(Next.CHOOSE_AGAIN)
    await world.until(lambda: len(made(world).gates) == 2)
    first, second = made(world).hosts
    assert first != second
    made(world).gates[1].set_result(None)
    await talk.serve(next(each for each in talk.hosts if each.address == second))
    assert (await talk.answer()).ok


@over()
@LATE
@pytest.mark.parametrize("result", ["raises", "nonsense", "another to wait for", "what it may not"])
async def test_what_fails_later(world: World, speech: Speech, phase: str, result: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait"))
    await waiting(world, talk, phase)
    match result:
        case "raises":
            made(world).gates[0].set_exception(ValueError("on purpose"))
        case "nonsense":
            made(world).gates[0].set_result(42)
        case "another to wait for":
            made(world).gates[0].set_result(world.loop.create_future())
        case "what it may not":
            made(world).gates[0].set_result(Next.MATCH_AGAIN)
    assert "filter" in (await talk.answer()).faults
    assert failures(world) == 1
    assert f"filter acting: {phase}: " in said(world)
    assert made(world).seen[-1] == ("on_log", "filter")
    assert audit(world.engine) == []


@over()
@LATE
async def test_what_hangs_is_ended(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait", timeout=0.5))
    await waiting(world, talk, phase)
    await world.advance(0.4)
    assert await talk.client.silent()
    await world.advance(0.2)
    assert "filter" in (await talk.answer()).faults
    assert "what it waited for was not there after 0.5 s" in said(world)
    await world.until(made(world).gates[0].cancelled)
    assert audit(world.engine) == []


@over()
@LATE
async def test_a_calls_own_deadline(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait", timeout=60), routes=everything(timeout=0.3))
    await waiting(world, talk, phase)
    await world.advance(0.2)
    assert await talk.client.silent()
    await world.advance(0.2)
    assert "timeout" in (await talk.answer()).faults
    assert failures(world) == 0
    await world.until(made(world).gates[0].cancelled)
    assert audit(world.engine) == []


@over()
@LATE
async def test_a_client_that_goes(world: World, speech: Speech, phase: str) -> None:
    talk = await Talk(world, speech).start(acting(phase, "wait"))
    await waiting(world, talk, phase)
    talk.client.peer.reset()
    await world.until(made(world).gates[0].cancelled)
    assert made(world).seen[-1] == ("on_log", "unanswered")
    await world.until(lambda: world.engine.describe()["calls"] == 0)
    assert audit(world.engine) == []


@pytest.mark.parametrize("speech", [BOLT, DUBBO, THRIFT], ids=repr)
async def test_an_answer_that_waits_needs_no_server(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    await talk.hosts[0].connections[0].reset()
    await world.until(lambda: not world.upstreams())
    made(world).gates[0].set_result(None)
    assert (await talk.answer()).ok
    await empty(world)


async def test_a_server_that_goes_while_its_answers_head_waits(world: World) -> None:
    talk = await Talk(world, GRPC).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    await talk.hosts[0].connections[0].reset()
    await world.until(made(world).gates[0].cancelled)
    assert made(world).seen[-1] == ("on_log", "closed")
    assert audit(world.engine) == []


async def test_a_server_that_goes_behind_its_answer(world: World) -> None:
    """Of HTTP/1.1 nobody reads on meanwhile, so the answer that is here is passed on when its filter agrees."""
    talk = await Talk(world, HTTP1).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    talk.hosts[0].connections[0].peer.finish()
    made(world).gates[0].set_result(None)
    assert (await talk.answer()).ok


@over()
async def test_a_host_that_goes_while_filters_think_of_it(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_host", "wait"), hosts=2)
    await waiting(world, talk, "on_host")
    [gone] = made(world).hosts
    [other] = [each for each in talk.hosts if each.address != gone]
    world.change(clusters=world.cluster(hosts=(other.address,)))
    made(world).gates[0].set_result(None)
    await world.until(lambda: len(made(world).gates) == 2)
    assert made(world).hosts == [gone, other.address], "of the next they are asked again"
    made(world).gates[1].set_result(None)
    await talk.serve(other)
    assert (await talk.answer()).ok


async def test_another_call_has_the_connection_meanwhile(world: World) -> None:
    """A filter that thinks holds none: the pool's only one serves others."""
    talk = await Talk(world, BOLT).start(acting("on_host", "wait"), cluster={"pool": "ping_pong", "max_connections": 1})
    for number in (1, 2, 3):
        await talk.ask(number)
    await world.until(lambda: len(made(world).gates) == 3)
    assert audit(world.engine) == []
    for at in (2, 0, 1):
        made(world).gates[at].set_result(None)
        await talk.serve()
        assert (await talk.answer()).number == at + 1
    assert len(made(world).hosts) == 3
    assert audit(world.engine) == []


async def test_answers_of_a_pipeline_keep_their_order(world: World) -> None:
    talk = await Talk(world, HTTP1).start(acting("on_response", "wait"))
    await talk.client.peer.send(HTTP1.request(Call()) * 2)
    for number in (1, 2):
        await talk.hosts[0].serve(f"{number}")
        await world.until(lambda number=number: len(made(world).gates) == number)
        made(world).gates[-1].set_result(None)
        assert (await talk.answer()).text == f"{number}"


async def test_answers_of_a_protocol_without_ids_keep_their_order(world: World) -> None:
    talk = await Talk(world, THRIFT).start(acting("on_response", "wait"))
    for number in (1, 2):
        await talk.ask(number)
    for _ in (1, 2):
        await talk.serve()
    await world.until(lambda: len(made(world).gates) == 2)
    assert audit(world.engine) == []
    made(world).gates[1].set_result(None)
    assert await talk.client.silent()
    made(world).gates[0].set_result(None)
    assert [(await talk.answer()).number for _ in (1, 2)] == [1, 2]


@over("unordered")
async def test_others_of_a_connection_are_answered_meanwhile(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_response", "wait"))
    for number in (1, 2):
        await talk.ask(number)
        await talk.serve()
    await world.until(lambda: len(made(world).gates) == 2)
    for number in (2, 1):
        made(world).gates[number - 1].set_result(None)
        assert (await talk.answer()).number == number


async def test_a_body_waits_behind_the_head_of_its_answer(world: World) -> None:
    talk = await Talk(world, HTTP1).start(acting("on_response", "wait"))
    await talk.ask()
    asked, whole = await talk.hosts[0].take(), web.response(bytes(1_000_000))
    await asked.connection.peer.send(whole[:500_000])
    await world.until(lambda: made(world).gates)
    assert audit(world.engine) == []
    made(world).gates[0].set_result(None)
    await asked.connection.peer.send(whole[500_000:])
    assert (await talk.answer()).text == "\0" * 1_000_000
    assert audit(world.engine) == []


@over("fields", variants=True)
async def test_an_answer_is_edited_when_it_has_waited(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(acting("on_response", "set"), acting("on_response", "wait and set", name="late"))
    await talk.ask()
    await talk.serve()
    late = made(world, 1)
    await world.until(lambda: late.gates)
    assert audit(world.engine) == []
    late.gates[0].set_result(None)
    answer = await talk.answer()
    assert (answer.ok, answer.headers) == (True, {"x-answer": "1", "x-env": "new", "x-late": "1"})


async def test_an_answer_that_switches_protocols_waits_too(world: World) -> None:
    http = msgspec.structs.replace(HTTP1.listener["http"], upgrades=("websocket",))
    talk = await Talk(world, HTTP1).start(acting("on_response", "wait"), http=http)
    await talk.client.ask(headers={"connection": "upgrade", "upgrade": "websocket"})
    upstream = (await talk.hosts[0].take()).connection
    await upstream.quiet()
    await upstream.peer.send(web.head("101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket") + b"first")
    await world.until(lambda: made(world).gates)
    assert audit(world.engine) == []
    made(world).gates[0].set_result(None)
    assert (await talk.answer()).code == 101
    assert await talk.client.peer.bytes(5) == b"first"
    await talk.client.peer.send(b"back")
    assert await upstream.peer.bytes(4) == b"back"


async def test_a_retry_asks_for_its_host_again(world: World) -> None:
    policy = Retry(on=("reset",), attempts=1, same_host=True, idempotent=True, back_off_base=0.0)
    talk = await Talk(world, BOLT).start(acting("on_host", "wait"), routes=everything(retry=policy))
    await waiting(world, talk, "on_host")
    made(world).gates[0].set_result(None)
    await (await talk.hosts[0].take()).reset()
    await world.until(lambda: not world.upstreams())
    await world.advance(0.1)
    await world.until(lambda: len(made(world).gates) == 2)
    assert audit(world.engine) == []
    made(world).gates[1].set_result(None)
    await talk.serve()
    assert (await talk.answer()).ok


@over()
async def test_the_answer_of_a_retry_waits(world: World, speech: Speech) -> None:
    policy = Retry(on=("reset", "connect_failure"), attempts=1, idempotent=True)
    talk = await Talk(world, speech).start(acting("on_response", "wait"), routes=everything(retry=policy))
    await waiting(world, talk, "on_response")
    made(world).gates[0].set_result(None)
    assert (await talk.answer()).ok
    assert audit(world.engine) == []


async def test_a_oneway_waits_for_its_host_too(world: World) -> None:
    talk = await Talk(world, BOLT).start(acting("on_host", "wait"))
    for number in (1, 2):
        await talk.client.ask(number=number, oneway=True)
    await world.until(lambda: len(made(world).gates) == 2)
    assert audit(world.engine) == []
    assert world.engine.in_flight() == 2, "a drain waits for them"
    talk.client.peer.reset()
    await world.until(lambda: not world.downstreams())
    made(world).gates[0].set_result(None)
    assert (await talk.hosts[0].take()).raw[1] == 2
    world.engine.close()
    await world.until(made(world).gates[1].cancelled)
    assert [what for what in made(world).seen if what[0] == "on_log"] == [("on_log", "unanswered")] * 2


async def test_a_deep_line_of_calls_that_wait(world: World) -> None:
    """Each call that a free connection is offered to waits for its filter: the next one is asked, and the stack stays flat."""
    number = 2000
    cluster = {"pool": "ping_pong", "max_connections": 1, "max_pending": 2 * number}
    talk = await Talk(world, BOLT).start(acting("on_host", "wait after the first"), cluster=cluster, max_in_flight=2 * number)
    await talk.ask(1)
    first = await talk.hosts[0].take()
    await talk.client.peer.send(b"".join(BOLT.request(Call(number=each)) for each in range(2, number + 1)))
    await world.until(lambda: world.engine.describe()["clusters"]["main"]["pending"] == number - 1)
    await first.answer()
    await world.until(lambda: len(made(world).gates) == number - 1)
    assert audit(world.engine) == []
    talk.client.peer.reset()
    await world.until(lambda: world.engine.describe()["calls"] == 0)


@over("headers", variants=True)
async def test_a_request_waits_twice_and_is_edited_in_between(world: World, speech: Speech) -> None:
    """What is kept is the request as it is then, once."""
    talk = await Talk(world, speech).start(acting("on_request", "wait"), acting("on_route", "set", name="edits"),
                                      acting("on_route", "wait", name="second"))  # fmt: skip
    await talk.ask(env="a value that is longer than what it becomes")
    await world.until(lambda: made(world).gates)
    before = world.engine.describe()["buffers"]["held"]
    made(world).gates[0].set_result(None)
    await world.until(lambda: made(world, 2).gates)
    assert world.engine.describe()["buffers"]["held"] <= before
    assert audit(world.engine) == []
    made(world, 2).gates[0].set_result(None)
    assert (await talk.serve()).headers == {"x-env": "new"}
    assert (await talk.answer()).ok


@pytest.mark.parametrize("between", ["nothing", "set", "again"])
@pytest.mark.parametrize("size", [100, 40_000, 1_000_000])
@pytest.mark.parametrize("speech", [BOLT, HTTP1], ids=repr)
async def test_a_frame_of_any_size_waits_twice(world: World, speech: Speech, size: int, between: str) -> None:
    talk = await Talk(world, speech).start(
        acting("on_route", "wait", name="first"),
        acting("on_route", between, name="between"),
        acting("on_route", "wait", name="last"),
    )
    long = "x" * min(size, 30_000)
    await talk.client.ask(headers={"x-long": long}, body=b"y" * size)
    for at in (0, 0, 2) if between == "again" else (0, 2):
        await world.until(lambda at=at: [gate for gate in made(world, at).gates if not gate.done()])
        assert audit(world.engine) == []
        made(world, at).gates[-1].set_result(None)
    asked = await talk.hosts[0].take()
    edited = {"x-env": "new"} if between == "set" else {}
    assert (asked.headers, asked.body) == ({"x-long": long, **edited}, b"y" * size)
    await asked.answer()
    assert (await talk.answer()).ok
    assert audit(world.engine) == []


@over()
@pytest.mark.parametrize("phase", ["on_request", "on_route", "on_host", "on_response"])
@pytest.mark.parametrize("act", ["no awaitable", "raise for ever", "endless"])
async def test_code_of_a_filter_that_is_called_in_passing(world: World, speech: Speech, phase: str, act: str) -> None:
    """What it returns and raises has code of its own, that is watched as well."""
    limit = 5.0 if act == "no awaitable" else 0.1
    talk = await Talk(world, speech).start(acting(phase, act, block_limit=limit, stuck_limit=60))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert "filter" in (await talk.answer()).faults
    assert failures(world) == 1
    assert made(world).seen[-1] == ("on_log", "filter")
    await world.until(lambda: world.engine.describe()["calls"] == 0)
    assert audit(world.engine) == []


@pytest.mark.parametrize("speech", [HTTP1, HTTP2], ids=repr)
@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_reply_without_a_body(world: World, speech: Speech, status: int) -> None:
    settings = {"phase": "on_route", "act": "no content", "status": status}
    talk = await Talk(world, speech).start(msgspec.structs.replace(acting(), settings=settings))
    for _ in range(2):
        await talk.ask()
        answer = await talk.answer()
        assert (answer.code, answer.text) == (status, "")
        if speech is HTTP1:
            assert (b"Content-Length: 0\r\n" in answer.raw) == (status == 205)
            assert answer.raw.lower().count(b"content-") == (status == 205)
        assert await talk.client.silent(), "nothing that could be taken for another answer"


async def test_metadata_is_text_when_it_is_set(world: World) -> None:
    gray = Route("seven", (HeaderMatch("metadata.number", "exact", "7"),), "main")
    talk = await Talk(world, BOLT).start(acting("on_request", "mark"), routes=(gray,))
    assert (await talk.call()).ok
    assert made(world).kept.metadata == {"number": "7", "kept": "1"}


async def test_metadata_that_cannot_be_text_fails_its_filter(world: World) -> None:
    talk = await Talk(world, BOLT).start(acting("on_request", "mark for ever", block_limit=0.1, stuck_limit=60))
    await talk.ask()
    assert "filter" in (await talk.answer()).faults
    assert "was broken off" in said(world)
