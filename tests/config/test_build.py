"""Valid files: what workers are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy import snapshot as s
from proxy.config.loader import load
from proxy.config.schema import Config
from proxy.config.table_keys import MAX_KEYS
from tests.config.fakes import SMALLEST, Registry, snapshot
from xproto import registry

FULL = """\
listeners:
  - name: mesh
    address: ${IP:-127.0.0.1}:9200
    protocols: [bolt, dubbo]
    routes: main
    detect: {bytes: 32, timeout: 250ms}
    max_connections: 9
    max_in_flight: 10
    out_buffer_limit: 64KiB
    idle_timeout: 0
    proxy_protocol: {trusted: [10.0.0.0/8, "2001:db8::/32", 192.0.2.1], required: true}
    fallback: {cluster: echo, idle_timeout: 5s}
    http:
      trusted: [10.0.0.0/8, unix]
      forwarded: false
      request_id: false
      via: mesh.example.com
      upgrades: [WebSocket, tls/1.3]
      connect: true
      tunnel_idle_timeout: 0
      header_timeout: 3s
    access_log: {path: /var/log/xproto/access.log, format: text}
  - name: local
    address: "unix:/run/mesh.sock"
    protocols: bolt
    routes: main
    proxy_protocol: [unix]
    access_log: ./logs/../access.log
  - {name: six, address: "[0:0::1]:0", routes: none-match, fallback: close}
routes:
  main:
    - match:
        headers:
          service: "com.test.EchoService:1.0"
          a: {exact: x, invert: true}
          b: {prefix: x}
          c: {suffix: x}
          d: {regex: "x+"}
          e: {present: true}
          f: {present: false}
          g: {present: false, invert: true}
          h: {exact: ""}
      cluster: echo
      timeout: 1.5
      name: first
    - cluster: empty
  none-match: [{cluster: empty}]
clusters:
  echo:
    lb: random
    hosts: [127.0.0.1:9100, {address: "unix:/run/echo.sock"}]
    pool: multiplexed
    http: http2
    connect_timeout: 1s
    timeout: 2m
    max_connections: 2
    max_pending: 5
    max_in_flight: 3
    out_buffer_limit: 1MiB
    idle_timeout: 4s
    keepalive: {interval: 5s, timeout: 6s, misses: 7}
    backoff: {base: 8ms, max: 9s}
  empty: {hosts: []}
  checked:
    hosts: []
    http: http2
    health_check:
      grpc: {service: shop.Carts, authority: "carts.test:443"}
      interval: 2s
      timeout: 300ms
      unhealthy_threshold: 4
      healthy_threshold: 1
      panic_threshold: 50
  briefly: {hosts: [], http: http2, health_check: {grpc: {}}}
