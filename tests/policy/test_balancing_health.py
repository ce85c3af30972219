"""Hosts that health checks hold for unhealthy: of a subset, and where a hash decides."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.snapshot import GrpcCheck, HealthCheck
from tests.datapath.h2peer import client_of
from tests.datapath.test_health import NOT_SERVING, SERVING, pair, served, turns
from tests.datapath.web import ROUTES
from tests.datapath.world import World


def change(world: World, lb: str = "round_robin", metadata: dict[str, dict[str, str]] | None = None, **route: Any) -> None:
    routes = tuple(msgspec.structs.replace(each, **route) for each in ROUTES)
    world.change(routes={"table": routes}, clusters=world.cluster(lb=lb, metadata=metadata or {}, subset_fallback="any"))


@pytest.mark.parametrize(("threshold", "panics"), [(0, False), (1, True)])
async def test_a_subset_panics_by_itself(world: World, threshold: int, panics: bool) -> None:
    """Its only host is sick: it is used or not as `panic_threshold` says, and no other host stands in."""
    check = HealthCheck(GrpcCheck(), panic_threshold=threshold)
    backends, servers = await pair(world, SERVING, NOT_SERVING, check=check)
    change(world, metadata={backends[1].address: {"version": "v2"}}, metadata_match={"version": "v2"})
    client = await client_of(world)
    if panics:
        assert await served(world, client, *servers) == [1, 1, 1, 1]
    else:
        assert (await client.answer(await client.ask("/a"))).fields[":status"] == "503"
        await turns(world)


@pytest.mark.parametrize("sick", [0, 1])
async def test_a_sick_hosts_values_go_to_another(world: World, sick: int) -> None:
    """The same for each of two hosts, of which the value is one's."""
    said = [SERVING, SERVING]
    said[sick] = NOT_SERVING
    _, servers = await pair(world, *said)
    change(world, "maglev", hash_policy=("path",))
    assert await served(world, await client_of(world), *servers) == [1 - sick] * 4


async def test_all_are_well(world: World) -> None:
    _, servers = await pair(world)
    change(world, "maglev", hash_policy=("path",))
    assert len(set(await served(world, await client_of(world), *servers))) == 1
