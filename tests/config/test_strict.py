"""What would do nothing, or fail with each call, is refused; what an operator may want is not."""

from __future__ import annotations

import pytest

from proxy.config.protocols import load_registry
from tests.config.cases import cluster, listener
from tests.config.cases_actions import THERE
from tests.config.cases_actions import route as acting
from tests.config.cases_routing import ROUTES, hosted
from tests.config.fakes import SMALLEST, Registry, errors

LOADED = Registry(**load_registry((), {}))
EMPTY = "has no routes, so its calls go nowhere; write one, perhaps with a direct_response"
AHEAD = "write it before that one, or leave it out"
HOST = "write a name or an address, perhaps with a port: shop.internal:8080"


def table(*routes: str) -> str:
    """The smallest file with these routes (from line 7 on)."""
    assert ROUTES in SMALLEST
    return SMALLEST.replace(ROUTES, "".join(f"    - {{{route}}}\n" for route in routes))


HIDDEN = [
    (
        ("cluster: echo", "cluster: echo, match: {service: a}"),
        f"8: routes.main[1]: never gets a call, since routes.main[0] (line 7) takes every call; {AHEAD}",
    ),
    (
        ("match: {service: a}, cluster: echo", "cluster: echo", "match: {service: b}, cluster: echo"),
        f"9: routes.main[2]: never gets a call, since routes.main[1] (line 8) takes every call; {AHEAD}",
    ),
    (
        ("match: {service: a, method: b}, cluster: echo", "match: {method: b, service: a}, cluster: echo, timeout: 1s"),
        f"8: routes.main[1]: never gets a call, since routes.main[0] (line 7) has the same match; {AHEAD}",
    ),
    (
        ("match: {host: [a, b]}, cluster: echo", "match: {host: c}, cluster: echo", "match: {host: [a, b]}, cluster: echo"),
        f"9: routes.main[2]: never gets a call, since routes.main[0] (line 7) has the same match; {AHEAD}",
    ),
]


@pytest.mark.parametrize(("routes", "expected"), HIDDEN)
def test_routes_that_never_get_a_call(routes: tuple[str, ...], expected: str) -> None:
    assert errors(table(*routes)) == [expected]


@pytest.mark.parametrize(
    "routes",
    [
        ("match: {service: a}, cluster: echo", "cluster: echo"),
        ("match: {service: a}, cluster: echo", "match: {service: a, method: b}, cluster: echo"),
        ("match: {service: a}, cluster: echo", "match: {headers: {service: a}}, cluster: echo"),
        ("match: {expression: \"service == 'a'\"}, cluster: echo", "match: {expression: \"service == 'b'\"}, cluster: echo"),
    ],
)
def test_routes_that_may_get_one(routes: tuple[str, ...]) -> None:
    assert errors(table(*routes)) == []


def test_virtual_hosts_are_looked_at_one_by_one() -> None:
    assert errors(hosted(["{name: a, domains: a, routes: [{cluster: echo}]}",
                          "{name: b, domains: b, routes: [{cluster: echo}, {cluster: echo, match: {path: /}}]}"])) == [
        ("9: routes.main.virtual_hosts[1].routes[1]: never gets a call, since routes.main.virtual_hosts[1].routes[0] (line 9)"
        f" takes every call; {AHEAD}")
    ]  # fmt: skip


@pytest.mark.parametrize("routes", ["", ", routes: []"])
def test_a_virtual_host_without_routes(routes: str) -> None:
    assert errors(hosted([f"{{name: a, domains: a{routes}}}"])) == [f"8: routes.main.virtual_hosts[0]: {EMPTY}"]


def test_a_table_without_routes() -> None:
    empty = SMALLEST.replace(f"  main:\n{ROUTES}", "  main: []\n")
    assert errors(empty) == [f"6: routes.main: {EMPTY}"]
    for instead in ("fallback: {cluster: echo}", "filters: [{name: rate_limit, rate: 1}]"):
        assert errors(empty.replace("    routes: main\n", f"    routes: main\n    {instead}\n")) == []