protocol_specs: [./mine.py]
protocol_options: {dubbo: {serializations: [hessian2]}}
admin: {address: 0.0.0.0:9901, allow_remote: true}
workers: 2
drain_timeout: 0
"""


def test_every_field_arrives(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    match = s.HeaderMatch
    made = snapshot(FULL, file=str(tmp_path / "x.yaml"), IP="10.0.0.1")
    assert made == s.Snapshot(
        listeners={
            "mesh": s.Listener("mesh", "10.0.0.1:9200", ("dubbo", "bolt"), "main", 32, 0.25, 9, 10, 65536, 0.0,
                               s.ProxyProtocol(("10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"), True), s.Fallback("echo", 5.0),
                               s.Http(("10.0.0.0/8", "unix"), False, False, "mesh.example.com", ("websocket", "tls/1.3"), True,
                                      0.0, 3.0), access_log=s.AccessLog("/var/log/xproto/access.log", "text")),
            "local": s.Listener("local", "unix:/run/mesh.sock", ("bolt",), "main", proxy_protocol=s.ProxyProtocol(("unix",)),
                                access_log=s.AccessLog(str(tmp_path / "access.log"), "json")),
            "six": s.Listener("six", "[::1]:0", ("dubbo", "bolt", "mine"), "none-match"),
        },
        routes={
            "main": (
                s.Route(
                    "first",
                    (
                        match("service", "exact", "com.test.EchoService:1.0"),
                        match("a", "exact", "x", invert=True),
                        match("b", "prefix", "x"),
                        match("c", "suffix", "x"),
                        match("d", "regex", "x+"),
                        match("e", "present"),
                        match("f", "present", invert=True),
                        match("g", "present"),
                        match("h", "exact", ""),
                    ),
                    "echo",
                    1.5,
                ),
                s.Route("1", (), "empty"),
            ),
            "none-match": (s.Route("0", (), "empty"),),
        },
        clusters={
            "echo": s.Cluster(
                "echo", ("127.0.0.1:9100", "unix:/run/echo.sock"), "random", 1.0, 120.0, "multiplexed", "http2", 2, 5, 3,
                1 << 20,
                4.0, 0.008, 9.0, s.Keepalive(5.0, 6.0, 7),
            ),
            "empty": s.Cluster("empty", ()),
            "checked": s.Cluster("checked", (), http="http2", health_check=s.HealthCheck(
                s.GrpcCheck("shop.Carts", "carts.test:443"), 2.0, 0.3, 4, 1, 50)),
            "briefly": s.Cluster("briefly", (), http="http2", health_check=s.HealthCheck(s.GrpcCheck())),
        },
        protocol_specs=(str(tmp_path / "mine.py"),),
        protocol_options={"dubbo": {"serializations": ["hessian2"]}},
        admin="0.0.0.0:9901",
        workers=2,
        drain_timeout=0.0,
    )  # fmt: skip
    assert s.decode(s.encode(made)) == made


def told(match: str) -> tuple[s.HeaderMatch, ...]:
    """The conditions of the smallest file's route with another match."""
    text = SMALLEST.replace('{headers: {service: "com.test.EchoService:1.0"}}', match)
    conditions: tuple[s.HeaderMatch, ...] = snapshot(text).routes["main"][0].headers
    return conditions


@pytest.mark.parametrize(
    ("match", "wanted"),
    [
        ("{path: /a}", (":path", "exact", "/a")),
        ("{path: '*'}", (":path", "exact", "*")),
        ("{path: {prefix: /a/}}", (":path", "prefix", "/a/")),
        ("{path: {suffix: .png}}", (":path", "suffix", ".png")),
        ("{path: {suffix: .PNG, ignore_case: true}}", (":path", "suffix", ".png", False, True)),
        ("{path: {regex: '/[0-9]+'}}", (":path", "regex", "/[0-9]+")),
        ("{path: {template: '/a/{b}'}}", (":path", "template", "/a/{b}")),
        ("{host: Shop.Example.COM}", (":host", "exact", "shop.example.com")),
        ("{host: '[2001:DB8::1]'}", (":host", "exact", "[2001:db8::1]")),
        ("{host: '*.Example.com'}", (":host", "suffix", ".example.com")),
        ("{host: [a.b, '*.c.d', a.b]}", (":host", (("exact", "a.b"), ("suffix", ".c.d")))),
        ("{http_method: GET}", (":http_method", "exact", "GET")),
        ("{http_method: [GET, M-SEARCH]}", (":http_method", (("exact", "GET"), ("exact", "M-SEARCH")))),
        ("{query: {v: '2'}}", (":query.v", "exact", "2")),
        ("{service: a}", (":service", "exact", "a")),
        ("{method: {contains: É, ignore_case: true}}", (":method", "contains", "É", False, True)),
        ("{headers: {n: {range: {start: -1, end: 3}, invert: true}}}", ("n", "range", "-1:3", True)),
        ("{source: 10.0.0.0/8}", ("source.address", "network", "10.0.0.0/8")),
        ("{source: ['::1', unix]}", ("source.address", (("network", "::1/128"), ("exact", "unix")))),
        ("{sni: '*.A.test'}", ("tls.sni", "suffix", ".a.test")),
        ("{protocol: bolt}", (":protocol", "exact", "bolt")),
        ("{variables: {protocol: {prefix: d}}}", (":protocol", "prefix", "d")),
        ("{variables: {tls.san: x}}", ("tls.san", "exact", "x")),
        ("{metadata: {tenant: {present: true}}}", ("metadata.tenant", "present")),
    ],
)
def test_ways_to_write_a_condition(match: str, wanted: tuple[Any, ...]) -> None:
    key, *given = wanted
    condition = s.HeaderMatch(key, *given) if isinstance(given[0], str) else s.HeaderMatch(key, "any_of", choices=given[0])
    assert told(match) == (condition,)


