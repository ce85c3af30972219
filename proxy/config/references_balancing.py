"""What routes ask of their clusters' balancing, held against what those do.

A setting that would do nothing, and a route of which no call could be answered, are mistakes in a file: they are refused.
As in `references`, this works on the data as read, and skips what has the wrong type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.balancing.subsets import MAX_SUBSETS, Match, match_of
from proxy.config.balancing import NONE
from proxy.config.problems import Path
from proxy.config.raw import Found, items, lists

WITHOUT_HASHES = ("round_robin", "random")


def check(tables: dict[str, Any], clusters: dict[str, Any]) -> Found:
    """What is wrong with the hash policies and metadata of routes, and with clusters' subsets."""
    subsets: dict[str, set[Match]] = {}
    for name, table in tables.items():
        for path, listed in lists(("routes", name), table):
            for index, route in items(listed):
                yield from _hash_policy((*path, index), route, clusters)
                yield from _metadata_match((*path, index), route, clusters, subsets)
    for name, cluster in clusters.items():
        yield from _default(("clusters", name, "subsets"), cluster)


def clusters_of(route: dict[str, Any], clusters: dict[str, Any]) -> Iterator[str]:
    """The names of all clusters that a route may send calls to: with `cluster_from` any that there is."""
    if isinstance(cluster := route.get("cluster"), str):
        yield cluster
    for _, each in items(route.get("clusters")):
        if isinstance(name := each.get("name"), str):
            yield name
    if "cluster_from" in route:
        yield from clusters


def _hash_policy(path: Path, route: dict[str, Any], clusters: dict[str, Any]) -> Found:
    if not route.get("hash_policy"):
        return
    for name in clusters_of(route, clusters):
        cluster = clusters.get(name)
        lb = cluster.get("lb", WITHOUT_HASHES[0]) if isinstance(cluster, dict) else None
        if lb in WITHOUT_HASHES:
            yield (
                (*path, "hash_policy"),
                f"does nothing with cluster {name!r}, which is lb: {lb}; write lb: maglev there, or leave hash_policy out",
            )


def _metadata_match(path: Path, route: dict[str, Any], clusters: dict[str, Any], subsets: dict[str, set[Match]]) -> Found:
    wanted = _pairs(route.get("metadata_match"))
    if not wanted:
        return
    for name in clusters_of(route, clusters):
        cluster = clusters.get(name)
        asked = subsets.setdefault(name, set())
        asked.add(match_of(wanted))
        if len(asked) > MAX_SUBSETS:
            asked.discard(match_of(wanted))
            yield (
                (*path, "metadata_match"),
                f"cluster {name!r} is asked for more than {MAX_SUBSETS} different subsets; write fewer, or another cluster",
            )
        hosts = _metadata_of_hosts(cluster)
        given = cluster.get("subsets") if isinstance(cluster, dict) else None
        fallback = given.get("fallback", NONE) if isinstance(given, dict) else NONE
        if hosts and fallback == NONE and not _some_have(hosts, wanted):
            instead = "write metadata that hosts have, or subsets: {fallback: any} there"
            yield (*path, "metadata_match"), f"no host of cluster {name!r} has {_shown(wanted)}; {instead}"


def _default(path: Path, cluster: Any) -> Found:
    given = cluster.get("subsets") if isinstance(cluster, dict) else None
    wanted = _pairs(given.get("default")) if isinstance(given, dict) else {}
    hosts = _metadata_of_hosts(cluster)
    if wanted and hosts and not _some_have(hosts, wanted):
        yield (*path, "default"), f"no host here has {_shown(wanted)}; write metadata that hosts have"


def _metadata_of_hosts(cluster: Any) -> list[dict[str, str]]:
    hosts = cluster.get("hosts") if isinstance(cluster, dict) else None
    return [
        _pairs(host.get("metadata")) if isinstance(host, dict) else {} for host in (hosts if isinstance(hosts, list) else ())
    ]


def _some_have(hosts: list[dict[str, str]], wanted: dict[str, str]) -> bool:
    return any(wanted.items() <= host.items() for host in hosts)


def _pairs(value: Any) -> dict[str, str]:
    """Metadata as it should be; what is not is the models' to say."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        return {}
    return value


def _shown(metadata: dict[str, str]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in metadata.items())}}}"
