"""examples/policy/elsewhere.yaml, run as it is: where its comments say that calls go, they go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.started import started
from tests.policy.mesh import Mesh
from tests.policy.speech.table import GRPC, Call, Speech, over

FILE = Path("examples/policy/elsewhere.yaml")
CALLS = 120


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with started(FILE, "shared", "gold", "bolt", "dubbo", "sample") as made:
        yield made


def taken(example: Mesh, speech: Speech, call: Call) -> str:
    """Which host got it, samples aside."""
    example.came()
    assert example.ask("mesh", speech, call).ok
    [name] = [name for name, calls in example.came().items() if calls and name != "sample"]
    return name


@over("http_method", variants=True)
def test_a_site_that_has_moved(example: Mesh, speech: Speech) -> None:
    answer = example.ask("mesh", speech, Call(host="shop.test:8080", path="/carts?id=7"))
    assert (answer.code, answer.headers["location"]) == (301, "https://www.shop.test:8443/carts?id=7")


@over("headers", variants=True)
def test_a_tenant_has_its_cluster(example: Mesh, speech: Speech) -> None:
    for tenant, cluster in (("gold", "gold"), ("silver", "shared")):
        assert taken(example, speech, Call(headers={"x-tenant": tenant})) == cluster


@over(variants=True)
def test_some_protocols_have_theirs(example: Mesh, speech: Speech) -> None:
    cluster = speech.protocol if speech.protocol in {"bolt", "dubbo"} else "shared"
    assert taken(example, speech, Call(headers={"protocol": "gold"})) == cluster


def test_one_in_four_is_sampled(example: Mesh) -> None:
    example.came()
    assert all(example.ask("mesh", GRPC, Call()).ok for _ in range(CALLS))
    sampled = example.hosts["sample"].calls
    example.run(example.world.until(lambda: sampled.qsize() > CALLS // 12))
    assert sampled.qsize() < CALLS // 2
