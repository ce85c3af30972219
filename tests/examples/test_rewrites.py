"""examples/policy/rewrites.yaml, run as it is: what servers get of calls that go on under another name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.started import started
from tests.policy.mesh import Mesh
from tests.policy.speech.table import HTTP1, Answer, Asked, Call, Speech, over

FILE = Path("examples/policy/rewrites.yaml")
GREETER = "com.test.Greeter"


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with started(FILE, "web", "greeter") as made:
        for host in made.hosts.values():
            host.answers = Answer("said", headers={"server": "test"})
        yield made


def exchange(example: Mesh, speech: Speech, host: str, call: Call) -> tuple[Asked, Answer]:
    answer = example.ask("mesh", speech, call)
    [asked] = example.came()[host]
    return asked, answer


@pytest.mark.parametrize(
    ("path", "becomes", "route", "shop"),
    [
        ("/api/v1/carts?id=7", "/v2/carts", "shop/api", "public"),
        ("/item/7-lamp?id=7", "/items/7", "shop/item", "public"),
        ("/?id=7", "/index.html", "shop/home", "home"),
    ],
)
def test_paths_and_headers_of_a_table_a_virtual_host_and_a_route(
    example: Mesh, path: str, becomes: str, route: str, shop: str
) -> None:
    for host in ("shop.test", "shop.example:81", "shop.test:8443"):
        asked, answer = exchange(example, HTTP1, "web", Call(path=path, host=host))
        assert (asked.roles["path"], asked.query) == (becomes, "id=7")
        assert (asked.headers["x-mesh"], asked.headers["x-shop"]) == ("http1", shop)
        assert answer.headers == {"x-mesh": route}


@over("service", variants=True)
def test_a_method_and_its_services_version(example: Mesh, speech: Speech) -> None:
    for method, becomes, version in (("greet", "sayHello", "2.0"), ("wave", "wave", "1.0")):
        asked, answer = exchange(example, speech, "greeter", Call(service=GREETER, method=method))
        assert (asked.roles["service"], asked.roles["method"]) == (GREETER, becomes)
        assert asked.roles.get("version", version) == version
        assert ("x-mesh" in asked.headers) is ("headers" in speech.says)
        assert answer.headers.get("x-mesh", "").startswith("rpc/") is ("answer_headers" in speech.says)
        assert answer.method in (method, None), "a caller whose answer repeats it knows it by the name that it wrote"
