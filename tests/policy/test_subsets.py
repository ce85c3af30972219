"""Metadata in traffic: only hosts that have it get the calls, in even shares, wherever calls may wait."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from proxy.snapshot import Route
from tests.datapath.world import World
from tests.policy.fleet import Fleet, word
from tests.policy.scenes import everything
from tests.policy.speech.table import BOLT, Client, Host, Speech, over

V1, V2, V3 = ({"version": f"v{n}"} for n in (1, 2, 3))


def by_word(speech: Speech) -> tuple[Route, ...]:
    """Calls of words that begin with `two` are for v2, with `three` for v3, all others for any host."""
    return word(speech, "two", metadata_match=V2), word(speech, "three", metadata_match=V3), everything()


def subsets(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.engine.describe()["clusters"]["main"]["subsets"]
    return found


@over()
@pytest.mark.parametrize("lb", ["round_robin", "random", "maglev"])
async def test_only_hosts_with_the_metadata_get_the_calls(world: World, speech: Speech, lb: str) -> None:
    fleet = Fleet(world, speech, 4).start(*by_word(speech), versions="1212", lb=lb)
    client = await speech.client(world)
    found = await fleet.calls(client, ["two"] * 12)
    assert set(found) == set("bd")
    assert lb == "random" or found.count("b") == 6


@over()
async def test_shares_are_even_on_either_side_of_a_gap(world: World, speech: Speech) -> None:
    """With one place for all, the host behind those that are skipped would serve twice what the others do."""
    fleet = Fleet(world, speech, 5).start(*by_word(speech), versions="21112")
    client = await speech.client(world)
    found: dict[str, Counter[str]] = {"two": Counter(), "one": Counter()}
    for _ in range(10):
        for each, count in found.items():
            count[await fleet.call(client, each)] += 1
    assert found["two"] == {"a": 5, "e": 5}
    assert found["one"] == dict.fromkeys("abcde", 2)


@over()
@pytest.mark.parametrize(
    ("fallback", "default", "expected"), [("none", {}, set()), ("any", {}, set("abc")), ("default", V1, set("ac"))]
)
async def test_where_no_host_has_it(
    world: World, speech: Speech, fallback: str, default: dict[str, str], expected: set[str]
) -> None:
    fleet = Fleet(world, speech).start(*by_word(speech), versions="121", subset_fallback=fallback, subset_default=default)
    client = await speech.client(world)
    found = set(await fleet.calls(client, ["three"] * 6))
    assert {each for each in found if not each.startswith("refused")} == expected
    assert world.count("upstream_subset_fallbacks_total") == 6
    if not expected:
        assert world.count("local_replies_total", protocol=speech.name, fault="no_host") == 6
    assert await fleet.call(client, "two") == "b"
    assert world.count("upstream_subset_fallbacks_total") == 6


@over()
async def test_a_subset_whose_hosts_are_away_has_no_stand_in(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(*by_word(speech), versions="122", subset_fallback="any")
    client = await speech.client(world)
    await fleet.kill("b")
    assert set(await fleet.calls(client, ["two"] * 4)) == {"c"}
    await fleet.kill("c")
    assert (await fleet.call(client, "two")).startswith("refused")
    assert await fleet.call(client, "one") == "a"


@over()
async def test_hashes_choose_among_the_subsets_hosts(world: World, speech: Speech) -> None:
    route = everything(metadata_match=V2, hash_policy=(speech.key,))
    fleet = Fleet(world, speech, 4).start(route, versions="1222", lb="maglev")
    client = await speech.client(world)
    words = [f"w{n}" for n in range(30)]
    first = await fleet.calls(client, words)
    assert set(first) == set("bcd")
    assert await fleet.calls(client, words) == first


async def test_big_frames_go_to_the_subset_too(world: World) -> None:
    fleet = Fleet(world, BOLT).start(*by_word(BOLT), versions="112")
    client = await BOLT.client(world)
    assert [await fleet.call(client, BOLT.word("two", body=bytes(600 * 1024))) for _ in range(4)] == ["c"] * 4


# -- lines ----------------------------------------------------------------------------------------------------------


async def full(world: World, versions: str = "12", **more: Any) -> tuple[Fleet, list[Host]]:
    """Two hosts with one connection each, which both have a call."""
    fleet = Fleet(world, BOLT, 2, answering=False)
    routes = (word(BOLT, "one", metadata_match=V1), *by_word(BOLT))
    fleet.start(*routes, versions=versions, pool="ping_pong", max_connections=1, **more)
    for host, said in zip(fleet.hosts.values(), ("one", "two"), strict=True):
        client = await BOLT.client(world)
        await client.ask(BOLT.word(said))
        await world.until(lambda host=host: not host.calls.empty())  # type: ignore[misc]
    return fleet, list(fleet.hosts.values())


async def waiting(world: World, *words: str) -> list[Client]:
    """A client each, whose calls wait in this order."""
    before = world.count("upstream_pending")
    clients = []
    for place, said in enumerate(words):
        clients.append(await BOLT.client(world))
        await clients[-1].ask(BOLT.word(said))
        await world.until(lambda place=place: world.count("upstream_pending") == before + place + 1)  # type: ignore[misc]
    return clients


async def answer(host: Host) -> str:
    """The host's call is answered; its word."""
    return (await host.serve()).word


