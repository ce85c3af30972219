"""Policies and timeouts of a table and a virtual host, at work: the nearest level that says something decides."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from proxy.config.loader import parse
from proxy.config.protocols import load_registry
from proxy.snapshot import Route
from tests.datapath.world import World
from tests.policy.retrying import again, asked, heard
from tests.policy.scenes import start
from tests.policy.speech.table import Host, Speech, over

LOADED = load_registry((), {})
AGAIN: dict[str, Any] = {"on": ["reset"], "idempotent": True}
NOT_THIS: dict[str, Any] = {"on": ["connect_failure"]}


def built(speech: Speech, table: dict[str, Any], host: dict[str, Any], route: dict[str, Any]) -> Route:
    """The one route of a file with these levels."""
    hosts = [{"name": "all", "domains": "*", "routes": [{"cluster": "main", **route}], **host}]
    text = yaml.safe_dump(
        {
            "listeners": [{"name": "in", "address": "127.0.0.1:0", "protocols": speech.protocol, "routes": "table"}],
            "routes": {"table": {"virtual_hosts": hosts, **table}},
            "clusters": {"main": {"hosts": ["127.0.0.1:1"], **speech.cluster}},
        }
    )
    [found] = parse(text, "x.yaml", {}, lambda *_: LOADED).routes["table"]
    return found


@over()
@pytest.mark.parametrize(
    ("table", "host", "route", "retried"),
    [(AGAIN, None, None, True), (NOT_THIS, AGAIN, None, True), (NOT_THIS, NOT_THIS, AGAIN, True), (AGAIN, AGAIN, False, False)],
    ids=["table", "virtual host", "route", "off"],
)
async def test_a_policy(world: World, speech: Speech, table: Any, host: Any, route: Any, retried: bool) -> None:
    site = Host(world, speech)
    levels = [{} if policy is None else {"retry": policy} for policy in (table, host, route)]
    start(world, speech, built(speech, *levels), site)
    client = await asked(world, speech)
    await (await site.take()).reset()
    if retried:
        await again(world)
        await (await site.take()).answer()
    answer = await heard(client)
    assert answer.ok if retried else "closed" in answer.faults


@over()
@pytest.mark.parametrize(("host", "route", "after"), [(None, None, 2.0), ("1s", None, 1.0), ("1s", "500ms", 0.5)])
async def test_a_timeout(world: World, speech: Speech, host: Any, route: Any, after: float) -> None:
    site = Host(world, speech)
    levels = [{} if timeout is None else {"timeout": timeout} for timeout in ("2s", host, route)]
    start(world, speech, built(speech, *levels), site)
    client = await asked(world, speech)
    await site.take()
    await world.advance(after - 0.1)
    assert world.engine.in_flight() == 1
    await world.advance(0.15)
    assert "timeout" in (await heard(client)).faults
