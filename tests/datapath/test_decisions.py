"""Where decisions come from: the table is asked once for what it has not seen, and of what the cache cannot hold each time."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.routing import RouteTable
from proxy.routing.keys import PROTOCOL, SOURCE
from proxy.snapshot import HeaderMatch, ProxyProtocol, Route
from tests.datapath import frames
from tests.datapath.frames import request
from tests.datapath.world import Peer, World

ROUTES = (Route("never", (HeaderMatch("service", "exact", "never"),), "main"),)
"""Calls are answered by the proxy: what is tested is before that."""


class Asked:
    """A table that remembers what it was asked."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        table = RouteTable(routes)
        self.keys, self._decide = table.keys, table.decide
        self.asked: list[tuple[bytes | None, ...]] = []

    def decide(self, values: tuple[bytes | None, ...]) -> int:
        self.asked.append(values)
        return self._decide(values)


async def call(client: Peer, service: str) -> None:
    await client.send(request(7, service=service))
    assert frames.status_of(await client.receive()) == 6


def counts(world: World) -> dict[str, int]:
    return {outcome: world.count("route_decisions_total", outcome=outcome) for outcome in ("hit", "miss", "uncached")}


async def test_a_value_is_looked_at_once(world: World) -> None:
    table = Asked(ROUTES)
    world.start(routes=ROUTES, table=table)
    client = await world.client()
    for service in ("a", "a", "b", "a", "b"):
        await call(client, service)
    assert counts(world) == {"hit": 3, "miss": 2, "uncached": 0}
    assert table.asked == [(b"a",), (b"b",)]
    await call(client, "x" * 600)
    await call(client, "x" * 600)
    assert counts(world) == {"hit": 3, "miss": 2, "uncached": 2}
    assert len(table.asked) == 4


async def test_a_cache_that_is_full_forgets_what_is_not_used(world: World) -> None:
    table = Asked(ROUTES)
    world.start(routes=ROUTES, table=table, listener={"max_in_flight": 10_000})
    client = await world.client()
    await call(client, "kept")
    for number in range(5000):
        await call(client, f"s{number}")
        if number % 500 == 0:
            await call(client, "kept")
    await call(client, "s0")
    assert [values for values in table.asked if values == (b"kept",)] == [(b"kept",)]
    assert table.asked.count((b"s0",)) == 2
    assert counts(world)["miss"] == len(table.asked) == 5002


async def test_a_table_that_looks_at_nothing_decides_nothing(world: World) -> None:
    world.start(routes=(Route("all", (), "main"),))
    client = await world.client()
    await client.send(request(7))
    await client.receive()
    assert counts(world) == {"hit": 0, "miss": 0, "uncached": 0}


@pytest.mark.parametrize(("source", "address"), [("127.0.0.1", b"127.0.0.1"), ("127.0.0.9", b"127.0.0.9")])
async def test_what_the_connection_says_is_a_value_like_others(world: World, source: str, address: bytes) -> None:
    routes = (Route("r", tuple(HeaderMatch(key, "exact", "x") for key in (PROTOCOL, "k", SOURCE, ":path")), "main"),)
    table = Asked(routes)
    world.start(routes=routes, table=table)
    client = await world.client(source=source)
    pairs: Any = {"k": "v", SOURCE: "10.0.0.1", PROTOCOL: "dubbo", ":path": "/"}
    block = b"".join(len(text).to_bytes(4, "big") + text.encode() for pair in pairs.items() for text in pair)
    await client.send(request(7, headers=block))
    await client.receive()
    assert dict(zip(table.keys, table.asked[0], strict=True)) == {PROTOCOL: b"bolt", "k": b"v", SOURCE: address, ":path": None}


async def test_the_source_is_who_a_trusted_balancer_names(world: World) -> None:
    routes = (Route("r", (HeaderMatch(SOURCE, "network", "10.0.0.0/8"),), "main"),)
    table = Asked(routes)
    world.start(routes=routes, table=table, listener={"proxy_protocol": ProxyProtocol(("127.0.0.0/8",))})
    for line, address in ((b"PROXY TCP4 192.0.2.7 10.0.0.2 1 2\r\n", b"192.0.2.7"), (b"", b"127.0.0.1")):
        client = await world.client()
        await client.send(line + request(7))
        await client.receive()
        assert table.asked.pop() == (address,)
