"""A call of gRPC whose status is in the trailers of its answer is sent again while nothing of that has gone to its caller."""

from __future__ import annotations

from typing import Any

import h2.events
import pytest

from proxy.snapshot import Retry, RetryBudget
from tests.datapath import h2peer
from tests.datapath.h2peer import found_in
from tests.datapath.world import World
from tests.policy.speakers import GRPC, start

BAD, GOOD = {"grpc-status": "14", "grpc-message": "gone"}, {"grpc-status": "0"}
MEDIA = ("content-type", "application/grpc")
MARK = ("x-mark", "1")
MESSAGE = b"\0\0\0\0\x02hi"
HELD, PAUSE = 0.12, 0.3
"""A head is held back for less, and a call pauses for less."""


class Pair:
    """A client with one call on its way, and the server's connection that it came by."""

    def __init__(self, world: World, client: h2peer.Client, server: h2peer.Server, asked: int) -> None:
        self.world, self.client, self.server, self.asked = world, client, server, asked

    async def head(self, stream: int, *fields: tuple[str, str]) -> None:
        """The beginning of an answer, and the proxy has read it."""
        before = self.world.count("upstream_rx_bytes_total")
        await self.server.respond(stream, b"", MEDIA, MARK, *fields, ends=False)
        await self.world.until(lambda: self.world.count("upstream_rx_bytes_total") > before)

    async def end(self, stream: int, trailers: dict[str, str]) -> None:
        self.server.conn.send_headers(stream, list(trailers.items()), end_stream=True)
        await self.server.flush()

    async def next(self) -> int:
        """The stream of the call's next try."""
        await self.world.until(lambda: self.outcome("retried") == 1)
        await self.world.advance(PAUSE)
        return (await self.server.request()).stream

    async def got_nothing(self) -> bool:
        """Of the answer."""
        await self.client.nothing_more()
        return not self.client.seen(h2.events.ResponseReceived)

    async def got_head(self) -> dict[str, str]:
        return found_in((await self.client.next(h2.events.ResponseReceived, self.asked)).headers)

    async def answer(self) -> h2peer.Message:
        return await self.client.answer(self.asked)

    def outcome(self, name: str) -> int:
        return self.world.count("retries_total", outcome=name)


async def pair(world: World, *, ends: bool = True, route: dict[str, Any] | None = None, **policy: Any) -> tuple[Pair, int]:
    """A call that has come to its server, and its stream there."""
    backend = world.backend()
    retry = Retry(**{"on": (), "statuses": ("unavailable",), "idempotent": True, **policy})
    start(world, GRPC, retry, backend.address, route=route, retry_budget=RetryBudget(100))
    client = await h2peer.client_of(world)
    asked = await client.ask("/a.Svc/echo", MESSAGE, MEDIA, ("te", "trailers"), ends=ends)
    server = h2peer.Server(await backend.accept(), client=False)
    await server.begin()
    found = await (server.request() if ends else server.head())
    return Pair(world, client, server, asked), found.stream


async def test_it_is_sent_again(world: World) -> None:
    it, stream = await pair(world)
    await it.head(stream)
    await it.end(stream, BAD)
    second = await it.next()
    assert await it.got_nothing()
    await it.server.respond(second, MESSAGE, MEDIA, trailers=GOOD)
    got = await it.answer()
    assert (got.body, got.trailers) == (MESSAGE, GOOD)
    assert MARK[0] not in got.fields
    assert (it.outcome("succeeded"), world.count("upstream_dropped_answers_total", reason="retried")) == (1, 1)
    assert len(world.upstreams()) == 1, "its stream came to its end, and the connection stays"
    assert not it.server.seen(h2.events.StreamReset)
    await world.until(lambda: world.engine.describe()["buffers"]["held"] == 0)


async def test_head_and_trailers_in_one_write(world: World) -> None:
    it, stream = await pair(world)
    it.server.conn.send_headers(stream, [(":status", "200"), MEDIA])
    await it.end(stream, BAD)
    await it.server.respond(await it.next(), MESSAGE, MEDIA, trailers=GOOD)
    assert (await it.answer()).body == MESSAGE


async def test_a_message_takes_the_head_along(world: World) -> None:
    it, stream = await pair(world)
    await it.head(stream)
    assert await it.got_nothing()
    await it.server.data(stream, MESSAGE)
    assert (await it.got_head())[MARK[0]] == "1"
    await it.end(stream, BAD)
    got = await it.client.whole(it.asked, {})
    assert (got.body, got.trailers) == (MESSAGE, BAD)
    assert it.outcome("retried") == 0


async def test_a_head_waits_for_a_moment_only(world: World) -> None:
    it, stream = await pair(world)
    await it.head(stream)
    assert await it.got_nothing()
    await world.advance(HELD)
    await it.got_head()
    await it.end(stream, BAD)
    assert (await it.client.whole(it.asked, {})).trailers == BAD
    assert (it.outcome("retried"), it.outcome("unsafe")) == (0, 0)


