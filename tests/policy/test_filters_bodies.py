"""Filters that want the bodies of requests: all of it first, or each piece as it passes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import h2.events
import msgspec
import pytest

from proxy.config.filter_models import MODELS
from proxy.datapath.audit import audit
from proxy.filters import Reply
from proxy.snapshot import Cluster, Filter, Mirror, Retry, Route
from tests.datapath import web
from tests.datapath.world import World
from tests.policy.filtering import acting, built_in, failures, made, said
from tests.policy.scenes import Talk
from tests.policy.speech.table import Speech, over
from tests.policy.uploads import UPLOADS, Chunked, Counted, Grpc, Streamed, Upload
from xproto.spec import Fault

READING, LATE, WATCHING = (str(Path(__file__).with_name(f"{name}.py")) for name in ("reading", "reading_late", "watching"))
EVERY = pytest.mark.parametrize("upload", UPLOADS, ids=lambda each: each.__name__.lower())
HTTP1 = pytest.mark.parametrize("upload", [Counted, Chunked], ids=lambda each: each.__name__.lower())
PHASE = pytest.mark.parametrize("phase", ["on_request", "on_route"])
HUNDRED = bytes(range(100))


def reading(phase: str = "on_request on_route", name: str = "reading", **settings: Any) -> Filter:
    """It waits for the body in the first phase that it takes part in."""
    return Filter(name, "", LATE if phase == "on_route" else READING, {"only": phase, **settings})


def watching(name: str = "watching", block_limit: float = 5.0, **settings: Any) -> Filter:
    return Filter(name, "", WATCHING, settings, block_limit=block_limit, stuck_limit=60.0)


async def quiet(world: World) -> None:
    """Nothing is left of the calls."""
    await world.until(lambda: world.engine.describe()["calls"] == 0)
    assert audit(world.engine) == []


# -- all of it first --------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("upload", "phase", "patience"),
    [*[(each, "on_route", 2.0) for each in UPLOADS], (Counted, "on_request", 60.0), (Chunked, "on_request", 60.0)],
)
async def test_a_body_that_does_not_come(world: World, upload: type[Upload], phase: str, patience: float) -> None:
    """Its time is for silence: a byte begins it anew."""
    talk = upload(world)
    await talk.start(reading(phase), routes=(Route("all", (), "main", timeout=2.0),))
    await talk.begin(100)
    for at in range(3):
        await talk.push(HUNDRED[at : at + 1])
        await world.advance(patience * 0.75)
        assert not made(world).ended
    await world.advance(patience * 0.5)
    assert await talk.answer() == talk.timeout
    assert made(world).ended == ["timeout"]
    assert failures(world, "reading") == 0
    await quiet(world)


async def test_a_slow_body_has_all_its_routes_time_afterwards(world: World) -> None:
    talk = await Counted(world).start(reading(), routes=(Route("all", (), "main", timeout=2.0),))
    await talk.begin(4)
    for at in range(4):
        await world.advance(1.5)
        await talk.push(HUNDRED[at : at + 1])
    talk.upstream = await talk.backend.accept()
    await web.take(talk.upstream)
    await world.advance(1.5)
    await talk.upstream.send(web.response(b""))
    assert await talk.answer() == "ok"


async def test_and_a_filter_behind_it_too(world: World) -> None:
    route = Route("all", (), "main", timeout=2.0)
    waits = msgspec.structs.replace(reading("on_route", act="wait"), timeout=60.0)
    talk = await Counted(world).start(waits, routes=(route,))
    await talk.begin(4)
    for at in range(4):
        await world.advance(1.5)
        await talk.push(HUNDRED[at : at + 1])
    await world.until(lambda: made(world).gates)
    assert audit(world.engine) == []
    await world.advance(1.5)
    made(world).gates[0].set_result(None)
    assert await talk.serve() == HUNDRED[:4]
    assert await talk.answer() == "ok"


async def test_a_calls_own_deadline_is_for_its_body_too(world: World) -> None:
    talk = await Grpc(world).start(reading("on_route"))
    await talk.begin(100, ("grpc-timeout", "1S"))
    for at in range(3):
        await talk.push(HUNDRED[at : at + 1])
        await world.advance(0.4)
    assert await talk.answer() == "4"
    await quiet(world)


@HTTP1
async def test_a_client_that_waits_to_be_told(world: World, upload: type[Upload]) -> None:
    talk = await upload(world).start(reading())
    await talk.begin(100, ("Expect", "100-continue"))
    assert (await talk.client.receive()) == b"HTTP/1.1 100 Continue\r\n\r\n"
    await talk.piece(HUNDRED)
    await talk.finish()
    assert await talk.serve() == HUNDRED
    assert "expect" not in talk.heard.fields
    assert await talk.answer() == "ok"
    assert await talk.ask(b"next") == "ok", "on the same connection"
    await quiet(world)


async def test_a_client_that_waits_and_would_send_too_much(world: World) -> None:
    talk = await Counted(world).start(reading())
    await talk.begin(101, ("Expect", "100-continue"))
    assert await talk.answer() == "413"
    assert await talk.client.ended(), "its body may come, or not"


async def test_a_stream_of_http2_that_waits_to_be_told(world: World) -> None:
    talk = await Streamed(world).start(reading())
    await talk.begin(100, ("expect", "100-continue"))
    await talk.peer.next(h2.events.InformationalResponseReceived)
    await talk.piece(HUNDRED)
    await talk.finish()
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"


async def test_a_client_that_waited_while_a_filter_did(world: World) -> None:
    talk = await Counted(world).start(acting("on_request", "wait"), reading())
    await talk.begin(100, ("Expect", "100-continue"))
    await world.until(lambda: made(world).gates)
    assert await talk.client.silent()
    made(world).gates[0].set_result(None)
    assert (await talk.client.receive()) == b"HTTP/1.1 100 Continue\r\n\r\n"
    await talk.piece(HUNDRED)
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"


async def test_no_body_is_waited_for_where_no_filter_looks(world: World) -> None:
    off = Route("off", (), "main", filters={"reading": None})
    talk = await Counted(world).start(reading("on_request"), routes=(off,))
    await talk.begin(100)
    await talk.push(HUNDRED[:50])
    assert not world.upstreams(), "before there is a route it is the listener's"
    talk.go()
    await quiet(world)


async def test_a_route_has_a_limit_of_its_own(world: World) -> None:
    own = Route("own", (), "main", filters={"reading": {"only": "on_route", "limit": 10}})
    talk = await Counted(world).start(reading("on_route"), routes=(own,))
    await talk.whole(HUNDRED[:11])
    assert await talk.answer() == "413"
    assert await talk.ask(HUNDRED[:10]) == "ok"


@EVERY
async def test_a_body_that_is_kept_is_sent_again(world: World, upload: type[Upload]) -> None:
    talk = upload(world)
    policy = Retry(on=("reset",), attempts=1, idempotent=True, back_off_base=0.0)
    await talk.start(reading(), routes=(Route("all", (), "main", retry=policy),))
    await talk.whole(HUNDRED)
    first = await talk.backend.accept()
    await first.receive()
    first.reset()
    await world.until(lambda: world.count("retries_total", outcome="retried") == 1)
    await world.advance(0.1)
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"
    await quiet(world)


@HTTP1
async def test_a_copy_of_it_has_the_body(world: World, upload: type[Upload]) -> None:
    shadow = world.backend()
    route = Route("all", (), "main", mirrors=(Mirror("shadow"),))
    talk = await upload(world).start(reading(), routes=(route,), clusters={"shadow": Cluster("shadow", (shadow.address,))})
    await talk.whole(HUNDRED)
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"
    talk.upstream = await shadow.accept()
    assert await talk.serve() == HUNDRED


@EVERY
async def test_a_big_body(world: World, upload: type[Upload]) -> None:
    size = 5_000_000
    talk = await upload(world).start(reading(limit=size))
    sending = asyncio.ensure_future(talk.whole(bytes(size)))
    assert await talk.serve() == bytes(size)
    await sending
    assert await talk.answer() == "ok"
    assert world.engine.describe()["buffers"]["peak"] < 3 * size
    await quiet(world)


async def test_many_small_chunks_cost_what_they_say(world: World) -> None:
    talk = await Chunked(world).start(reading(limit=100_000))
    await talk.begin(1)
    line = b"1;" + b"x" * 500 + b"\r\nx\r\n"
    await talk.client.send(line * 10_000)
    await world.until(lambda: world.count("downstream_rx_bytes_total") > len(line) * 10_000)
    assert world.engine.describe()["buffers"]["held"] < 200_000
    await talk.finish()
    assert await talk.serve() == b"x" * 10_000
    assert await talk.answer() == "ok"


async def test_bodies_have_a_budget(world: World) -> None:
    """Together they may own most of the worker's buffers, not all: then the biggest is refused, and the others go on."""
    size, limit = 60_000_000, 1 << 26
    talk = await Counted(world).start(reading(limit=limit))
    clients = [talk.client, *[await world.client() for _ in range(3)]]
    for number, talk.client in enumerate(clients):
        await talk.begin(limit - number)
        await talk.piece(bytes(size - number * 1_000_000))
    await world.until(lambda: world.engine.describe()["buffers"]["evictions"])
    talk.client = clients[0]
    assert await talk.answer() == "503"
    assert made(world).ended == ["overload"]
    assert len(world.log) == 1
    assert "it owns the most of buffers" in world.log[0]
    assert audit(world.engine) == []
    for client in clients:
        client.reset()
    await quiet(world)
    assert not world.engine.describe()["buffers"]["held"]


