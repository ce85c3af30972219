"""For how long a call waits for a body that its filters want, and who is told to send it."""

from __future__ import annotations

import h2.events
import msgspec
import pytest

from proxy.datapath.audit import audit
from proxy.snapshot import Route
from tests.datapath import web
from tests.datapath.world import World
from tests.policy.bodies import HTTP1, HUNDRED, quiet, reading
from tests.policy.filtering import acting, failures, made
from tests.policy.uploads import UPLOADS, Chunked, Counted, Grpc, Streamed, Upload


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