@pytest.mark.parametrize(
    ("policy", "status"),
    [({"statuses": ("aborted",)}, "14"), ({}, "5"), ({}, "0"), ({"statuses": (), "on": ("reset",)}, "14")],
)
async def test_a_status_that_is_not_named(world: World, policy: dict[str, Any], status: str) -> None:
    it, stream = await pair(world, **policy)
    await it.head(stream)
    await it.end(stream, {"grpc-status": status})
    got = await it.answer()
    assert (got.fields[MARK[0]], got.body, got.trailers) == ("1", b"", {"grpc-status": status})
    assert it.outcome("retried") == 0


async def test_an_end_without_a_status(world: World) -> None:
    it, stream = await pair(world)
    await it.head(stream)
    it.server.conn.end_stream(stream)
    await it.server.flush()
    assert (await it.answer()).trailers == {}


@pytest.mark.parametrize(
    "policy",
    [{"idempotent": False}, {"statuses": (), "on": ("reset",)}, {"methods": ("other",), "idempotent": None}, {"buffer": 10}],
    ids=["it may not be processed twice", "no status is named", "of another method", "it is not kept"],
)
async def test_where_no_status_could_matter_no_head_waits(world: World, policy: dict[str, Any]) -> None:
    it, stream = await pair(world, **policy)
    await it.head(stream)
    await it.got_head()


async def test_who_has_more_to_say_hears_of_the_head_at_once(world: World) -> None:
    it, stream = await pair(world, ends=False)
    await it.head(stream)
    await it.got_head()
    await it.client.data(it.asked, MESSAGE, ends=True)
    await it.end(stream, BAD)
    assert (await it.client.whole(it.asked, {})).trailers == BAD


async def test_a_head_that_says_all_is_judged_as_it_comes(world: World) -> None:
    it, stream = await pair(world)
    await it.head(stream, ("grpc-status", "14"))
    await world.until(lambda: it.outcome("retried") == 1)


async def test_the_last_answer_is_as_its_server_sent_it(world: World) -> None:
    it, stream = await pair(world, attempts=1)
    await it.head(stream)
    await it.end(stream, BAD)
    second = await it.next()
    await it.head(second)
    await it.end(second, BAD)
    got = await it.answer()
    assert (got.fields[MARK[0]], got.trailers) == ("1", BAD)
    assert (it.outcome("retried"), it.outcome("exhausted"), it.outcome("succeeded")) == (1, 1, 0)


@pytest.mark.parametrize("how", ["reset", "end"])
async def test_what_breaks_behind_the_head_is_a_reset(world: World, how: str) -> None:
    it, stream = await pair(world, on=("reset",))
    await it.head(stream)
    if how == "reset":
        await it.server.reset(stream, h2peer.INTERNAL)
    else:
        it.server.peer.close()
    await world.until(lambda: it.outcome("retried") == 1)
    assert await it.got_nothing()


async def test_who_has_answered_did_look_at_the_call(world: World) -> None:
    it, stream = await pair(world, on=("refused",))
    await it.head(stream)
    await it.server.reset(stream, h2peer.REFUSED)
    assert (await it.client.next(h2.events.StreamReset, it.asked)).error_code == h2peer.REFUSED
    assert it.outcome("retried") == 0


async def test_a_try_that_is_answered_has_no_timeout_more(world: World) -> None:
    it, stream = await pair(world, on=("timeout",), per_try_timeout=0.05)
    await it.head(stream)
    await world.advance(0.07)
    assert it.outcome("retried") == 0
    await it.end(stream, BAD)
    await it.next()


async def test_the_calls_deadline_wins(world: World) -> None:
    it, stream = await pair(world, route={"timeout": 0.05})
    await it.head(stream)
    await world.advance(0.07)
    got = await it.answer()
    assert (got.fields["grpc-status"], it.outcome("retried")) == ("4", 0)
    assert await it.server.next(h2.events.StreamReset, stream)
    assert world.engine.in_flight() == 0


async def test_a_client_that_goes_takes_the_head_along(world: World) -> None:
    it, stream = await pair(world)
    await it.head(stream)
    await it.client.reset(it.asked)
    assert await it.server.next(h2.events.StreamReset, stream)
    await world.until(lambda: world.engine.in_flight() == 0 and world.engine.describe()["buffers"]["held"] == 0)
    await world.advance(HELD)
    assert it.outcome("retried") == 0


async def test_a_new_configuration_lets_the_head_go_on(world: World) -> None:
    it, stream = await pair(world)
    await it.head(stream)
    world.change(routes={"table": ()})
    await it.server.data(stream, MESSAGE)
    await it.end(stream, GOOD)
    assert (await it.answer()).body == MESSAGE
