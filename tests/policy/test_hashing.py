"""Hash policies in traffic: who goes where, what moves when a host is away, and what comes back."""

from __future__ import annotations

from array import array
from collections import Counter
from functools import cache

import msgspec
import pytest

from proxy.balancing.maglev import build
from tests.datapath import web
from tests.datapath.world import World
from tests.policy.fleet import Fleet
from tests.policy.scenes import everything
from tests.policy.speech.model import WORD
from tests.policy.speech.table import BOLT, HTTP1, Speech, over

WORDS = [f"user-{n}" for n in range(24)]
MASK = 2**64 - 1


def reference(value: str) -> int:
    """FNV-1a and splitmix64's finalizer, written once more."""
    found = 0xCBF29CE484222325
    for byte in value.encode():
        found = (found ^ byte) * 0x100000001B3 & MASK
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        found = (found ^ found >> shift) * factor & MASK
    return found ^ found >> 31


@cache
def table_of(addresses: tuple[str, ...]) -> array[int]:
    return build(addresses)


def owner(fleet: Fleet, value: str, *, without: str = "") -> str:
    return owner_of({fleet.address(name): name for name in fleet.hosts if name != without}, value)


def owner_of(by_address: dict[str, str], value: str) -> str:
    """By the table alone."""
    table = table_of(tuple(sorted(by_address)))
    return by_address[sorted(by_address)[table[reference(value) % len(table)]]]


