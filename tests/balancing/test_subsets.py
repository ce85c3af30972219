"""Who belongs to a subset, and when a table is made anew."""

from __future__ import annotations

from typing import Any

from proxy.balancing.hashing import wanted
from proxy.balancing.shares import plan
from proxy.balancing.subsets import EVERYONE, Members, asked, match_of, members
from proxy.snapshot import Cluster, Route, Snapshot

METADATA = {"b": {"version": "v1", "zone": "x"}, "c": {"version": "v2", "zone": "x"}, "d": {"version": "v2"}}
V2 = match_of({"version": "v2"})


def cluster(**fields: Any) -> Cluster:
    return Cluster("main", ("d", "c", "b", "a"), metadata=METADATA, **fields)


def test_all_pairs_must_be_there_in_whatever_order() -> None:
    assert members(cluster(), V2) == Members(("d", "c"), False)
    assert members(cluster(), match_of({"zone": "x", "version": "v2"})) == Members(("c",), False)
    assert match_of({"zone": "x", "version": "v2"}) == match_of({"version": "v2", "zone": "x"})
    assert members(cluster(), EVERYONE) == Members(("d", "c", "b", "a"), False)


def test_fallbacks() -> None:
    v3 = match_of({"version": "v3"})
    assert members(cluster(), v3) == Members((), True)
    assert members(cluster(subset_fallback="any"), v3) == Members(("d", "c", "b", "a"), True)
    default = cluster(subset_fallback="default", subset_default={"version": "v1"})
    assert members(default, v3) == Members(("b",), True)
    assert members(default, V2) == Members(("d", "c"), False)


def test_what_routes_ask_for() -> None:
    routes = (
        Route("0", (), "main", metadata_match={"version": "v2"}, hash_policy=("x-user", "service")),
        Route("1", (), "main", metadata_match={"version": "v2"}, hash_policy=("service",)),
        Route("2", (), "main"),
        Route("3", (), "other", metadata_match={"a": "b"}),
    )
    snapshot = Snapshot({}, {"t": routes[:2], "u": routes[2:]}, {})
    assert asked(snapshot) == {"main": (V2,), "other": (match_of({"a": "b"}),)}
    assert wanted(routes) == ("x-user", "service")


def test_tables_are_made_for_hosts_that_are_new_only() -> None:
    first = plan(cluster(lb="maglev"), [V2], {})
    assert list(first) == [EVERYONE, V2]
    assert first[V2].addresses == ("c", "d"), "in an order that all proxies have"
    again = plan(cluster(lb="maglev"), [V2], first)
    assert again[V2].table is first[V2].table
    fewer = plan(Cluster("main", ("c", "d"), "maglev", metadata=METADATA), [V2], first)
    assert fewer[V2].table is first[V2].table
    assert fewer[EVERYONE].table is not first[EVERYONE].table
    assert plan(cluster(), [V2], first)[V2].table is None