def test_lists_that_may_be_empty() -> None:
    assert errors(listener("filters: []")) == []
    assert errors(acting("cluster: echo\n      mirror: []")) == []


def retry(policy: str, more: str = "", protocols: str = "bolt", of: str = "cluster: echo") -> str:
    """A route with a policy (on line 10)."""
    return acting(f"{of}\n      retry: {policy}", protocols=protocols) + more


R = "10: routes.main[0].retry"
RETRIES = [
    (
        retry("{per_try_timeout: 60s}"),
        f"{R}.per_try_timeout: 60s leaves no time of the timeout of cluster 'echo' (60s) for another try; write a shorter one",
    ),
    (
        retry("{per_try_timeout: 2s}", "    timeout: 1s\n", of="clusters: [{name: echo, weight: 1}, {name: other, weight: 1}]"),
        f"{R}.per_try_timeout: 2s leaves no time of the timeout of cluster 'other' (1s) for another try; write a shorter one",
    ),
    (
        retry("{back_off: {base: 1m, max: 2m}}"),
        f"{R}.back_off.base: a pause of up to 60s leaves no time of the timeout of cluster 'echo' (60s); write a shorter one",
    ),
    (
        retry("{back_off: {base: 1s, max: 2s}}\n      timeout: 1s"),
        f"{R}.back_off.base: a pause of up to 1s leaves no time of the timeout (1s); write a shorter one",
    ),
    (
        retry("{}", "    retry_budget: {percent: 0, min_concurrent: 0}\n", of="cluster: other"),
        f"{R}: retry_budget of cluster 'other' allows no retry at all; write more there, or retry: false",
    ),
    (
        retry("{idempotent: {methods: [GET, get]}}", protocols="http1"),
        f"{R}.idempotent.methods[1]: 'get' is not the method GET, case counts; write GET",
    ),
]


@pytest.mark.parametrize(("text", "expected"), RETRIES, ids=[case[1][:60] for case in RETRIES])
def test_retries_that_never_come(text: str, expected: str) -> None:
    assert errors(text, LOADED) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        retry("{per_try_timeout: 70s}\n      timeout: 0"),
        retry("{per_try_timeout: 70s}\n      timeout: 80s"),
        retry("{per_try_timeout: 59s}"),
        retry("{}", "    retry_budget: {percent: 0}\n", of="cluster: other"),
        retry("{}", "    retry_budget: {percent: 0, min_concurrent: 0}\n"),
        retry("{idempotent: {methods: [get]}}", protocols="bolt"),
        retry("{idempotent: {methods: [get]}}", protocols="http2"),
        retry("{idempotent: {methods: [PURGE, purge]}}", protocols="http1"),
        retry("{}", "    retry_budget: {percent: 0, min_concurrent: 0}\n",
              of="clusters: [{name: echo, weight: 1}, {name: other, weight: 1}]"),
    ],
)  # fmt: skip
def test_retries_that_may(text: str) -> None:
    assert errors(text, LOADED) == []


FOR_RETRIES = "its default for retries: "
DEFAULTS = [
    (
        "retry: {per_try_timeout: 61s}",
        f"{FOR_RETRIES}61s leaves no time of the timeout of cluster 'echo' (60s) for another try; write a shorter one",
    ),
    (
        "retry: {back_off: {base: 2m, max: 3m}}",
        f"{FOR_RETRIES}a pause of up to 120s leaves no time of the timeout of cluster 'echo' (60s); write a shorter one",
    ),
]


@pytest.mark.parametrize(("given", "said"), DEFAULTS)
def test_defaults_for_which_there_is_no_time(given: str, said: str) -> None:
    text = hosted(["{name: a, domains: a, routes: [{cluster: echo}]}"]).replace("clusters:\n", f"    {given}\nclusters:\n")
    assert errors(text, LOADED) == [f"8: routes.main.virtual_hosts[0].routes[0]: {said}"]