async def test_a_call_in_the_line_goes_to_its_subset_only(world: World) -> None:
    _, (a, b) = await full(world)
    [client] = await waiting(world, "two")
    assert await answer(a) == "one"
    assert await a.silent()
    assert world.count("upstream_pending") == 1
    assert [await answer(b) for _ in range(2)] == ["two", "two"]
    assert (await client.answer()).text == "b"


async def test_it_holds_up_nobody_who_may_go_elsewhere(world: World) -> None:
    _, (a, b) = await full(world)
    await waiting(world, "two", "one", "x", "two")
    assert [await answer(a) for _ in range(3)] == ["one", "one", "x"]
    assert await a.silent()
    assert [await answer(b) for _ in range(3)] == ["two", "two", "two"]


async def test_the_line_keeps_the_order_of_all_who_may_go_there(world: World) -> None:
    _, (a, b) = await full(world)
    await waiting(world, "x1", "two1", "x2", "two2")
    assert [await answer(b) for _ in range(5)] == ["two", "x1", "two1", "x2", "two2"]
    await answer(a)


async def test_a_free_host_is_not_kept_for_calls_that_may_not_go_there(world: World) -> None:
    _, (a, b) = await full(world)
    await waiting(world, "two")
    await answer(a)
    client = await BOLT.client(world)
    await client.ask(BOLT.word("x"))
    assert await answer(a) == "x"
    assert [await answer(b) for _ in range(2)] == ["two", "two"]


async def test_a_client_that_goes_takes_its_calls_out_of_every_line(world: World) -> None:
    _, (a, b) = await full(world)
    clients = await waiting(world, "two1", "x1", "two2")
    for each in clients[:2]:
        each.peer.reset()
    await world.until(lambda: world.count("upstream_pending") == 1)
    assert [await answer(b) for _ in range(2)] == ["two", "two2"]
    await answer(a)


async def test_calls_in_the_line_follow_a_reload(world: World) -> None:
    fleet, (a, b) = await full(world)
    await waiting(world, "two1", "two2")
    world.change(clusters=world.cluster(metadata=fleet.metadata("22")))
    assert (await answer(a), await answer(b)) == ("one", "two")
    assert (await answer(a), await answer(b)) == ("two1", "two2")


async def test_calls_in_the_line_hear_that_no_host_is_left(world: World) -> None:
    fleet, (a, b) = await full(world)
    [client] = await waiting(world, "two1")
    world.change(clusters=world.cluster(metadata=fleet.metadata("11")))
    assert (await client.answer()).code == 6
    await answer(a)
    await answer(b)


async def test_a_subset_that_no_route_asks_for_stays_until_its_last_call(world: World) -> None:
    _, (a, b) = await full(world)
    await waiting(world, "two1")
    assert {tuple(each["metadata"].values()): each["calls"] for each in subsets(world)} == {("v1",): 1, ("v2",): 2, ("v3",): 0}
    world.change(routes={"table": (everything(),)})
    assert {tuple(each["metadata"].values()) for each in subsets(world)} == {("v1",), ("v2",)}
    assert await answer(a) == "one"
    assert await a.silent(), "the call that waits is still for v2"
    assert [await answer(b) for _ in range(2)] == ["two", "two1"]
    await world.until(lambda: not any(each["calls"] for each in subsets(world)))
    world.change()
    assert subsets(world) == []


@over()
async def test_reloads_move_subsets(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(*by_word(speech), versions="122")
    client = await speech.client(world)
    assert set(await fleet.calls(client, ["two"] * 4)) == set("bc")
    world.change(clusters=world.cluster(metadata=fleet.metadata("221")))
    assert set(await fleet.calls(client, ["two"] * 4)) == set("ab")
    world.change(clusters=world.cluster(hosts=(fleet.address("b"), fleet.address("c"))))
    assert set(await fleet.calls(client, ["two"] * 4)) == {"b"}
    assert set(await fleet.calls(client, ["x"] * 4)) == set("bc")