def test_virtual_hosts_share_a_table() -> None:
    table = """{virtual_hosts: [
      {name: shop, domains: [Shop.test:80, "*.shop.test"],
       routes: [{cluster: echo, name: a, match: {service: a}}, {cluster: echo}]},
      {name: rest, domains: "*", routes: [{cluster: echo, match: {expression: "service == 'a'"}}]}]}"""
    made = snapshot(SMALLEST.replace("  main:\n", f"  other: {table}\n  main:\n"))
    assert [route.name for route in made.routes["other"]] == ["shop/a", "shop/1", "rest/0"]
    assert made.routes["other"][2].expression == "service == 'a'"
    assert made.virtual_hosts == {
        "other": (s.VirtualHost("shop", ("shop.test:80", "*.shop.test"), 2), s.VirtualHost("rest", ("*",), 1))
    }


def test_all_ways_to_write_a_condition_are_anded() -> None:
    assert [c.key for c in told("{headers: {path: /a, x: y}, path: {suffix: z}, query: {q: {present: false}}, host: a}")] == [
        ":host", ":path", ":query.q", "path", "x",
    ]  # fmt: skip


def test_what_is_left_out_has_the_snapshots_defaults() -> None:
    assert snapshot(SMALLEST) == s.Snapshot(
        listeners={"mesh": s.Listener("mesh", "127.0.0.1:9200", ("dubbo", "bolt"), "main")},
        routes={"main": (s.Route("0", (s.HeaderMatch("service", "exact", "com.test.EchoService:1.0"),), "echo"),)},
        clusters={"echo": s.Cluster("echo", ("127.0.0.1:9100",))},
    )


def test_the_models_are_frozen() -> None:
    config = Config.model_validate({"listeners": [{"name": "a", "address": "127.0.0.1:1", "routes": "r"}], "routes": {}})
    with pytest.raises(ValueError, match="frozen"):
        config.workers = 2  # type: ignore[misc]


@pytest.mark.parametrize("file", sorted(Path("examples").glob("*.yaml")), ids=lambda file: file.name)
def test_examples_are_valid(file: Path) -> None:
    assert load(str(file), {}, Registry()).listeners


def test_the_quickstart_routes_what_the_readme_says() -> None:
    made = load("examples/quickstart.yaml", {}, Registry())
    wanted = s.HeaderMatch("service", "exact", "com.test.EchoService:1.0")
    assert any(wanted in route.headers for route in made.routes["main"])
    assert made.listeners["mesh"].protocols == ("dubbo", "bolt")


def test_a_snapshot_is_plain_data() -> None:
    assert msgspec.json.decode(msgspec.json.encode(snapshot(SMALLEST)), type=s.Snapshot) == snapshot(SMALLEST)


def test_every_protocol_can_be_asked_for_as_much_as_a_table_may_look_at() -> None:
    for registered in registry.load().values():
        for codec in registered.codec.carried or (registered.codec,):
            web = (":path", ":query.a", ":authority", ":host") if codec.headed else ()
            roles = ("service", "method", "version", "group", "timeout")
            more = tuple(f"k{number}" for number in range(MAX_KEYS - len(web) - len(roles)))
            lookup = tuple(dict.fromkeys((*web, *roles, *more, *filter(None, (codec.timeout_key,)))))
            assert codec.lookup(lookup).keys == lookup