def test_a_cluster_may_have_no_budget_for_a_default() -> None:
    text = hosted(["{name: a, domains: a, routes: [{match: {path: /}, cluster: echo}, {cluster: echo, retry: {}}]}"])
    text = text.replace("clusters:\n", "    retry: {}\nclusters:\n") + "    retry_budget: {percent: 0, min_concurrent: 0}\n"
    at = "8: routes.main.virtual_hosts[0].routes[1].retry"
    said = "retry_budget of cluster 'echo' allows no retry at all; write more there, or retry: false"
    assert errors(text, LOADED) == [f"{at}: {said}"]


WRONG = [
    (
        acting("cluster: echo\n      timeout: 1us"),
        "10: routes.main[0].timeout: 1us is out of range; write 0, or between 0.001s and 604800s",
    ),
    (cluster("idle_timeout: 0.0001"), ("12: clusters.echo.idle_timeout: 0.0001 is out of range; write 0, or between 0.001s and"
     " 604800s")),
    (
        acting("cluster_from: 'x c'"),
        f"{THERE}.cluster_from: 'x c' is no header's name; write one without spaces, such as x-cluster",
    ),
    (
        acting("cluster_from: {header: ''}"),
        f"{THERE}.cluster_from.header: '' is no header's name; write one without spaces, such as x-cluster",
    ),
    (acting("cluster: echo\n      rewrite: {host: 'a b'}"), f"10: routes.main[0].rewrite.host: 'a b' is no host; {HOST}"),
    (acting("cluster: echo\n      rewrite: {host: 'b://a'}"), f"10: routes.main[0].rewrite.host: 'b://a' is no host; {HOST}"),
    (acting("cluster: echo\n      rewrite: {host: ':80'}"), f"10: routes.main[0].rewrite.host: ':80' is no host; {HOST}"),
    (acting("cluster: echo\n      rewrite: {host: '%%'}"), f"10: routes.main[0].rewrite.host: '%%' is no host; {HOST}"),
    (
        acting("cluster: echo\n      rewrite: {host: '*.a'}"),
        "10: routes.main[0].rewrite.host: '*.a' is many hosts; write the one that calls are for",
    ),
    (
        acting("cluster: echo\n      rewrite: {host: 'a:65536'}"),
        "10: routes.main[0].rewrite.host: 'a:65536' has no port behind its colon; write 1 to 65535 there",
    ),
    (
        acting("cluster: echo\n      rewrite: {host: '%request_header(x)%/a'}"),
        f"10: routes.main[0].rewrite.host: '/' is in no host; {HOST}",
    ),
    (
        acting("cluster: echo", "{protocol: dubbo}", protocols="bolt"),
        "8: routes.main[0].match.protocol: no listener of this table speaks 'dubbo'; write one of: bolt",
    ),
    (
        acting("cluster: echo", "{protocol: [bolt, grpc, http1]}", protocols="[bolt, http1]"),
        "8: routes.main[0].match.protocol[1]: no listener of this table speaks 'grpc'; write one of: bolt, http1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[case[1][:70] for case in WRONG])
def test_one_error_gives_one_line(text: str, expected: str) -> None:
    assert errors(text, LOADED) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        *(acting(f"cluster: echo\n      rewrite: {{host: '{host}'}}") for host in
          ("Shop.test", "shop.test:8080", "10.0.0.1:80", "[::1]", "[::1]:80", "%request_header(x)%", "%host%.test:80")),
        acting("cluster_from: x-c"),
        acting("cluster: echo", "{protocol: grpc}", protocols="http2"),
        acting("cluster: echo", "{protocol: [thrift, grpc]}"),
        acting("cluster: echo\n      timeout: 0"),
        acting("cluster: echo\n      timeout: 1ms"),
    ],
)  # fmt: skip
def test_what_is_right(text: str) -> None:
    assert errors(text, LOADED) == []
