"""Copies of calls to another cluster: what they are, what becomes of them, and that nobody but them feels it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.datapath.audit import audit
from proxy.observe.logfile import LogFiles
from proxy.snapshot import AccessLog, ClusterFrom, Mirror, Route, WeightedClusters
from tests.datapath import frames
from tests.datapath.world import World
from tests.policy.mirrored import Mirrored, copies, dropped, waiting
from tests.policy.scenes import everything, start
from tests.policy.speech.model import WORD
from tests.policy.speech.table import BOLT, DUBBO, HTTP1, Answer, Call, Host, Speech, over

DEAD = "127.0.0.1:1"
IN_FLIGHT = 1024


@over()
@pytest.mark.parametrize("body", [b"", b"some body"], ids=["empty", "body"])
async def test_a_copy_goes_there_and_its_answer_nowhere(world: World, speech: Speech, body: bytes) -> None:
    both = await Mirrored(world, speech).start()
    await both.call(body=body)
    copy = await both.shadow.serve()
    assert (copy.word, copy.body) == ("a", body)
    await world.until(lambda: copies(world, "answered") == 1)
    await both.call("b", body=body)
    assert (await both.shadow.serve()).word == "b"
    await world.until(lambda: copies(world, "answered") == 2)
    assert len(both.shadow.connections) == 1
    await both.call("c")
    assert waiting(world) == 1
    assert world.count("calls_total", protocol=speech.name) == 3
    assert audit(world.engine) == []


@over()
async def test_an_answer_that_comes_first_changes_nothing(world: World, speech: Speech) -> None:
    both = await Mirrored(world, speech).start()
    await both.client.ask()
    await both.shadow.serve()
    await world.until(lambda: copies(world, "answered") == 1)
    await both.live.serve()
    assert (await both.client.answer()).text == "live"


@pytest.mark.parametrize(("percent", "least", "most"), [(0.0, 0, 0), (0.5, 0, 30), (25.0, 180, 330), (100.0, 1000, 1000)])
async def test_percent_of_the_calls(world: World, percent: float, least: int, most: int) -> None:
    both = await Mirrored(world, BOLT).start(percent=percent)
    await both.client.peer.send(BOLT.request(Call(oneway=True)) * 1000)
    await world.until(lambda: world.count("upstream_calls_total", cluster="live", host=both.live.address) == 1000)
    assert least <= copies(world, "oneway") <= most
    assert world.count("oneways_dropped_total") == 0


@over("oneway")
async def test_copies_of_oneways(world: World, speech: Speech) -> None:
    both = await Mirrored(world, speech).start()
    await both.client.ask(speech.word("once", oneway=True))
    assert (await both.shadow.take()).word == "once"
    assert (await both.live.take()).word == "once"
    assert copies(world, "oneway") == 1
    assert waiting(world) == 0


@over()
@pytest.mark.parametrize("shadow", [DEAD, None], ids=["dead", "empty"])
async def test_a_dead_cluster_is_left_alone_and_no_call_feels_it(world: World, speech: Speech, shadow: str | None) -> None:
    both = await Mirrored(world, speech).start(shadow)
    for _ in range(21):
        await both.call()
    await world.until(lambda: dropped(world, "unreachable") == 21)
    assert waiting(world) == 0
    assert world.count("local_replies_total", protocol=speech.name, fault="connect") == 0
    if shadow:
        assert world.count("upstream_connect_failures_total", cluster="shadow", host=DEAD) <= 2
    assert audit(world.engine) == []


@over()
async def test_a_server_that_never_answers_is_waited_for_so_long(world: World, speech: Speech) -> None:
    both = await Mirrored(world, speech).start(timeout=3.0)
    await both.call()
    await both.shadow.take()
    assert waiting(world) == 1
    assert world.engine.in_flight() == 0  # what drains does not wait for it
    await world.advance(2.5)
    assert copies(world, "timeout") == 0
    await world.advance(1.0)
    assert copies(world, "timeout") == 1
    assert waiting(world) == 0
    await both.call()
    assert audit(world.engine) == []


@over()
async def test_a_server_that_goes_is_counted(world: World, speech: Speech) -> None:
    both = await Mirrored(world, speech).start()
    await both.call()
    await (await both.shadow.take()).connection.close()
    await world.until(lambda: copies(world, "closed") == 1)
    await both.call()
    assert world.count("local_replies_total", protocol=speech.name, fault="closed") == 0


@over()
async def test_a_server_that_answers_nonsense_is_nobodys_trouble(world: World, speech: Speech) -> None:
    both = await Mirrored(world, speech).start()
    await both.call()
    await (await both.shadow.take()).connection.peer.send(b"\xff" * 64 + b"\r\n\r\n")
    await world.until(lambda: copies(world, "closed") == 1)
    await both.call()


async def test_so_many_wait_and_no_more(world: World) -> None:
    both = await Mirrored(world, BOLT).start()
    for _ in range(IN_FLIGHT + 10):
        await both.call()
    assert waiting(world) == IN_FLIGHT
    assert dropped(world, "limit") == 10
    await both.shadow.serve()
    await world.until(lambda: waiting(world) == IN_FLIGHT - 1)
    await both.call()
    assert waiting(world) == IN_FLIGHT
    assert audit(world.engine) == []


async def test_a_cluster_that_takes_no_more_gets_no_more(world: World) -> None:
    both = await Mirrored(world, HTTP1).start(max_connections=1, max_pending=2)
    for _ in range(6):
        await both.call()
    assert dropped(world, "pending") == 3
    assert waiting(world) == 3
    assert audit(world.engine) == []


async def test_no_copies_when_buffers_are_needed(world: World) -> None:
    both = await Mirrored(world, DUBBO).start()
    await both.call()
    await both.shadow.take()
    half = frames.struct.pack(">HBBQi", 0xDABB, 0xC2, 0, 9, 8_000_000) + b"\x05" + bytes(7_900_000)
    for _ in range(14):
        await (await world.client()).send(half)
    await world.until(lambda: world.engine.describe()["buffers"]["held"] > 100 << 20)
    await both.call()
    assert dropped(world, "memory") == 1
    assert await both.shadow.silent()


# -- with the rest --------------------------------------------------------------------------------------------------------


@over()
@pytest.mark.parametrize("action", [WeightedClusters((("live", 1),)), ClusterFrom(WORD, "live")], ids=["weighted", "named"])
async def test_beside_every_action_that_goes_somewhere(world: World, speech: Speech, action: Any) -> None:
    hosts = {name: Host(world, speech, name=name) for name in ("live", "shadow")}
    start(world, speech, everything(action=action, mirrors=(Mirror("shadow"),)), clusters=hosts)
    client = await speech.client(world)
    await client.ask()
    await hosts["live"].serve()
    assert (await client.answer()).text == "live"
    await hosts["shadow"].take()


@over()
async def test_two_mirrors_of_one_route(world: World, speech: Speech) -> None:
    hosts = {name: Host(world, speech, name=name) for name in ("live", "shadow", "two")}
    start(world, speech, Route("all", (), "live", mirrors=(Mirror("shadow"), Mirror("two"))), clusters=hosts)
    client = await speech.client(world)
    await client.ask(speech.word("a"))
    assert {(await host.serve()).word for host in hosts.values()} == {"a"}
    assert (await client.answer()).text == "live"


@over()
async def test_a_cluster_that_a_reload_takes_away_takes_its_copies_along(world: World, speech: Speech) -> None:
    both = await Mirrored(world, speech).start()
    await both.call()
    copy = await both.shadow.take()
    rest = {name: each for name, each in world.snapshot.clusters.items() if name != "shadow"}
    world.change(routes={"table": (Route("all", (), "live"),)}, clusters=rest)
    await both.call()
    await copy.answer("shadow")
    await world.until(copy.connection.reader.done)
    world.change()
    assert world.engine.describe()["leaving"] == {"connections": [], "hosts": []}


async def test_the_access_log_has_a_line_for_each_call_and_none_for_its_copy(world: World, tmp_path: Path) -> None:
    path = tmp_path / "log"
    hosts = {name: Host(world, BOLT, answers=Answer(name)) for name in ("live", "shadow")}
    route = Route("all", (), "live", mirrors=(Mirror("shadow"),))
    start(world, BOLT, route, clusters=hosts, listener={"access_log": AccessLog(str(path), "text")})
    client = await BOLT.client(world)
    await client.ask()
    assert (await client.answer()).text == "live"
    await world.until(lambda: copies(world, "answered") == 1)
    await world.advance(0.2)
    await world.until(lambda: path.read_text().count("\n") == 1)
    assert hosts["live"].address in path.read_text()
    assert isinstance(world.engine.files, LogFiles)


async def test_a_server_that_does_not_read_gets_so_much_and_no_more(world: World) -> None:
    silent = world.backend()
    both = await Mirrored(world, BOLT).start(silent, out_buffer_limit=1_000_000)
    await both.call()
    mirror = await silent.accept()  # and that is all that it does
    for _ in range(60):
        await both.call(body=bytes(200_000))
    assert dropped(world, "pending") > 20
    assert world.engine.describe()["buffers"]["held"] < 3_000_000
    mirror.close()
    await world.until(lambda: waiting(world) == 0)
    assert audit(world.engine) == []
