"""The hosts of a cluster that a route's `metadata_match` asks for.

A subset is known by its `Match`: the pairs of metadata that all its hosts have, in order. The empty one is the cluster.
Whether hosts are well does not matter here: a subset whose hosts are all sick is still theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proxy.snapshot import Cluster, ClusterFrom, Route, Snapshot, WeightedClusters

Match = tuple[tuple[str, str], ...]
EVERYONE: Match = ()

MAX_SUBSETS = 64
"""Of one cluster: each has a list of its hosts and, with Maglev, a table of up to 128 KiB in every worker."""


class Members(NamedTuple):
    """The addresses of a subset, in the cluster's order; `fell_back`: they are those of its fallback, which may be none."""

    addresses: tuple[str, ...]
    fell_back: bool


def match_of(metadata: Mapping[str, str]) -> Match:
    """How the subset is known, however its pairs were ordered where they were written."""
    return tuple(sorted(metadata.items()))


def clusters_of(route: Route, clusters: Mapping[str, Cluster]) -> tuple[str, ...]:
    """All that the route may send calls to."""
    if isinstance(route.action, WeightedClusters):
        return tuple(name for name, _ in route.action.clusters)
    if isinstance(route.action, ClusterFrom):
        return tuple(clusters)
    return (route.cluster,) if route.action is None else ()


def asked(snapshot: Snapshot) -> dict[str, tuple[Match, ...]]:
    """By cluster, which subsets its routes ask for; clusters of which only all hosts are asked for are not in it."""
    found: dict[str, dict[Match, None]] = {}
    for route in (route for table in snapshot.routes.values() for route in table if route.metadata_match):
        for cluster in clusters_of(route, snapshot.clusters):
            found.setdefault(cluster, {})[match_of(route.metadata_match)] = None
    return {cluster: tuple(matches) for cluster, matches in found.items()}


def members(cluster: Cluster, match: Match) -> Members:
    """Who belongs to the subset now."""
    if found := _having(cluster, match):
        return Members(found, False)
    if cluster.subset_fallback == "any":
        return Members(cluster.hosts, True)
    if cluster.subset_fallback == "default":
        return Members(_having(cluster, match_of(cluster.subset_default)), True)
    return Members((), True)


def _having(cluster: Cluster, match: Match) -> tuple[str, ...]:
    wanted = dict(match).items()
    return tuple(host for host in cluster.hosts if wanted <= cluster.metadata.get(host, {}).items())
