"""Edits of a table and of its virtual hosts come before those of the route, whatever the route does with its calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.policy.mesh import Mesh
from tests.policy.speech.table import Call, Speech, over

OUTER: dict[str, Any] = {"set": {"x-who": "table", "x-table": "1"}}
ROUTES: list[dict[str, Any]] = [
    {
        "match": {"headers": {"env": "own"}},
        "cluster": "there",
        "request_headers": {"set": {"x-who": "route"}, "remove": ["x-table"]},
    },
    {"match": {"headers": {"env": "weighted"}}, "clusters": [{"name": "there", "weight": 1}, {"name": "here", "weight": 0}]},
    {"match": {"headers": {"env": "named"}}, "cluster_from": "to"},
    {"match": {"headers": {"env": "again"}}, "cluster": "there", "retry": {"on": ["connect_failure"]}},
    {"cluster": "there"},
]
TABLES: dict[str, Any] = {
    "levels": {
        "request_headers": OUTER,
        "virtual_hosts": [
            {"name": "all", "domains": ["*"], "routes": ROUTES},
            {
                "name": "own",
                "domains": ["own.test"],
                "request_headers": {"set": {"x-who": "virtual host"}},
                "routes": [{"cluster": "there"}],
            },
        ],
    }
}


def said(mesh: Mesh, speech: Speech, call: Call) -> dict[str, str]:
    """The two headers as the host got them."""
    mesh.came()
    assert mesh.ask("levels", speech, call).ok
    [got] = mesh.came()["there"]
    return {name: value for name, value in got.headers.items() if name in {"x-who", "x-table"}}


@over("headers", variants=True)
@pytest.mark.parametrize("env", ["plain", "weighted", "named", "again"])
def test_a_table_s_edits_hold_for_all_routes(mesh: Mesh, speech: Speech, env: str) -> None:
    assert said(mesh, speech, Call(headers={"env": env, "to": "there"})) == {"x-who": "table", "x-table": "1"}


@over("headers", variants=True)
def test_a_route_has_the_last_word(mesh: Mesh, speech: Speech) -> None:
    assert said(mesh, speech, Call(headers={"env": "own"})) == {"x-who": "route"}


@over("host", variants=True)
def test_a_virtual_host_comes_between(mesh: Mesh, speech: Speech) -> None:
    assert said(mesh, speech, Call(host="own.test")) == {"x-who": "virtual host", "x-table": "1"}
