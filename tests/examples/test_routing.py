"""examples/routing.yaml, run as it is: calls of each protocol go where its comments say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.control.proxy_process import running
from tests.policy.calls import SPEAKERS, Call
from tests.policy.hosts import Host

FILE = Path("examples/routing.yaml")
HOSTS = ("CARTS", "SHOP", "ECHO", "GRAY", "OFFICE")
ECHO = "com.test.EchoService"


class Example(NamedTuple):
    address: str
    hosts: dict[str, Host]

    def send(self, protocol: str, call: Call) -> str:
        """Which host got it."""
        SPEAKERS[protocol].ask(self.address, call)
        [name] = [name for name, host in self.hosts.items() if host.take()]
        return name


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    hosts = {name: Host(name) for name in HOSTS}
    variables = {name: host.address for name, host in hosts.items()}
    with running(FILE, XPROTO_LISTEN="127.0.0.1:0", **variables) as proxy:
        yield Example(proxy.wait_ready()["mesh"], hosts)
    for host in hosts.values():
        host.close()


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_requests_by_their_host(example: Example, protocol: str) -> None:
    assert example.send(protocol, Call(host="Shop.test:8080", path="/carts/7")) == "CARTS"
    assert example.send(protocol, Call(host="eu.shop.test", path="/carts/7/items")) == "SHOP"


@pytest.mark.parametrize("protocol", ["bolt", "dubbo", "thrift-header", "grpc"])
def test_calls_by_header_and_source(example: Example, protocol: str) -> None:
    gray = {"env": "gray"}
    assert example.send(protocol, Call(service=ECHO, headers=gray)) == "GRAY"
    assert example.send(protocol, Call(service=ECHO, headers={"env": "blue"})) == "ECHO"
    assert example.send(protocol, Call(service=ECHO, source="127.0.0.2")) == "OFFICE"
    assert example.send(protocol, Call(service=ECHO, headers=gray, source="127.0.0.2")) == "GRAY"


def test_thrift_has_no_headers_and_a_source(example: Example) -> None:
    assert example.send("thrift", Call(service=ECHO)) == "ECHO"
    assert example.send("thrift", Call(service=ECHO, source="127.0.0.2")) == "OFFICE"
