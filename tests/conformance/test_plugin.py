"""The pytest plugin, run in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).with_name("broken")
SLIP = ('Kind.REQUEST: this.type == "call"', 'Kind.REQUEST: (this.type == "call") | (this.type == "notice")')

pytest_plugins = ["pytester"]


@pytest.fixture
def own(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a declaration of its own, broken, and its vectors."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makefile(".py", acme=(BROKEN / "parcel.py").read_text().replace(*SLIP))
    folder = pytester.mkdir("vectors") / "parcel"
    folder.mkdir()
    for path in (BROKEN / "vectors" / "parcel").iterdir():
        (folder / path.name).write_text(path.read_text())
    return pytester


def ran(own: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    installed = [] if entry_points(group="pytest11", name="conformance") else ["-p", "conformance.plugin"]
    return own.runpytest_subprocess("-p", "no:cacheprovider", *installed, *arguments)


def test_each_check_is_a_test(own: pytest.Pytester) -> None:
    result = ran(own, "--conformance", "acme.py", "--collect-only", "-q")
    assert result.ret == 0
    assert "conformance::parcel::splits" in result.outlines
    assert "conformance::parcel::oneways" in result.outlines


def test_a_failure_says_what_is_wrong_and_how_to_repeat_it(own: pytest.Pytester) -> None:
    result = ran(own, "--conformance", "acme.py", "-k", "oneways or replies", "-v")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["conformance::parcel::replies PASSED*", "conformance::parcel::oneways FAILED*"])
    again = "  again: xproto conformance acme.py --only oneways --case *"
    result.stdout.fnmatch_lines(["oneways: *", "  case: *", "  bytes: *", again])
    result.stdout.no_fnmatch_line("*suite.py*")


def test_the_ini_file_names_protocols(own: pytest.Pytester) -> None:
    own.makeini("[pytest]\nconformance = acme.py bolt\n")
    inner = own.mkdir("inner")
    result = ran(own, "--collect-only", "-q", str(inner))
    assert "conformance::parcel::replies" in result.outlines
    assert "conformance::bolt::replies" in result.outlines


def test_what_does_not_apply_is_skipped(own: pytest.Pytester) -> None:
    (own.path / "vectors").rename(own.path / "elsewhere")
    result = ran(own, "--conformance", "acme.py", "-k", "oneways", "-rs")
    result.assert_outcomes(skipped=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["SKIPPED*: there is no vector of a oneway"])


def test_deep_tries_more(own: pytest.Pytester) -> None:
    own.makeconftest("""
        def pytest_collection_finish(session):
            print("profile:", session.items[0].trial.bench.profile.name)
    """)
    assert "profile: quick" in ran(own, "--conformance", "bolt", "--collect-only", "-q").outlines
    assert "profile: deep" in ran(own, "--conformance", "bolt", "--conformance-deep", "--collect-only", "-q").outlines


def test_tests_beside_it_are_run_as_ever(own: pytest.Pytester) -> None:
    own.makepyfile(test_own="def test_one(): pass")
    result = ran(own, "--conformance", "acme.py", "-k", "one or replies")
    assert result.parseoutcomes()["passed"] == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [("blt", "did you mean bolt?"), ("nothing.py", "nothing.py: cannot be loaded")],
)
def test_a_name_that_is_nothings_is_a_usage_error(own: pytest.Pytester, name: str, said: str) -> None:
    result = ran(own, "--conformance", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--conformance: *{said}*"])


def test_it_is_announced_to_pytest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"conformance": "conformance.plugin"}
    assert import_module("conformance.plugin").pytest_addoption


def test_loading_it_loads_nothing_of_the_kit() -> None:
    heavy = {"construct", "hypothesis", "rich", "xproto", "yaml"}
    script = f"import sys, conformance.plugin; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
