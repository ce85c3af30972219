"""examples/policy/caches.yaml, run as it is: what is asked again is asked of the same host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.started import started
from tests.policy.mesh import Mesh
from tests.policy.speech.table import Call, Speech, over

FILE = Path("examples/policy/caches.yaml")
COUNT = 40


@pytest.fixture(scope="module")
def example() -> Iterator[Mesh]:
    with started(FILE, "warm_1", "warm_2", "cold") as made:
        yield made


@over("query", "http_method", variants=True)
def test_a_search_has_its_host_among_those_that_stand_in(example: Mesh, speech: Speech) -> None:
    homes = [[example.send("web", speech, Call(path=f"/search?p={p}&q=t{n}")) for n in range(COUNT)] for p in (1, 2)]
    assert homes[0] == homes[1]
    assert set(homes[0]) == {"warm_1", "warm_2"}


@over("path", "http_method", variants=True)
def test_a_path_has_its_host_among_all(example: Mesh, speech: Speech) -> None:
    homes = [[example.send("web", speech, Call(path=f"/pages/{n}?p={p}")) for n in range(COUNT)] for p in (1, 2)]
    assert homes[0] == homes[1]
    assert set(homes[0]) == {"warm_1", "warm_2", "cold"}
