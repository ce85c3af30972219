"""Policies and timeouts of a table and a virtual host, at work: the nearest level that says something decides."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from proxy.config.loader import parse
from proxy.config.protocols import load_registry
from proxy.snapshot import Route
from tests.datapath.world import World
from tests.policy.speakers import ALL, OK, Site, Speaker, start

LOADED = load_registry((), {})
AGAIN: dict[str, Any] = {"on": ["reset"], "idempotent": True}
NOT_THIS: dict[str, Any] = {"on": ["connect_failure"]}

each = pytest.mark.parametrize("speaker", ALL, ids=lambda speaker: speaker.name)


def built(speaker: Speaker, table: dict[str, Any], host: dict[str, Any], route: dict[str, Any]) -> Route:
    """The one route of a file with these levels."""
    hosts = [{"name": "all", "domains": "*", "routes": [{"cluster": "main", **route}], **host}]
    text = yaml.safe_dump(
        {
            "listeners": [{"name": "in", "address": "127.0.0.1:0", "protocols": speaker.protocol, "routes": "table"}],
            "routes": {"table": {"virtual_hosts": hosts, **table}},
            "clusters": {"main": {"hosts": ["127.0.0.1:1"], **speaker.cluster}},
        }
    )
    [found] = parse(text, "x.yaml", {}, lambda *_: LOADED).routes["table"]
    return found


def started(world: World, speaker: Speaker, route: Route, *sites: Site) -> None:
    start(world, speaker, route.retry, *sites, route={"timeout": route.timeout})


@each
@pytest.mark.parametrize(
    ("table", "host", "route", "retried"),
    [(AGAIN, None, None, True), (NOT_THIS, AGAIN, None, True), (NOT_THIS, NOT_THIS, AGAIN, True), (AGAIN, AGAIN, False, False)],
    ids=["table", "virtual host", "route", "off"],
)
async def test_a_policy(world: World, speaker: Speaker, table: Any, host: Any, route: Any, retried: bool) -> None:
    site = Site(world, speaker)
    levels = [{} if policy is None else {"retry": policy} for policy in (table, host, route)]
    started(world, speaker, built(speaker, *levels), site)
    client = await speaker.client(world)
    await client.ask(7)
    await (await site.call()).reset()
    if retried:
        await world.until(lambda: world.count("retries_total", outcome="retried") == 1)
        await world.advance(0.3)
        await (await site.call()).answer(OK)
    assert await client.answer() == (7, OK if retried else speaker.closed)


@each
@pytest.mark.parametrize(("host", "route", "after"), [(None, None, 2.0), ("1s", None, 1.0), ("1s", "500ms", 0.5)])
async def test_a_timeout(world: World, speaker: Speaker, host: Any, route: Any, after: float) -> None:
    site = Site(world, speaker)
    levels = [{} if timeout is None else {"timeout": timeout} for timeout in ("2s", host, route)]
    started(world, speaker, built(speaker, *levels), site)
    client = await speaker.client(world)
    await client.ask(7)
    await site.call()
    await world.advance(after - 0.1)
    assert world.engine.in_flight() == 1
    await world.advance(0.15)
    assert await client.answer() == (7, speaker.timed_out)
