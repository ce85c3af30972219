"""What becomes of a body that was kept for filters: it goes on, again and elsewhere, within the worker's budget."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from proxy.config.filter_models import MODELS
from proxy.datapath.audit import audit
from proxy.snapshot import Cluster, Mirror, Retry, Route
from tests.datapath.world import World
from tests.policy.bodies import EVERY, HTTP1, HUNDRED, quiet, reading, watching
from tests.policy.filtering import built_in, made
from tests.policy.scenes import Talk
from tests.policy.speech.table import Speech, over
from tests.policy.uploads import Chunked, Counted, Upload


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
