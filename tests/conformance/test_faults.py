"""How good are the vectors? Deliberate faults are put into each Plan; the suite must notice all that can be seen.

The counts are printed: ``random`` is the number killed by mutated frames alone, ``with plan-derived`` with the vectors
that the Plan itself gives.
"""

from __future__ import annotations

import random

import pytest

from conformance.generate.mutations import random_vectors
from conformance.mutants.killing import Score, allows_scan, allows_verify, judge, lookup_test, score
from tests.conformance.equivalents import Equivalents
from tests.conformance.subjects import DEEP, KEYS, SHIPPED, derived, good_frames, subject

RANDOM_VECTORS = 20_000 if DEEP else 3_000


def _score(name: str, product: str) -> tuple[Score, Equivalents]:
    limited = f"{name}-limited"
    found = subject(limited)
    mutated = random_vectors(good_frames(limited)[:20], found.lowered.verify, random.Random(1), RANDOM_VECTORS)
    suites = {"random": judge(found, mutated), "plan-derived": derived(limited)}
    if product == "lookup":
        plan, running = lookup_test(found, KEYS)
    else:
        plan = getattr(found.lowered, product)
        allowed = (allows_verify if product == "verify" else allows_scan)(found)

        def running(faulty):
            changed = found.with_plans(**{product: faulty})
            return lambda vector: allowed(changed, vector)

    equivalents = Equivalents(name, product)
    return score(f"{name} {product}", plan, running, suites, equivalents), equivalents


@pytest.mark.parametrize("product", ["verify", "scan", "lookup"])
@pytest.mark.parametrize("name", [*SHIPPED, "thrift-unframed-compact"])
def test_the_suite_kills_every_fault_that_can_be_seen(name, product, capsys) -> None:
    found, equivalents = _score(name, product)
    with capsys.disabled():
        print(f"\n{found}")  # noqa: T201 - the count is to be seen
    assert found.survivors == []
    assert found.total > (50 if name in SHIPPED else 15)
    assert found.killed["plan-derived"] >= found.killed["random"]
    assert equivalents.stale == []


def test_a_suite_without_vectors_kills_nothing() -> None:
    """What the count is worth: no vectors, no kills."""
    found = subject("bolt-limited")
    allowed = allows_verify(found)

    def running(faulty):
        changed = found.with_plans(verify=faulty)
        return lambda vector: allowed(changed, vector)

    empty = score("bolt verify", found.lowered.verify, running, {"none": []})
    refused_at_load = empty.killed["none"]
    assert refused_at_load < empty.total / 10
    assert len(empty.survivors) == empty.total - refused_at_load
