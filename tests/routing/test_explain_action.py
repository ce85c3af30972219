"""What `xproto explain-route` says is done with a call: its text, a line for each thing, and the same as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from proxy.cli import main

pytestmark = pytest.mark.usefixtures("loaded_once")
CONFIGURATION = """
listeners:
  - name: web
    address: "127.0.0.1:0"
    protocols: [http1, http2, bolt]
    routes: main
    filters:
      - {name: fault, abort: {percent: 1, http_status: 503}}
      - {name: rate_limit, rate: 10}
routes:
  main:
    timeout: 5s
    retry: {on: [connect_failure, 429]}
    request_headers: {set: {x-mesh: blue}}
    virtual_hosts:
      - name: shop
        domains: shop.test
        timeout: 2s
        request_headers: {append: {x-hops: "%route%"}}
        response_headers: {remove: [server]}
        filters: {fault: false}
        routes:
          - name: carts
            match: {path: {prefix: /v1/carts/}}
            cluster: carts
            timeout: 500ms
            retry:
              on: [reset, timeout, unavailable, 5xx]
              retriable_headers: [x-again]
              attempts: 1
              per_try_timeout: 200ms
              idempotent: {methods: [GET, get]}
            rewrite: {prefix: /v2/carts/, host: "carts.internal"}
            request_headers: {remove: [x-debug], set: {x-env: "%request_header(env)%"}}
            response_headers: {set: {x-served-by: "%upstream_host%"}}
            mirror: [{cluster: shadow, percent: 2.5}, {cluster: v1}]
            hash_policy: [{cookie: session}, {header: x-user}, {source_address: true}]
            metadata_match: {version: v2}
            filters: {rate_limit: {rate: 3}}
          - {name: split, match: {path: /split}, clusters: [{name: v1, weight: 3}, {name: v2, weight: 1}], timeout: 0}
          - {name: named, match: {path: /named}, cluster_from: {header: x-cluster, default: v1}, retry: off}
          - {name: asked, match: {path: /asked}, cluster_from: x-cluster}
          - {name: old, match: {path: {prefix: /old/}}, redirect: {status: 308, scheme: https, prefix: /n/, strip_query: true}}
          - {name: down, match: {path: /down}, direct_response: {status: 503, body: "down for maintenance"}}
      - name: rest
        domains: "*"
        retry: false
        routes:
          - {name: down, match: {service: S}, direct_response: {status: 503}}
          - {name: quiet, match: {method: tell}, cluster: v1, oneway: true}
          - {name: plain, cluster: v2}
clusters:
  carts: {hosts: [], lb: maglev}
  shadow: {hosts: []}
  v1: {hosts: [], timeout: 1s}
  v2: {hosts: []}
