"""What routes do with calls: divide them, send them where they say, answer them; the same for every protocol."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.snapshot import ClusterFrom, DirectResponse, HeaderMatch, Keepalive, Redirect, Route, WeightedClusters
from tests.datapath.world import World
from tests.policy.scenes import cluster_of, everything, start
from tests.policy.speech.model import WORD
from tests.policy.speech.table import BOLT, Answer, Host, Speech, over, saying


def hosts_of(world: World, speech: Speech, *names: str) -> dict[str, Host]:
    """Of a cluster each; they answer with its name."""
    return {name: Host(world, speech, name=name, answers=Answer(name)) for name in names}


# -- several clusters ---------------------------------------------------------------------------------------------------


async def shares(world: World, speech: Speech, weights: dict[str, int], calls: int) -> Counter[str]:
    """How many calls each cluster got."""
    hosts = hosts_of(world, speech, *weights)
    start(world, speech, everything(action=WeightedClusters(tuple(weights.items()))), clusters=hosts)
    client, found = await speech.client(world), Counter[str]()
    for _ in range(calls):
        await client.ask()
        found[(await client.answer()).text] += 1
    for name, host in hosts.items():
        assert world.count("upstream_calls_total", cluster=name, host=host.address) == len(host.came()) == found[name]
    return found


@over()
async def test_calls_are_divided_by_weight_and_zero_means_never(world: World, speech: Speech) -> None:
    found = await shares(world, speech, {"one": 3, "never": 0, "two": 1}, 40)
    assert found["never"] == 0
    assert 20 <= found["one"] <= 38
    assert found["two"] == 40 - found["one"]
    assert world.count("route_calls_total", route="all") == 40


async def test_the_choice_is_drawn_for_each_call_though_the_decision_is_cached(world: World) -> None:
    """One client that says the same all the time, in one read: its calls do not all go one way."""
    hosts = {name: world.backend() for name in ("one", "two")}
    action = WeightedClusters((("one", 1), ("two", 1)))
    start(world, BOLT, Route("all", (HeaderMatch(WORD, "exact", "a"),), action=action), clusters=hosts)
    client = await BOLT.client(world)
    await client.peer.send(BOLT.request(BOLT.word("a", oneway=True)) * 400)

    def counts() -> list[int]:
        return [world.count("upstream_calls_total", cluster=name, host=each.address) for name, each in hosts.items()]

    await world.until(lambda: sum(counts()) == 400)
    assert min(counts()) > 140


@over()
async def test_each_target_has_its_own_clusters_deadline(world: World, speech: Speech) -> None:
    host = Host(world, speech)
    slow = cluster_of(speech, "slow", host, timeout=7.0)
    start(world, speech, everything(action=WeightedClusters((("slow", 1),))), clusters={"slow": slow})
    client = await speech.client(world)
    await client.ask()
    await host.take()
    await world.advance(6.5)
    assert world.engine.in_flight() >= 1
    await world.advance(1.0)
    assert "timeout" in (await client.answer()).faults
    assert world.count("local_replies_total", protocol=speech.name, fault="timeout") == 1


# -- the cluster that the call names --------------------------------------------------------------------------------------


@over()
async def test_the_call_names_its_cluster(world: World, speech: Speech) -> None:
    start(world, speech, Route("named", (), action=ClusterFrom(speech.key)), clusters=hosts_of(world, speech, "one", "two"))
    client = await speech.client(world)
    for name in ("one", "two", "one"):
        await client.ask(speech.word(name))
        assert (await client.answer()).text == name
    assert world.count("route_calls_total", route="named") == 3


@over()
@pytest.mark.parametrize("word", ["three", "x" * 900, "One", "main\u00e9"])
async def test_a_name_that_is_no_cluster_has_no_route(world: World, speech: Speech, word: str) -> None:
    if "path" in speech.says:
        word = word.replace("\u00e9", "e-")  # a field of HTTP is no place for it
    start(world, speech, Route("named", (), action=ClusterFrom(speech.key)), clusters=hosts_of(world, speech, "one"))
    client = await speech.client(world)
    await client.ask(speech.word(word))
    assert "no_route" in (await client.answer()).faults
    assert world.count("cluster_from_misses_total", route="named", reason="unknown") == 1
    assert world.count("local_replies_total", protocol=speech.name, fault="no_route") == 1
    await client.ask(speech.word("one"))
    assert (await client.answer()).text == "one"


@over()
async def test_a_default_for_those_that_name_none(world: World, speech: Speech) -> None:
    action = ClusterFrom("x-nowhere", "one")
    start(world, speech, Route("named", (), action=action), clusters=hosts_of(world, speech, "one"))
    client = await speech.client(world)
    await client.ask(speech.word("two"))
    assert (await client.answer()).text == "one"
    assert world.count("cluster_from_misses_total", route="named", reason="absent") == 1


async def test_names_of_no_cluster_leave_nothing_behind(world: World) -> None:
    """An attacker's 5,000 names: no more entries in the decision cache, no counters, no memory of them."""
    start(world, BOLT, Route("named", (), action=ClusterFrom(WORD)), clusters={"one": world.backend()})
    client = await BOLT.client(world)
    for first in range(0, 5000, 500):
        await client.peer.send(b"".join(BOLT.request(BOLT.word(f"n{first + n}", oneway=True)) for n in range(500)))
    await world.until(lambda: world.count("oneways_dropped_total") == 5000)
    assert world.count("cluster_from_misses_total", route="named", reason="unknown") == 5000
    assert world.engine.describe()["buffers"]["held"] == 0


