"""Would the simulation notice? Each patch puts one plausible mistake into the datapath; the simulation must fail then.

A patch is applied to a copy of the one module that it touches, that is compiled, and seeds are run with it as ``make sim``
runs them (`planted.py`). A patch that does not apply any more is a failure that says so: mend the patch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUGS = sorted((Path(__file__).parent / "bugs").glob("*.patch"))
SEEDS, CALLS = 130, 600
MANY = {"mirror_without_bound": 1600}
"""Calls of those that more than usual are needed for."""
FIRST = {
    "answers_between_pieces": 82, "filter_ends_untold": 8, "h2_left_calls_are_lost": 26, "h2_reset_without_its_reason": 8,
    "h2_resets_are_sent_again": 26, "heartbeat_takes_an_id": 6, "http_half_a_request_and_free": 8,
    "idle_with_an_answer_to_write": 45, "mirror_copies_end_nowhere": 305, "mirror_sends_bodies_again": 428,
    "mirror_without_bound": 10, "one_call_forgotten": 17, "pieces_keep_their_checksum": 31, "retry_of_what_was_processed": 8,
    "source_not_woken": 8,
}  # fmt: skip
"""Where the seeds begin for what few of them find: at the first that does, so that it is found at once."""
STREAMS = ("tests.simulation.h2_world", "--seeds", "60")
TUNNELS = ("pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/simulation/test_tunnels.py")


def test_there_are_enough() -> None:
    assert len(BUGS) >= 10


class Outcomes:
    """What the simulation says of each bug, as it comes."""

    def __init__(self, planted: subprocess.Popen[str]) -> None:
        self.planted, self.said = planted, dict[str, str]()

    def of(self, bug: str) -> str:
        assert self.planted.stdout is not None
        while bug not in self.said:
            line = self.planted.stdout.readline()
            assert line, "nobody is there who would say more"
            name, said = json.loads(line)
            self.said[name] = said
        return self.said[bug]


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    wanted = {each.callspec.params["bug"] for each in request.session.items if "outcomes" in getattr(each, "fixturenames", ())}
    jobs = [
        {"patch": str(bug), "words": words(bug.stem), "folder": str(tmp_path_factory.mktemp(bug.stem))}
        for bug in BUGS if bug.stem in wanted
    ]  # fmt: skip
    command = [sys.executable, "-m", "tests.simulation.planted"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as planted:
        assert planted.stdin is not None
        with planted.stdin:
            json.dump(jobs, planted.stdin)
        yield Outcomes(planted)
        planted.kill()


def words(bug: str) -> tuple[str, ...]:
    """What is run to find it: a module and its arguments."""
    seed = ("--seed", str(FIRST.get(bug, 1)))
    framed = ("tests.simulation", *seed, "--seeds", str(SEEDS), "--calls", str(MANY.get(bug, CALLS)))
    kinds = {"tunnel": TUNNELS, "h2": (*STREAMS, *seed)}
    return kinds.get(bug.partition("_")[0], framed)


@pytest.mark.parametrize("bug", [bug.stem for bug in BUGS])
def test_it_is_found(outcomes: Outcomes, bug: str) -> None:
    said = outcomes.of(bug)
    assert said.startswith("exit"), said
    assert not said.startswith("exit 0"), "the simulation noticed nothing"
    assert any(each in said for each in ("ViolationError", "AssertionError", "exit -")), said