"""


def run(file: Path, path: str, *options: str, protocol: str = "http1", host: str = "shop.test") -> list[str]:
    """The lines from the route on, up to those of all routes."""
    words = ["explain-route", str(file), "--protocol", protocol, "--path", path, "--host", host, *options]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    return [line for line in told.output.splitlines()[2:] if not line.startswith((" ", "absent: "))]


def test_all_that_a_route_can_say(file: Path) -> None:
    assert run(file, "/v1/carts/7", "--header", "x-user=ann", "--source", "10.0.0.1") == [
        "route: shop/carts, to cluster carts",
        "timeout: 500ms (route)",
        (
            "retry: on reset, timeout, unavailable, 5xx, header x-again; 1 time at most; 200ms a try; pauses of up to 25ms,"
            " later 250ms; idempotent: GET, get (route)"
        ),
        "rewrite: host becomes carts.internal, prefix of the path becomes /v2/carts/",
        "request headers: set x-mesh: blue (table)",
        "request headers: append x-hops: %route% (virtual host)",
        "request headers: remove x-debug, set x-env: %request_header(env)% (route)",
        "response headers: remove server (virtual host)",
        "response headers: set x-served-by: %upstream_host% (route)",
        "mirror: 2.5 % to shadow, 100 % to v1",
        "host by the hash of: cookie session (absent), header x-user ('ann'), source_address ('10.0.0.1')",
        "hosts with: version=v2",
        'filters: fault off (virtual host); rate_limit {"rate": 3.0, "burst": 3.0, "max_keys": 10000} (route)',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("/split", (), ["route: shop/split, to cluster v1 (75 %) or v2 (25 %)", "timeout: none (route)"]),
        ("/named", (), ["route: shop/named, to cluster v1, the default: x-cluster names none", "timeout: 2s (virtual host)"]),
        ("/named", ("--header", "x-cluster=v2"), ["route: shop/named, to cluster v2, which x-cluster names"]),
        (
            "/named", ("--header", "x-cluster=v3"),
            ["route: shop/named, to cluster v1, the default: there is no cluster 'v3', as x-cluster says"],
        ),
        ("/asked", (), ["route: shop/asked, and to no cluster: x-cluster names none"]),
        ("/old/a", (), ["route: shop/old, redirected with 308: scheme https, prefix becomes /n/, without the query"]),
        ("/down", (), ["route: shop/down, answered here with status 503, 'down for maintenance'"]),
    ],
)  # fmt: skip
def test_where_calls_go(file: Path, path: str, options: tuple[str, ...], expected: list[str]) -> None:
    assert run(file, path, *options)[: len(expected)] == expected


def test_an_answer_of_the_proxy_has_no_more_to_tell(file: Path) -> None:
    assert [line.partition(":")[0] for line in run(file, "/down")] == ["route", "filters"]


@pytest.mark.parametrize(
    ("protocol", "options", "expected"),
    [
        ("bolt", ("--header", "service=S"), "route: rest/down, answered here with the error overload"),
        ("grpc", ("--header", "service=S"), "route: rest/down, answered here with status unavailable"),
    ],
)
def test_answers_are_said_in_the_call_s_protocol(file: Path, protocol: str, options: tuple[str, ...], expected: str) -> None:
    assert run(file, "/", *options, protocol=protocol, host="b.test")[0] == expected


def test_a_redirect_is_http_s_alone(file: Path) -> None:
    assert run(file, "/old/a", protocol="grpc")[0] == "route: shop/old, and has none: a redirect is HTTP's alone"


def test_what_the_levels_around_a_route_say(file: Path) -> None:
    assert run(file, "/split")[2] == (
        "retry: on connect_failure, 429; 2 times at most; pauses of up to 25ms, later 250ms; idempotent: as HTTP's method says"
        " (table)"
    )
    assert run(file, "/named")[2] == "retry: off (route)"
    assert run(file, "/", host="b.test")[1:3] == ["timeout: 5s (table)", "retry: off (virtual host)"]


def test_a_oneway(file: Path) -> None:
    assert "oneway: nobody waits for an answer" in run(file, "/", "--header", "method=tell", protocol="bolt", host="b.test")


def test_the_cluster_s_timeout(tmp_path: Path) -> None:
    def told(action: str) -> Any:
        (tmp_path / "x.yaml").write_text(
            "listeners: [{name: a, address: '127.0.0.1:0', routes: r, protocols: bolt}]\n"
            "clusters: {a: {hosts: [], timeout: 1s}, b: {hosts: []}}\n"
            f"routes: {{r: [{{{action}}}]}}\n"
        )
        return CliRunner().invoke(main, ["explain-route", str(tmp_path / "x.yaml")]).output.splitlines()[2]

    assert told("cluster: a") == "timeout: 1s (cluster)"
    assert told("clusters: [{name: a, weight: 1}, {name: b, weight: 0}]") == "timeout: 1s (cluster)"
    assert told("clusters: [{name: a, weight: 1}, {name: b, weight: 1}]") == "timeout: the cluster's"


def test_the_same_as_data(file: Path) -> None:
    words = ["explain-route", str(file), "--protocol", "http1", "--host", "shop.test", "--json", "--path"]
    told = json.loads(CliRunner().invoke(main, [*words, "/v1/carts/7"]).output)
    done = told["done"]
    assert told["cluster"] == "carts"
    assert done["action"] == {"kind": "cluster", "cluster": "carts"}
    assert done["timeout"] == {"seconds": 0.5, "of": "route"}
    assert (done["retry"]["on"], done["retry"]["idempotent"], done["retry"]["of"]) == (
        ["reset", "timeout", "unavailable", "5xx"], ["GET", "get"], "route",
    )  # fmt: skip
    assert done["request_headers"][0] == {"op": "set", "name": "x-mesh", "value": "blue", "of": "table"}
    assert done["rewrite"] == {"prefix": "/v2/carts/", "host": "carts.internal"}
    assert done["filters"][0] == {"name": "fault", "asked": False, "settings": None, "of": "virtual host"}
    assert json.loads(CliRunner().invoke(main, [*words, "/split"]).output)["done"]["action"]["clusters"][0] == {
        "name": "v1", "weight": 3, "percent": 75.0,
    }  # fmt: skip
    nothing = json.loads(CliRunner().invoke(main, [*words, "/nothing"]).output)
    assert (nothing["done"], nothing["cluster"], nothing["matched"]) == (None, None, None)
