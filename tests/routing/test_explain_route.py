"""`xproto explain-route`, as an operator calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli import main

pytestmark = pytest.mark.usefixtures("loaded_once")
CONFIGURATION = """
listeners:
  - {name: mesh, address: "127.0.0.1:0", routes: main}
  - {name: web, address: "127.0.0.1:0", protocols: http1, routes: web}
routes:
  main:
    - {name: far, match: {source: 10.0.0.0/8, protocol: dubbo}, cluster: c}
    - {name: echo, match: {service: com.test.Echo, method: {regex: "say.*"}}, cluster: c}
    - {name: cel, match: {expression: "headers['env'] == 'gray' && path == '/a'"}, cluster: c}
    - {name: tenants, match: {metadata: {tenant: gold}, sni: a.test}, cluster: c}
  web:
    virtual_hosts:
      - {name: shop, domains: ["*.shop.test"], routes: [{name: get, match: {http_method: GET, query: {v: "2"}}, cluster: c}]}
      - {name: port, domains: ["shop.test:81"], routes: [{cluster: c}]}
clusters: {c: {hosts: []}}
"""


def run(file: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["explain-route", str(file), *options])


def test_which_route_and_why_no_other(file: Path) -> None:
    asked = ("--header", "service=com.test.Echo", "--header", "method=sayHello", "--path", "/x", "--source", "10.0.0.1")
    told = run(file, "--listener", "mesh", "--protocol", "bolt", *asked)
    assert told.exit_code == 0
    assert told.output.splitlines() == [
        "table main, protocol bolt",
        "route: echo, to cluster c",
        "timeout: 60s (cluster)",
        "  far      :protocol: exact 'dubbo' fails for b'bolt'",
        "  echo     matches",
        "  cel      expression \"headers['env'] == 'gray' && path == '/a'\" fails (env, :path absent)",
        "  tenants  tls.sni: exact 'a.test' fails for absent",
        "absent: tls.sni, metadata.tenant, env, :path",
    ]
    told = run(file, "--listener", "mesh", "--protocol", "dubbo", *asked)
    assert told.output.splitlines()[3:5] == ["  far      matches", "  echo     matches too, behind it"]


def test_no_route(file: Path) -> None:
    told = run(file, "--listener", "mesh", "--protocol", "thrift")
    assert told.exit_code == 1
    assert told.output.splitlines()[1] == "route: none matches"


@pytest.mark.parametrize(
    ("protocol", "headers", "service", "method"),
    [
        ("bolt", {"service": "S", "sofa_head_method_name": "m"}, "S", "m"),
        ("dubbo", {"path": "S", "method": "m"}, "S", "m"),
        ("dubbo", {"path": "S", "service": "T"}, "T", None),
        ("thrift", {"service": "S"}, "S", None),
        ("http1", {"service": "S"}, None, None),
    ],
)
def test_roles_are_found_where_the_protocol_has_them(
    file: Path, protocol: str, headers: dict[str, str], service: str | None, method: str | None
) -> None:
    given = [word for pair in headers.items() for word in ("--header", "=".join(pair))]
    values = json.loads(run(file, "--listener", "mesh", "--protocol", protocol, "--json", *given).output)["values"]
    assert (values[":service"], values[":method"]) == (service, method)


def test_grpc_has_its_roles_in_its_path(file: Path) -> None:
    told = run(file, "--listener", "mesh", "--protocol", "grpc", "--path", "/com.test.Echo/say", "--json")
    assert told.exit_code == 0
    assert json.loads(told.output)["matched"] == "echo"


def test_virtual_hosts(file: Path) -> None:
    def told(*options: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(run(file, "--listener", "web", "--json", *options).output)
        return answer

    found = told("--host", "A.Shop.test:80", "--path", "/x?v=2")
    assert (found["virtual_host"], found["matched"], found["cluster"]) == ("shop", "shop/get", "c")
    assert [(each["route"], each["matched"], each["failed"]) for each in found["routes"]] == [
        ("shop/get", True, None),
        ("port/0", False, "virtual host port: not chosen"),
    ]
    found = told("--host", "a.shop.test", "--query", "v=1", "--http-method", "GET")
    assert (found["virtual_host"], found["matched"]) == ("shop", None)
    assert found["routes"][0]["failed"] == ":query.v: exact '2' fails for b'1'"
    assert found["routes"][0]["conditions"][0] == ":http_method: exact 'GET' holds for b'GET'"
    assert told("--host", "shop.test:81")["matched"] == "port/0"
    none = run(file, "--listener", "web", "--host", "shop.test")
    assert (none.exit_code, none.output.splitlines()[1]) == (1, "virtual host: none has a domain for this call")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "which listener? give --listener, of: mesh, web"),
        (("--listener", "mash"), "there is no listener 'mash'; did you mean mesh?"),
        (("--listener", "web", "--protocol", "bolt"), "there is no protocol 'bolt'; write one of: http1"),
        (("--listener", "web", "--chain", "x"), "there is no chain 'x'; there is none to choose from"),
        (("--listener", "mesh"), "which protocol? give --protocol, of: dubbo, bolt, "),
        (("--listener", "web", "--header", "a"), "'a' is no NAME=VALUE"),
        (("--listener", "web", "--header", "tls.sni=a"), "no header can be called 'tls.sni'; give --sni"),
        (("--listener", "web", "--header", "source.address=a"), "no header can be called 'source.address'; give --source"),
        (("--listener", "web", "--header", "metadata.m=a"), "no header can be called 'metadata.m'; give --metadata"),
        (("--listener", "web", "--header", ":path=/"), "no header can be called ':path'; give --path, --host or --http-method"),
        (("--listener", "web", "--source", "lan"), "'lan' is no address; give an IP address, or unix"),
        (("--listener", "web", "--path", "a b"), "no such call can be sent: http1: headers: the header block cannot be read"),
    ],
)
def test_usage(file: Path, options: tuple[str, ...], said: str) -> None:
    told = run(file, *options)
    assert told.exit_code == 2
    assert said in " ".join(told.output.split())


def test_a_file_that_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("listeners: 5")
    told = run(tmp_path / "x.yaml")
    assert told.exit_code == 1
    assert "x.yaml:1: listeners: must be a list, not the number 5" in told.output