async def test_what_is_over_cannot_be_read(world: World) -> None:
    talk = await Counted(world).start(reading(act="keep"))
    assert await talk.ask(HUNDRED) == "ok"
    with pytest.raises(RuntimeError, match="on its way"):
        _ = made(world).kept.body


@over("frames")
async def test_frames_are_whole_anyway(world: World, speech: Speech) -> None:
    talk = await Talk(world, speech).start(reading(limit=0), watching())
    assert (await talk.call()).ok
    assert made(world).seen == [("on_request", None), ("on_route", None)]
    assert made(world, 1).seen == []


async def test_a_reload_meanwhile(world: World) -> None:
    talk = await Counted(world).start(reading())
    await talk.begin(100)
    await talk.push(HUNDRED[:50])
    world.change(listeners={"in": msgspec.structs.replace(world.snapshot.listeners["in"], filters=())})
    await talk.piece(HUNDRED[50:])
    assert await talk.serve() == HUNDRED
    assert await talk.answer() == "ok"


async def test_the_next_request_of_a_pipeline_waits(world: World) -> None:
    talk = await Counted(world).start(reading())
    await talk.client.send(talk.head(3) + b"one" + talk.head(3) + b"two")
    assert await talk.serve() == b"one"
    assert await talk.serve() == b"two"
    assert [await talk.answer() for _ in range(2)] == ["ok", "ok"]