# -- direct responses -----------------------------------------------------------------------------------------------------

DOWN = DirectResponse(503, "down for maintenance", "overload", 14)


@over()
async def test_a_direct_response_in_the_callers_protocol(world: World, speech: Speech) -> None:
    start(world, speech, Route("down", (), action=DOWN))
    client = await speech.client(world)
    for _ in range(3):
        await client.ask()
        answer = await client.answer()
        assert (answer.code, answer.text) == speech.direct(DOWN)
    assert world.count("route_calls_total", route="down") == 3
    assert world.count("calls_total", protocol=speech.name) == 3
    assert world.count("local_replies_total", protocol=speech.name, fault="overload") == 0
    assert world.count("upstream_pending") == 0


@over()
async def test_its_statuses_can_be_given(world: World, speech: Speech) -> None:
    tea = DirectResponse(418, "", "timeout", 10)
    start(world, speech, Route("down", (), action=tea))
    client = await speech.client(world)
    await client.ask()
    answer = await client.answer()
    assert (answer.code, answer.text) == speech.direct(tea)


HOSTILE = 'a\r\nSet-Cookie: b\r\n\r\n\x00\x7f%zz\u00e9\U0001f600"\\'


@over()
async def test_hostile_text_breaks_no_head(world: World, speech: Speech) -> None:
    start(world, speech, Route("down", (), action=DirectResponse(503, HOSTILE, "overload", 14)))
    client = await speech.client(world)
    for _ in range(2):
        await client.ask()
        answer = await client.answer()
        assert answer.code == speech.direct(DOWN)[0]
        assert "set-cookie" not in answer.headers
    if speech.name in {"dubbo", "thrift"}:
        assert answer.text == HOSTILE
    if speech.name == "http1":
        assert answer.raw.endswith(b"\r\n\r\n" + HOSTILE.encode())
    if speech.name == "grpc":
        assert answer.text.isascii()
        assert "\r" not in answer.text
        assert "%0D%0A" in answer.text


@over("oneway")
async def test_oneways_are_dropped_and_counted(world: World, speech: Speech) -> None:
    start(world, speech, Route("down", (), action=DOWN))
    client = await speech.client(world)
    await client.ask(oneway=True)
    await world.until(lambda: world.count("oneways_dropped_total") == 1)
    await client.ask()
    assert (await client.answer()).code == speech.direct(DOWN)[0]


@pytest.mark.parametrize("speech", [each for each in saying() if "http_method" not in each.says], ids=repr)
async def test_no_other_protocol_is_redirected(world: World, speech: Speech) -> None:
    start(world, speech, Route("gone", (), action=Redirect(path="/x")))
    client = await speech.client(world)
    await client.ask()
    assert "no_route" in (await client.answer()).faults
    assert world.count("route_calls_total", route="gone") == 0


# -- deadlines ------------------------------------------------------------------------------------------------------------


@over()
async def test_a_timeout_of_zero_is_none(world: World, speech: Speech) -> None:
    host = Host(world, speech)
    one = cluster_of(speech, "one", host, keepalive=Keepalive(interval=0.0), idle_timeout=0.0)
    start(world, speech, Route("patient", (), "one", timeout=0.0), clusters={"one": one})
    client = await speech.client(world)
    await client.ask()
    asked = await host.take()
    await world.advance(70.0)  # the cluster's own is 60
    await asked.answer("late")
    assert (await client.answer()).text == "late"


@over()
async def test_reload_takes_another_action_at_once(world: World, speech: Speech) -> None:
    start(world, speech, Route("down", (), action=DOWN), clusters=hosts_of(world, speech, "one"))
    client = await speech.client(world)
    await client.ask()
    assert (await client.answer()).code == speech.direct(DOWN)[0]
    world.change(routes={"table": (Route("down", (), action=WeightedClusters((("one", 1),))),)})
    await client.ask()
    assert (await client.answer()).text == "one"
