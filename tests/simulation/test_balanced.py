"""The same world with subsets and hashes: calls that may go to some hosts only wait, move and are answered like all others.

What is wrong is raised by the ledger and the audit.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import Any

import msgspec
import pytest

from proxy.snapshot import Snapshot
from tests.simulation import configuration
from tests.simulation.scenario import draw
from tests.simulation.world import run

SEEDS = range(1, 13)
CALLS = 500


def balanced(seed: int, found: Snapshot) -> Snapshot:
    """Of three routes one asks for half of the hosts; hosts and metadata change with each configuration."""
    echo, web = found.routes["table"]
    name, cluster = echo.cluster, found.clusters[echo.cluster]
    versions = cycle(("v1", "v2") if seed % 5 else ("v1",))
    routes = (
        msgspec.structs.replace(echo, metadata_match={"version": "v2"}, hash_policy=("service",) if seed % 3 else ()),
        msgspec.structs.replace(web, hash_policy=("path",), metadata_match={"version": "v1"} if seed % 2 else {}),
    )
    changed = msgspec.structs.replace(
        cluster, lb=("maglev", "round_robin", "maglev", "random")[seed % 4], subset_fallback="any",
        metadata={host: {"version": next(versions)} for host in cluster.hosts},
    )  # fmt: skip
    return msgspec.structs.replace(found, routes={"table": routes}, clusters=found.clusters | {name: changed})


@pytest.mark.parametrize("alone", [False, True], ids=["shared", "alone"])
def test_calls_of_subsets(monkeypatch: pytest.MonkeyPatch, alone: bool) -> None:
    plain = configuration._snapshot
    for seed in SEEDS:
        scenario = draw(seed, CALLS)
        if alone:
            scenario = replace(scenario, faults=tuple(dict.fromkeys((*scenario.faults, "alone"))))

        def made(*arguments: Any, seed: int = seed) -> Snapshot:
            return balanced(seed, plain(*arguments))

        monkeypatch.setattr(configuration, "_snapshot", made)
        assert run(scenario).delivered