@over()
async def test_calls_of_one_value_go_to_the_host_that_the_table_has_for_it(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(everything(hash_policy=(speech.key,)), lb="maglev")
    client, other = await speech.client(world), await speech.client(world)
    first = await fleet.calls(client, WORDS)
    assert first == [owner(fleet, value) for value in WORDS]
    assert set(first) == set("abc")
    assert await fleet.calls(other, WORDS[::-1]) == first[::-1]


@over()
async def test_a_dead_hosts_values_go_to_all_others_and_come_back(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech, 4).start(everything(hash_policy=(speech.key,)), lb="maglev")
    client = await speech.client(world)
    before = dict(zip(WORDS, await fleet.calls(client, WORDS), strict=True))
    await fleet.kill("b")
    during = dict(zip(WORDS, await fleet.calls(client, WORDS), strict=True))
    assert {value for value in WORDS if during[value] != before[value]} == {v for v in WORDS if before[v] == "b"}
    assert await fleet.calls(client, WORDS) == list(during.values()), "each at one place meanwhile, too"
    await fleet.revive("b")
    assert await fleet.calls(client, WORDS) == list(before.values())


async def test_a_dead_hosts_values_are_spread_evenly(world: World) -> None:
    fleet = Fleet(world, BOLT, 6).start(everything(hash_policy=(WORD,)), lb="maglev")
    client = await fleet.speech.client(world)
    await fleet.kill("b")
    words = [value for value in (f"w{n}" for n in range(1500)) if owner(fleet, value) == "b"][:200]
    shares = Counter(await fleet.calls(client, words))
    assert set(shares) == set("acdef")
    assert all(20 <= share <= 60 for share in shares.values()), shares


@over()
async def test_calls_that_have_nothing_of_it_take_turns(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(everything(hash_policy=("no-such",)), lb="maglev")
    client = await speech.client(world)
    assert Counter(await fleet.calls(client, ["same"] * 9)) == {"a": 3, "b": 3, "c": 3}


@over()
async def test_the_first_that_a_call_has_counts(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(everything(hash_policy=("no-such", speech.key, "source.address")), lb="maglev")
    client = await speech.client(world)
    assert await fleet.calls(client, WORDS) == [owner(fleet, value) for value in WORDS]


@over("headers")
async def test_an_empty_value_is_none(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(everything(hash_policy=(WORD,)), lb="maglev")
    client = await fleet.speech.client(world)
    assert Counter(await fleet.calls(client, [""] * 6)) == {"a": 2, "b": 2, "c": 2}


@over("headers")
async def test_hashes_do_not_use_up_turns(world: World, speech: Speech) -> None:
    """Else calls without a value would find each second turn taken."""
    fleet = Fleet(world, speech, 2).start(everything(hash_policy=(speech.key,)), lb="maglev")
    client = await speech.client(world)
    found = [(await fleet.call(client, ""), await fleet.call(client, "u"))[0] for _ in range(8)]
    assert Counter(found) == {"a": 4, "b": 4}


@over()
async def test_the_clients_address(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(everything(hash_policy=("source.address",)), lb="maglev")
    client, other = await speech.client(world), await speech.client(world)
    found = await fleet.calls(client, WORDS[:3]) + await fleet.calls(other, WORDS[:3])
    assert set(found) == {owner(fleet, "127.0.0.1")}


@over()
async def test_another_address_is_another_value(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(everything(hash_policy=("source.address",)), lb="maglev")
    sources = [f"127.0.0.{n}" for n in range(2, 14)]
    found = [await fleet.call(await speech.client(world, source), "x") for source in sources]
    assert found == [owner(fleet, source) for source in sources]
    assert len(set(found)) > 1


@pytest.mark.parametrize(
    ("key", "path", "fields"),
    [
        ("query.id", "/a?x=1&id={}&id=0", ()),
        ("cookie.session", "/a", ("Cookie: id=0; session={}", "Cookie: session=0")),
        ("path", "/a/{}", ()),
    ],
)
async def test_what_requests_of_http_have(world: World, key: str, path: str, fields: tuple[str, ...]) -> None:
    fleet = Fleet(world, HTTP1).start(everything(hash_policy=(key,)), lb="maglev")
    client = await HTTP1.client(world)
    for value in WORDS:
        await client.peer.send(web.request(path.format(value), None, *(field.format(value) for field in fields)))
        expected = owner(fleet, path.format(value) if key == "path" else value)
        assert (await client.answer()).text == expected


async def test_a_pool_with_one_call_a_connection_keeps_values_together(world: World) -> None:
    fleet = Fleet(world, BOLT).start(everything(hash_policy=(WORD,)), lb="maglev", pool="ping_pong")
    client = await BOLT.client(world)
    assert await fleet.calls(client, WORDS) == [owner(fleet, value) for value in WORDS]


async def test_big_frames_go_where_small_ones_of_their_value_go(world: World) -> None:
    fleet = Fleet(world, BOLT).start(everything(hash_policy=(WORD,)), lb="maglev")
    client = await BOLT.client(world)
    body = bytes(600 * 1024)
    assert [await fleet.call(client, BOLT.word(value, body=body)) for value in WORDS[:8]] == [
        owner(fleet, value) for value in WORDS[:8]
    ]
    assert {each["lane"] for place in range(3) for each in world.upstreams(place)} == {"bulk"}


async def test_a_host_that_has_no_room_is_passed_over(world: World) -> None:
    """A preference: a call is not refused, nor does it wait, because its own host is full."""
    fleet = Fleet(world, BOLT, 2, answering=False)
    fleet.start(everything(hash_policy=(WORD,)), lb="maglev", pool="ping_pong", max_connections=1)
    value = next(value for value in WORDS if owner(fleet, value) == "a")
    first, second = await BOLT.client(world), await BOLT.client(world)
    await first.ask(BOLT.word(value))
    asked = await fleet.hosts["a"].take()
    await second.ask(BOLT.word(value))
    await fleet.hosts["b"].serve()
    assert (await second.answer()).text == "b"
    await asked.answer("a")
    assert (await first.answer()).text == "a"


@over()
async def test_a_host_that_leaves_moves_few_others(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech, 5).start(everything(hash_policy=(speech.key,)), lb="maglev")
    client = await speech.client(world)
    words = [f"w{n}" for n in range(200)]
    before = dict(zip(words, await fleet.calls(client, words), strict=True))
    main = world.snapshot.clusters["main"]
    kept = tuple(host for host in main.hosts if host != fleet.address("c"))
    world.change(clusters={"main": msgspec.structs.replace(main, hosts=kept[::-1])})
    after = dict(zip(words, await fleet.calls(client, words), strict=True))
    assert list(after.values()) == [owner(fleet, value, without="c") for value in words]
    moved = sum(before[value] != after[value] for value in words if before[value] != "c")
    assert moved <= 0.15 * len(words)


@over()
async def test_another_balancer_after_a_reload(world: World, speech: Speech) -> None:
    fleet = Fleet(world, speech).start(everything(hash_policy=(speech.key,)), lb="maglev")
    client = await speech.client(world)
    assert len(set(await fleet.calls(client, ["x"] * 6))) == 1
    world.change(clusters=world.cluster(lb="round_robin"))
    assert len(set(await fleet.calls(client, ["x"] * 6))) == 3
    world.change(clusters=world.cluster(lb="maglev"))
    assert len(set(await fleet.calls(client, ["x"] * 6))) == 1
