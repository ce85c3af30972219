"""The front door: what is judged, with which vectors, and what repeats it."""

from __future__ import annotations

from pathlib import Path

import pytest

import conformance
from conformance import DEEP, judge, trials
from conformance.golden import VectorError
from conformance.judging import chosen, vectors_of
from xproto.errors import ChoiceError
from xproto.registry import find, load

PARCEL = str(Path(__file__).parent / "broken" / "parcel.py")


def test_a_name_a_file_or_all() -> None:
    assert [trial.bench.name for trial in trials("bolt")] == ["bolt"]
    assert [trial.bench.name for trial in trials(PARCEL)] == ["parcel"]
    assert [trial.bench.name for trial in trials("all", specs=[PARCEL])] == [*load([PARCEL]), "grpc"]


def test_a_protocol_is_held_against_all_others_and_itself_in_rank_order() -> None:
    (trial,) = trials(PARCEL)
    assert list(trial.bench.neighbours) == list(load([PARCEL]))
    assert set(trial.bench.others) == set(load())


def test_what_repeats_a_run() -> None:
    assert trials("bolt")[0].command == "xproto conformance bolt"
    assert trials("bolt", profile=DEEP, specs=[PARCEL])[0].command == f"xproto conformance bolt --spec {PARCEL} --deep"
    assert trials(PARCEL, vectors=Path(PARCEL).parent / "vectors")[0].command == (
        f"xproto conformance {PARCEL} --vectors {Path(PARCEL).parent / 'vectors'}"
    )


def test_vectors_are_those_of_the_protocol(tmp_path: Path) -> None:
    parcel = find(PARCEL)
    found = vectors_of(parcel)
    assert found
    assert {vector.protocol for vector in found} == {"parcel"}
    with pytest.raises(VectorError, match="no vector there is of bolt"):
        vectors_of(find("bolt"), Path(PARCEL).parent / "vectors" / "parcel")
    with pytest.raises(VectorError, match="is no folder"):
        vectors_of(parcel, tmp_path / "nothing")
    assert vectors_of(parcel, tmp_path) == []
    with pytest.raises(VectorError, match="there are no vectors of parcel"):
        trials(PARCEL, vectors=tmp_path)


def test_just_what_was_asked_for() -> None:
    (check,) = chosen(["replies"])
    first = next(iter(check.cases(trials(PARCEL)[0].bench)))
    report = judge(PARCEL, only=["replies"], case=first.name)
    assert [(result.name, result.cases) for result in report.results] == [("replies", 1)]
    assert judge(PARCEL, only=["replies"]).cases > 1
    with pytest.raises(ChoiceError, match="no case of this name"):
        judge(PARCEL, only=["replies"], case="no such")
    with pytest.raises(ChoiceError, match="did you mean replies"):
        chosen(["replys"])


def test_progress_is_told() -> None:
    told: list[tuple[str, int]] = []
    report = judge(PARCEL, only=["replies"], progress=lambda name, done: told.append((name, done)))
    assert told == [("replies", done) for done in range(1, report.cases + 1)]


def test_the_package_gives_all_that_it_names() -> None:
    assert all(getattr(conformance, name) is not None for name in conformance.__all__)
    assert callable(conformance.judge)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = conformance.nothing
