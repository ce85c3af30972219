"""What holds for the built-in protocols holds for layouts that nobody speaks: odd ones by name, and random ones."""

from __future__ import annotations

import random

import pytest
from hypothesis.errors import Unsatisfiable

from conformance.checks import agreement as checks
from conformance.checks.ids import check_set_id, corrupted, edge_ids
from conformance.generate.derived import covering, derive
from conformance.generate.examples import collect, strategy
from conformance.generate.mutations import random_vectors
from conformance.subject import Subject
from tests.conformance.layouts import LAYOUTS
from tests.conformance.random_layouts import LayoutMaker
from tests.conformance.subjects import DEEP, KEYS
from xproto.errors import SpecError
from xproto.lower import lower


def _check(subject: Subject, frames: list[bytes], rng: random.Random, mutations: int, attacked: int) -> int:
    plan = subject.lowered.verify
    telling = covering(plan, frames, 1)[:attacked]
    vectors = [*random_vectors(frames, plan, rng, mutations), *(vector.data for vector in derive(plan, telling))]
    for data in vectors:
        checks.check_all(subject, data, KEYS)
    for frame in frames[:5]:
        checks.check_prefixes(subject, frame)
        checks.check_trailing(subject, frame, b"\1\2")
        for new_id in edge_ids(subject):
            check_set_id(subject, corrupted(subject, frame, 0x10001), new_id)
    return len(vectors)


@pytest.mark.parametrize("protocol", LAYOUTS, ids=lambda protocol: protocol.name)
def test_odd_layouts(protocol) -> None:
    subject = Subject(lower(protocol))
    frames = collect(strategy(subject.lowered), 400 if DEEP else 20)
    assert len(frames) > 10
    assert _check(subject, frames, random.Random(1), 5000 if DEEP else 80, 99 if DEEP else 4) > 100


@pytest.mark.parametrize("seed", range(150 if DEEP else 4))
def test_random_layouts(seed) -> None:
    """Ten layouts for each seed. A layout that is refused is no failure; that some are accepted is checked."""
    accepted = vectors = 0
    for number in range(10 * seed, 10 * seed + 10):
        try:
            subject = Subject(lower(LayoutMaker(random.Random(number)).protocol()))
        except SpecError:
            continue
        accepted += 1
        try:
            frames = collect(strategy(subject.lowered), 10)
        except Unsatisfiable:
            frames = []
        if frames:
            vectors += _check(subject, frames, random.Random(number), 40, 2)
    assert accepted > 5
    assert vectors > 500
