"""examples/routing.yaml, run as it is: calls of each protocol go where its comments say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import running
from tests.policy.mesh import Mesh
from tests.policy.speech.table import THRIFT, Call, Speech, over

FILE = Path("examples/routing.yaml")
ECHO = "com.test.EchoService"


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with Mesh.of("CARTS", "SHOP", "ECHO", "GRAY", "OFFICE") as made:
        variables = {name: host.address for name, host in made.hosts.items()}
        with running(FILE, XPROTO_LISTEN="127.0.0.1:0", **variables) as proxy:
            made.doors = proxy.wait_ready()
            yield made


@over("http_method", variants=True)
def test_requests_by_their_host(example: Mesh, speech: Speech) -> None:
    assert example.send("mesh", speech, Call(host="Shop.test:8080", path="/carts/7")) == "CARTS"
    assert example.send("mesh", speech, Call(host="eu.shop.test", path="/carts/7/items")) == "SHOP"


@over("service", "headers", variants=True)
def test_calls_by_header_and_source(example: Mesh, speech: Speech) -> None:
    gray = {"env": "gray"}
    assert example.send("mesh", speech, Call(service=ECHO, headers=gray)) == "GRAY"
    assert example.send("mesh", speech, Call(service=ECHO, headers={"env": "blue"})) == "ECHO"
    assert example.send("mesh", speech, Call(service=ECHO, source="127.0.0.2")) == "OFFICE"
    assert example.send("mesh", speech, Call(service=ECHO, headers=gray, source="127.0.0.2")) == "GRAY"


def test_thrift_has_no_headers_and_a_source(example: Mesh) -> None:
    assert example.send("mesh", THRIFT, Call(service=ECHO)) == "ECHO"
    assert example.send("mesh", THRIFT, Call(service=ECHO, source="127.0.0.2")) == "OFFICE"
