"""What the tests of retries share: what becomes of a call that is sent again."""

from __future__ import annotations

from proxy.snapshot import RetryBudget
from tests.datapath.world import World
from tests.policy.speech.table import Answer, Asked, Client, Host, Speech

PAUSE = 0.3
"""Longer than any pause between two tries."""
EVERYTHING = RetryBudget(percent=100)


def outcome(world: World, name: str) -> int:
    return world.count("retries_total", outcome=name)


async def again(world: World, times: int = 1) -> None:
    """Waits until a call pauses, for the so manyth time, and lets the pause be over."""
    await world.until(lambda: outcome(world, "retried") == times)
    await world.advance(PAUSE)


async def first_of(world: World, *sites: Host) -> tuple[Asked, Host, Host]:
    """The call that one of two hosts gets, that host, and the other one."""
    await world.until(lambda: any(site.calls.qsize() for site in sites))
    one, other = sites if sites[0].calls.qsize() else sites[::-1]
    return await one.take(), one, other


async def asked(world: World, speech: Speech, body: bytes = b"") -> Client:
    client = await speech.client(world)
    await client.ask(body=body)
    return client


async def heard(client: Client, number: int = 7) -> Answer:
    """The answer to the call of this number."""
    answer = await client.answer()
    assert answer.number == number
    return answer


async def good(client: Client, number: int = 7) -> bool:
    return (await heard(client, number)).ok


async def number_of(client: Client) -> int:
    """Of a call that went well."""
    answer = await client.answer()
    assert answer.ok
    return answer.number


def same(answer: Answer, other: Answer) -> bool:
    return (answer.code, answer.text) == (other.code, other.text)


def late(world: World) -> int:
    hosts = world.snapshot.clusters["main"].hosts
    return sum(world.count("upstream_dropped_answers_total", host=host, reason="late") for host in hosts)


def hosts(world: World) -> tuple[str, ...]:
    return world.snapshot.clusters["main"].hosts
