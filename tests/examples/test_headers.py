"""examples/headers.yaml, run: what its servers get and what its clients get back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.proxy_process import running
from tests.policy.mesh import Mesh
from tests.policy.speech.table import BOLT, Answer, Asked, Call, Speech, over

FILE = Path("examples/headers.yaml")


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with Mesh.of("web", "echo") as made:
        for host in made.hosts.values():
            host.answers = Answer("said", headers={"a": "1"})
        hosts = {name.upper(): host.address for name, host in made.hosts.items()}
        with running(FILE, XPROTO_LISTEN="127.0.0.1:0", **hosts) as proxy:
            made.doors = proxy.wait_ready()
            yield made


def exchange(example: Mesh, speech: Speech, host: str, call: Call) -> tuple[Asked, Answer]:
    answer = example.ask("mesh", speech, call)
    [asked] = example.came()[host]
    return asked, answer


@over("http_method", variants=True)
def test_a_request_of_http_and_its_answer(example: Mesh, speech: Speech) -> None:
    call = Call(path="/shop/cart?id=1", headers={"x-debug": "1", "x-client": "a lie"})
    asked, answer = exchange(example, speech, "web", call)
    assert (asked.roles["path"], asked.query, asked.roles["host"]) == ("/v2/cart", "id=1", "shop.internal")
    assert asked.headers["x-route"] == "shop"
    assert asked.headers["x-client"].startswith("127.0.0.1:")
    assert "x-debug" not in asked.headers
    said = {"a": "1", "cache-control": "no-store", "x-served-by": example.hosts["web"].address}
    assert answer.headers == said


def test_a_call_of_bolt_and_its_answer(example: Mesh) -> None:
    call = Call(service="com.test.EchoService:1.0", headers={"hops": "client"})
    asked, answer = exchange(example, BOLT, "echo", call)
    assert asked.roles["service"] == "com.test.EchoService:2.0"
    assert asked.headers == {"env": "gray", "hops": "client,mesh"}
    assert (answer.number, answer.headers) == (7, {"a": "1", "route": "echo"})
