"""Calls that are sent again have one answer, whatever happens meanwhile."""

from __future__ import annotations

import pytest

from proxy.snapshot import Retry
from tests.datapath.world import World
from tests.policy.retrying import PAUSE, again, asked, first_of, heard, hosts, number_of, outcome
from tests.policy.scenes import everything, start
from tests.policy.speech.table import HTTP1, Host, Speech, over


@over()
@pytest.mark.parametrize("when", ["pausing", "on its way"])
async def test_a_client_that_goes_takes_its_call_along(world: World, speech: Speech, when: str) -> None:
    sites = [Host(world, speech), Host(world, speech)]
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True)), *sites)
    client = await asked(world, speech)
    call, _, there = await first_of(world, *sites)
    await call.reset()
    await world.until(lambda: outcome(world, "retried") == 1)
    if when == "on its way":
        await world.advance(PAUSE)
        await there.take()
    client.peer.reset()
    await world.until(lambda: world.engine.in_flight() == 0)
    await world.advance(PAUSE)
    assert world.engine.describe()["clusters"]["main"]["retries"] == 0


async def test_a_body_that_is_not_whole_yet_goes_on_to_the_next_host(world: World) -> None:
    one, two = Host(world, HTTP1), Host(world, HTTP1)
    start(world, HTTP1, everything(retry=Retry(on=("reset",), idempotent=True)), one, two)
    client = await HTTP1.client(world)
    await client.peer.send(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
    await world.until(lambda: one.connections or two.connections)
    await world.until(lambda: any(each["state"] == "open" for n in (0, 1) for each in world.upstreams(n)))
    sent = world.count("downstream_rx_bytes_total")
    await world.until(lambda: sum(world.count("upstream_tx_bytes_total", host=h) for h in hosts(world)) >= sent)
    there = two if one.connections else one
    await (one.connections or two.connections)[0].reset()
    await world.until(lambda: outcome(world, "retried") == 1)
    await client.peer.send(b"world")
    await world.advance(PAUSE)
    call = await there.take()
    assert call.body == b"helloworld"
    await call.answer()
    assert (await client.answer()).ok


async def test_a_connection_that_breaks_under_the_last_piece_of_a_body(world: World) -> None:
    one, two = Host(world, HTTP1), Host(world, HTTP1)
    start(world, HTTP1, everything(retry=Retry(on=("reset",), idempotent=True)), one, two)
    client = await HTTP1.client(world)
    await client.peer.send(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 40005\r\n\r\nhello")
    await world.until(lambda: sum(world.count("upstream_tx_bytes_total", host=h) for h in hosts(world)) > 50)
    await world.until(lambda: one.connections or two.connections)
    there = two if one.connections else one
    [broken] = one.connections or two.connections
    await broken.quiet()
    client.peer.sock.send(bytes(40_000))  # both in one turn of the loop, this first
    broken.peer.reset()
    await again(world)
    call = await there.take()
    assert call.body == b"hello" + bytes(40_000)
    await call.answer()
    assert (await client.answer()).ok


@over()
async def test_a_cluster_that_leaves_answers_what_pauses(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True)), site)
    client = await asked(world, speech)
    await (await site.take()).reset()
    await world.until(lambda: outcome(world, "retried") == 1)
    world.change(clusters={}, routes={"table": ()})
    assert not (await heard(client)).ok


@over("numbers")
async def test_a_new_policy_is_for_new_calls(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(retry=Retry(on=("reset",), idempotent=True)), site)
    client = await asked(world, speech)
    call = await site.take()
    [route] = world.snapshot.routes["table"]
    world.change(routes={"table": (type(route)("all", (), "main"),)})
    await call.reset()
    await again(world)
    await (await site.take()).reset()
    await again(world, 2)
    await client.ask(number=8)
    for _ in range(2):
        await (await site.take()).answer()
    assert sorted([await number_of(client), await number_of(client)]) == [7, 8]


@over()
async def test_without_a_policy_nothing_is_kept_or_sent_again(world: World, speech: Speech) -> None:
    site = Host(world, speech)
    start(world, speech, everything(), site)
    client = await asked(world, speech)
    call = await site.take()
    await call.reset()
    assert "closed" in (await heard(client)).faults
    assert not any(outcome(world, name) for name in ("retried", "unsafe", "exhausted", "unkept"))
