"""Filters that take their time behind the route: to agree to a host, and to look at an answer."""

from __future__ import annotations

import msgspec
import pytest

from proxy.datapath.audit import audit
from proxy.filters import Next, Reply
from proxy.snapshot import HeaderMatch, Retry, Route
from tests.datapath import frames, web
from tests.datapath.world import World
from tests.policy.filter_calls import SPEAKERS, Bolt, Dubbo, Grpc, Http1, Speaker, Thrift
from tests.policy.test_filters import acting, failures, made, said
from xproto.spec import Fault

EVERY = pytest.mark.parametrize("speaker", SPEAKERS, ids=[each.protocol for each in SPEAKERS])
FRAMED = pytest.mark.parametrize("speaker", [Bolt, Dubbo, Thrift], ids=lambda each: each.protocol)
LATE = pytest.mark.parametrize("phase", ["on_host", "on_response"])


async def waiting(world: World, talk: Speaker, phase: str, number: int = 1) -> None:
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


@EVERY
@LATE
async def test_a_call_waits_for_its_filter(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait"))
    for number in (1, 2):
        await waiting(world, talk, phase, number)
        assert world.engine.in_flight() >= 1
        assert world.engine.describe()["buffers"]["held"] > 0, "what it waits with is charged"
        assert await talk.silent()
        made(world).gates[-1].set_result(None)
        if phase == "on_host":
            await talk.serve()
        assert await talk.answer() == "ok"
    assert len(made(world).hosts) == 2, "a host that they agreed to is not asked for again"
    await world.until(lambda: made(world).seen[-1] == ("on_log", "answered"))
    assert world.count("upstream_connections_total") == 1
    assert audit(world.engine) == []


@EVERY
@LATE
async def test_a_call_waits_for_one_filter_after_the_other(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait"), acting(phase, "wait", name="second"))
    await waiting(world, talk, phase)
    made(world).gates[0].set_result(None)
    await world.until(lambda: made(world, 1).gates)
    assert audit(world.engine) == []
    made(world, 1).gates[0].set_result(None)
    if phase == "on_host":
        await talk.serve()
    assert await talk.answer() == "ok"
    assert audit(world.engine) == []


@EVERY
async def test_another_answer_later(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    made(world).gates[0].set_result(Reply(Fault.NO_ROUTE))
    assert "no_route" in await talk.answer()
    assert made(world).seen[-1] == ("on_log", "no_route")
    assert audit(world.engine) == []


@EVERY
async def test_another_host_later(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_host", "wait"), hosts=2)
    await waiting(world, talk, "on_host")
    made(world).gates[0].set_result(Next.CHOOSE_AGAIN)
    await world.until(lambda: len(made(world).gates) == 2)
    first, second = made(world).hosts
    assert first != second
    made(world).gates[1].set_result(None)
    await talk.serve(backend=next(each for each in talk.backends if each.address == second))
    assert await talk.answer() == "ok"


@EVERY
@LATE
@pytest.mark.parametrize("result", ["raises", "nonsense", "another to wait for", "what it may not"])
async def test_what_fails_later(world: World, speaker: type[Speaker], phase: str, result: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait"))
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
    assert "filter" in await talk.answer()
    assert failures(world) == 1
    assert f"filter acting: {phase}: " in said(world)
    assert made(world).seen[-1] == ("on_log", "filter")
    assert audit(world.engine) == []


@EVERY
@LATE
async def test_what_hangs_is_ended(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait", timeout=0.5))
    await waiting(world, talk, phase)
    await world.advance(0.4)
    assert await talk.silent()
    await world.advance(0.2)
    assert "filter" in await talk.answer()
    assert "what it waited for was not there after 0.5 s" in said(world)
    await world.until(made(world).gates[0].cancelled)
    assert audit(world.engine) == []


@EVERY
@LATE
async def test_a_calls_own_deadline(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = speaker(world)
    [route] = talk.routes()
    await talk.start(acting(phase, "wait", timeout=60), routes=(msgspec.structs.replace(route, timeout=0.3),))
    await waiting(world, talk, phase)
    await world.advance(0.2)
    assert await talk.silent()
    await world.advance(0.2)
    assert "timeout" in await talk.answer()
    assert failures(world) == 0
    await world.until(made(world).gates[0].cancelled)
    assert audit(world.engine) == []


@EVERY
@LATE
async def test_a_client_that_goes(world: World, speaker: type[Speaker], phase: str) -> None:
    talk = await speaker(world).start(acting(phase, "wait"))
    await waiting(world, talk, phase)
    talk.client.reset()
    await world.until(made(world).gates[0].cancelled)
    assert made(world).seen[-1] == ("on_log", "unanswered")
    await world.until(lambda: world.engine.describe()["calls"] == 0)
    assert audit(world.engine) == []


@FRAMED
async def test_an_answer_that_waits_needs_no_server(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    (await talk.upstream()).reset()
    await world.until(lambda: not world.upstreams())
    made(world).gates[0].set_result(None)
    assert await talk.answer() == "ok"
    await empty(world)


async def test_a_server_that_goes_while_its_answers_head_waits(world: World) -> None:
    talk = await Grpc(world).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    (await talk.upstream()).peer.reset()
    await world.until(made(world).gates[0].cancelled)
    assert made(world).seen[-1] == ("on_log", "closed")
    assert audit(world.engine) == []


async def test_a_server_that_goes_behind_its_answer(world: World) -> None:
    """Of HTTP/1.1 nobody reads on meanwhile, so the answer that is here is passed on when its filter agrees."""
    talk = await Http1(world).start(acting("on_response", "wait"))
    await waiting(world, talk, "on_response")
    (await talk.upstream()).finish()
    made(world).gates[0].set_result(None)
    assert await talk.answer() == "ok"


@EVERY
async def test_a_host_that_goes_while_filters_think_of_it(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_host", "wait"), hosts=2)
    await waiting(world, talk, "on_host")
    [gone] = made(world).hosts
    [other] = [each for each in talk.backends if each.address != gone]
    world.change(clusters=world.cluster(hosts=(other.address,)))
    made(world).gates[0].set_result(None)
    await world.until(lambda: len(made(world).gates) == 2)
    assert made(world).hosts == [gone, other.address], "of the next they are asked again"
    made(world).gates[1].set_result(None)
    await talk.serve(backend=other)
    assert await talk.answer() == "ok"


async def test_another_call_has_the_connection_meanwhile(world: World) -> None:
    """A filter that thinks holds none: the pool's only one serves others."""
    talk = Bolt(world)
    talk.cluster = {"pool": "ping_pong", "max_connections": 1}
    await talk.start(acting("on_host", "wait"))
    for id in (1, 2, 3):
        await talk.ask(id)
    await world.until(lambda: len(made(world).gates) == 3)
    assert audit(world.engine) == []
    for at in (2, 0, 1):
        made(world).gates[at].set_result(None)
        await talk.serve()
        assert frames.id_of(await talk.client.receive()) == at + 1
    assert len(made(world).hosts) == 3
    assert audit(world.engine) == []


async def test_answers_of_a_pipeline_keep_their_order(world: World) -> None:
    talk = await Http1(world).start(acting("on_response", "wait"))
    await talk.client.send(web.request("/echo") + web.request("/echo"))
    for number in (1, 2):
        upstream = await talk.upstream()
        await web.take(upstream)
        await upstream.send(web.response(b"%d" % number))
        await world.until(lambda number=number: len(made(world).gates) == number)
        made(world).gates[-1].set_result(None)
        assert (await web.take(talk.client)).body == b"%d" % number


async def test_answers_of_a_protocol_without_ids_keep_their_order(world: World) -> None:
    talk = await Thrift(world).start(acting("on_response", "wait"))
    await talk.client.send(talk.request(1, None) + talk.request(2, None))
    for id in (1, 2):
        await talk.serve(id)
        talk.upstreams.clear()  # each has a connection of its own
    await world.until(lambda: len(made(world).gates) == 2)
    assert audit(world.engine) == []
    made(world).gates[1].set_result(None)
    assert await talk.silent()
    made(world).gates[0].set_result(None)
    assert [(await talk.client.receive())[16:20] for _ in (1, 2)] == [b"\0\0\0\1", b"\0\0\0\2"]


async def test_others_of_a_connection_are_answered_meanwhile(world: World) -> None:
    talk = await Bolt(world).start(acting("on_response", "wait"))
    for id in (1, 2):
        await talk.ask(id)
        await talk.serve()
    await world.until(lambda: len(made(world).gates) == 2)
    made(world).gates[1].set_result(None)
    assert frames.id_of(await talk.client.receive()) == 2
    made(world).gates[0].set_result(None)
    assert frames.id_of(await talk.client.receive()) == 1


async def test_a_body_waits_behind_the_head_of_its_answer(world: World) -> None:
    talk = await Http1(world).start(acting("on_response", "wait"))
    await talk.ask()
    upstream = await talk.upstream()
    await web.take(upstream)
    body = bytes(1_000_000)
    await upstream.send(web.response(body)[:500_000])
    await world.until(lambda: made(world).gates)
    assert audit(world.engine) == []
    made(world).gates[0].set_result(None)
    await upstream.send(web.response(body)[500_000:])
    assert (await web.take(talk.client)).body == body
    assert audit(world.engine) == []


@pytest.mark.parametrize("speaker", [Http1, Grpc], ids=["http1", "grpc"])
async def test_an_answer_is_edited_when_it_has_waited(world: World, speaker: type[Speaker]) -> None:
    talk = await speaker(world).start(acting("on_response", "set"), acting("on_response", "wait and set", name="late"))
    await talk.ask()
    await talk.serve()
    late = made(world, 1)
    await world.until(lambda: late.gates)
    assert audit(world.engine) == []
    late.gates[0].set_result(None)
    assert await talk.answer() == "ok"
    assert (talk.heard.fields["x-env"], talk.heard.fields["x-late"]) == ("new", "1")


async def test_an_answer_that_switches_protocols_waits_too(world: World) -> None:
    talk = Http1(world)
    talk.listener = {"http": msgspec.structs.replace(talk.listener["http"], upgrades=("websocket",))}
    await talk.start(acting("on_response", "wait"))
    await talk.client.send(web.request("/echo", None, "Connection: upgrade", "Upgrade: websocket"))
    upstream = await talk.upstream()
    await web.take(upstream)
    await upstream.send(web.head("101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket") + b"first")
    await world.until(lambda: made(world).gates)
    assert audit(world.engine) == []
    made(world).gates[0].set_result(None)
    assert (await web.take(talk.client)).status == 101
    assert await talk.client.bytes(5) == b"first"
    await talk.client.send(b"back")
    assert await upstream.bytes(4) == b"back"


async def test_a_retry_asks_for_its_host_again(world: World) -> None:
    talk = Bolt(world)
    [route] = talk.routes()
    policy = Retry(on=("reset",), attempts=1, same_host=True, idempotent=True, back_off_base=0.0)
    await talk.start(acting("on_host", "wait"), routes=(msgspec.structs.replace(route, retry=policy),))
    await waiting(world, talk, "on_host")
    made(world).gates[0].set_result(None)
    upstream = await talk.upstream()
    await upstream.receive()
    upstream.reset()
    talk.upstreams.clear()
    await world.until(lambda: not world.upstreams())
    await world.advance(0.1)
    await world.until(lambda: len(made(world).gates) == 2)
    assert audit(world.engine) == []
    made(world).gates[1].set_result(None)
    await talk.serve()
    assert await talk.answer() == "ok"


@pytest.mark.parametrize("speaker", [Bolt, Http1, Grpc], ids=["bolt", "http1", "grpc"])
async def test_the_answer_of_a_retry_waits(world: World, speaker: type[Speaker]) -> None:
    talk = speaker(world)
    [route] = talk.routes()
    policy = Retry(on=("reset", "connect_failure"), attempts=1, idempotent=True)
    await talk.start(acting("on_response", "wait"), routes=(msgspec.structs.replace(route, retry=policy),))
    await waiting(world, talk, "on_response")
    made(world).gates[0].set_result(None)
    assert await talk.answer() == "ok"
    assert audit(world.engine) == []


async def test_a_oneway_waits_for_its_host_too(world: World) -> None:
    talk = await Bolt(world).start(acting("on_host", "wait"))
    await talk.client.send(frames.request(1, oneway=True) + frames.request(2, oneway=True))
    await world.until(lambda: len(made(world).gates) == 2)
    assert audit(world.engine) == []
    assert world.engine.in_flight() == 2, "a drain waits for them"
    talk.client.reset()
    await world.until(lambda: not world.downstreams())
    made(world).gates[0].set_result(None)
    assert (await (await talk.upstream()).receive())[1] == 2
    world.engine.close()
    await world.until(made(world).gates[1].cancelled)
    assert [what for what in made(world).seen if what[0] == "on_log"] == [("on_log", "unanswered")] * 2


async def test_a_deep_line_of_calls_that_wait(world: World) -> None:
    """Each call that a free connection is offered to waits for its filter: the next one is asked, and the stack stays flat."""
    number = 2000
    talk = Bolt(world)
    talk.cluster = {"pool": "ping_pong", "max_connections": 1, "max_pending": 2 * number}
    await talk.start(acting("on_host", "wait after the first"), max_in_flight=2 * number)
    await talk.ask(1)
    upstream = await talk.upstream()
    first = await upstream.receive()
    await talk.client.send(b"".join(talk.request(id, None) for id in range(2, number + 1)))
    await world.until(lambda: world.engine.describe()["clusters"]["main"]["pending"] == number - 1)
    await upstream.send(talk.response(first))
    await world.until(lambda: len(made(world).gates) == number - 1)
    assert audit(world.engine) == []
    talk.client.reset()
    await world.until(lambda: world.engine.describe()["calls"] == 0)


@pytest.mark.parametrize("speaker", [each for each in SPEAKERS if each.header], ids=lambda each: each.protocol)
async def test_a_request_waits_twice_and_is_edited_in_between(world: World, speaker: type[Speaker]) -> None:
    """What is kept is the request as it is then, once."""
    talk = await speaker(world).start(acting("on_request", "wait"), acting("on_route", "set", name="edits"),
                                      acting("on_route", "wait", name="second"))  # fmt: skip
    await talk.ask(value="a value that is longer than what it becomes")
    await world.until(lambda: made(world).gates)
    before = world.engine.describe()["buffers"]["held"]
    made(world).gates[0].set_result(None)
    await world.until(lambda: made(world, 2).gates)
    assert world.engine.describe()["buffers"]["held"] <= before
    assert audit(world.engine) == []
    made(world, 2).gates[0].set_result(None)
    found = await talk.serve()
    assert b"new" in found
    assert b"longer" not in found
    assert await talk.answer() == "ok"


@pytest.mark.parametrize("between", ["nothing", "set", "again"])
@pytest.mark.parametrize("size", [100, 40_000, 1_000_000])
@pytest.mark.parametrize("speaker", [Bolt, Http1], ids=["bolt", "http1"])
async def test_a_frame_of_any_size_waits_twice(world: World, speaker: type[Speaker], size: int, between: str) -> None:
    talk = await speaker(world).start(
        acting("on_route", "wait", name="first"),
        acting("on_route", between, name="between"),
        acting("on_route", "wait", name="last"),
    )
    text = "x" * min(size, 40_000)
    sent = frames.request(1, content=b"y" * size) if speaker is Bolt else web.request("/echo", b"y" * size, f"X-Long: {text}")
    await talk.client.send(sent)
    for at in (0, 0, 2) if between == "again" else (0, 2):
        await world.until(lambda at=at: [gate for gate in made(world, at).gates if not gate.done()])
        assert audit(world.engine) == []
        made(world, at).gates[-1].set_result(None)
    upstream = await talk.upstream()
    if speaker is Bolt:
        found = await upstream.receive()
        assert found.endswith(b"y" * size)
        assert len(found) - len(sent) in ((0,) if between != "set" else range(1, 50))
        await upstream.send(talk.response(found))
    else:
        got = await web.take(upstream)
        assert (got.body, got.fields["x-long"], got.fields.get("x-env")) == (
            b"y" * size, text, "new" if between == "set" else None,
        )  # fmt: skip
        await upstream.send(web.response())
    assert await talk.answer() == "ok"
    assert audit(world.engine) == []


@EVERY
@pytest.mark.parametrize("phase", ["on_request", "on_route", "on_host", "on_response"])
@pytest.mark.parametrize("act", ["no awaitable", "raise for ever", "endless"])
async def test_code_of_a_filter_that_is_called_in_passing(world: World, speaker: type[Speaker], phase: str, act: str) -> None:
    """What it returns and raises has code of its own, that is watched as well."""
    limit = 5.0 if act == "no awaitable" else 0.1
    talk = await speaker(world).start(acting(phase, act, block_limit=limit, stuck_limit=60))
    await talk.ask()
    if phase == "on_response":
        await talk.serve()
    assert "filter" in await talk.answer()
    assert failures(world) == 1
    assert made(world).seen[-1] == ("on_log", "filter")
    await world.until(lambda: world.engine.describe()["calls"] == 0)
    assert audit(world.engine) == []


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_a_reply_without_a_body(world: World, status: int) -> None:
    settings = {"phase": "on_route", "act": "no content", "status": status}
    talk = await Http1(world).start(msgspec.structs.replace(acting(), settings=settings))
    for _ in range(2):
        await talk.ask()
        head = await talk.client.receive()
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert (b"Content-Length: 0\r\n" in head) == (status == 205)
        assert head.lower().count(b"content-") == (status == 205)
        assert await talk.client.silent(), "nothing that could be taken for another answer"


async def test_metadata_is_text_when_it_is_set(world: World) -> None:
    gray = Route("seven", (HeaderMatch("metadata.number", "exact", "7"),), "main")
    talk = await Bolt(world).start(acting("on_request", "mark"), routes=(gray,))
    await talk.ask()
    await talk.serve()
    assert await talk.answer() == "ok"
    assert made(world).kept.metadata == {"number": "7", "kept": "1"}


async def test_metadata_that_cannot_be_text_fails_its_filter(world: World) -> None:
    talk = await Bolt(world).start(acting("on_request", "mark for ever", block_limit=0.1, stuck_limit=60))
    await talk.ask()
    assert await talk.answer() == "filter"
    assert "was broken off" in said(world)