async def test_a_request_that_closes(world: World) -> None:
    talk = await Counted(world).start(reading())
    await talk.whole(b"last", ("Connection", "close"))
    assert await talk.serve() == b"last"
    assert await talk.answer() == "ok"
    assert await talk.client.ended()
    await quiet(world)


@EVERY
async def test_the_built_in_buffer(world: World, upload: type[Upload]) -> None:
    longer = Route("longer", (), "main", filters={"buffer": MODELS["buffer"].model_validate({"max_bytes": 99}).plain()})
    talk = await upload(world).start(built_in("buffer", max_bytes="1KiB"), routes=(longer,))
    await talk.begin(99)
    await talk.push(HUNDRED[:50])
    assert not world.upstreams()
    await talk.piece(HUNDRED[50:99])
    await talk.finish()
    assert await talk.serve() == HUNDRED[:99]
    assert await talk.answer() == "ok"
    await talk.whole(HUNDRED)
    assert await talk.answer() == talk.too_large
    await quiet(world)


async def test_the_built_in_buffer_by_its_conditions(world: World) -> None:
    talk = await Counted(world).start(built_in("buffer", max_bytes="10", match={"headers": {"x-small": {"present": True}}}))
    assert await talk.ask(HUNDRED) == "ok"
    await talk.whole(HUNDRED, ("X-Small", "1"))
    assert await talk.answer() == "413"


# -- each piece as it passes ------------------------------------------------------------------------------------------


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
