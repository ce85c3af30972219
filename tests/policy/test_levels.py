"""Edits of a table and of its virtual hosts come before those of the route, whatever the route does with its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.policy.calls import Call

if TYPE_CHECKING:
    from tests.policy.conftest import Mesh

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


def said(mesh: Mesh, protocol: str, call: Call) -> dict[str, str]:
    """The two headers as the host got them."""
    mesh.there.take()
    mesh.here.take()
    mesh.ask("levels", protocol, call)
    (got,) = mesh.there.take()
    text = got.frame.decode("latin-1")
    if got.fields:
        return {name: value for name, value in got.fields.items() if name in ("x-who", "x-table")}
    return {"text": text}


@pytest.mark.parametrize("env", ["plain", "weighted", "named", "again"])
@pytest.mark.parametrize("protocol", ["bolt", "dubbo", "thrift-header", "http1", "grpc"])
def test_a_table_s_edits_hold_for_all_routes(mesh: Mesh, protocol: str, env: str) -> None:
    found = said(mesh, protocol, Call(headers={"env": env, "to": "there"}))
    if "text" in found:
        assert "x-who" in found["text"]
        assert "table" in found["text"]
    else:
        assert found == {"x-who": "table", "x-table": "1"}


@pytest.mark.parametrize("protocol", ["bolt", "dubbo", "thrift-header", "http1", "grpc"])
def test_a_route_has_the_last_word(mesh: Mesh, protocol: str) -> None:
    found = said(mesh, protocol, Call(headers={"env": "own"}))
    if "text" in found:
        assert "route" in found["text"]
        assert "x-table" not in found["text"]
    else:
        assert found == {"x-who": "route"}


@pytest.mark.parametrize("protocol", ["http1", "grpc"])
def test_a_virtual_host_comes_between(mesh: Mesh, protocol: str) -> None:
    assert said(mesh, protocol, Call(host="own.test")) == {"x-who": "virtual host", "x-table": "1"}
