"""Would the simulation notice? Each patch puts one plausible mistake into the datapath; the simulation must fail then.

A patch is applied to a copy of the packages, the one module that it touches is compiled, and seeds are run as
``make sim`` runs them. A patch that does not apply any more is a failure that says so: mend the patch.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUGS = sorted((Path(__file__).parent / "bugs").glob("*.patch"))
SEEDS, CALLS = 130, 600
FIRST = {"idle_with_an_answer_to_write": 45}
"""Where the seeds begin for what few of them find."""
STREAMS = ("tests.simulation.h2_world", "--seed", "1", "--seeds", "60")
TUNNELS = ("pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/simulation/test_tunnels.py")
AT_ONCE = 2
LEFT_OUT = shutil.ignore_patterns("*.c", "__pycache__", "vectors", "interop")


def test_there_are_enough() -> None:
    assert len(BUGS) >= 10


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[str]]]:
    """What the simulation says of each bug."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {bug.stem: pool.submit(simulate, bug, tmp_path_factory.mktemp(bug.stem)) for bug in BUGS}


def simulate(bug: Path, folder: Path) -> str:
    for package in ("proxy", "xproto", "tests"):
        shutil.copytree(ROOT / package, folder / package, ignore=LEFT_OUT)
    applied = subprocess.run(["git", "apply", str(bug)], cwd=folder, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, f"{bug.name} does not apply any more: {applied.stderr}"
    (module,) = re.findall(r"^\+\+\+ b/(\S+\.pyx)$", bug.read_text(), re.MULTILINE)
    for old in (folder / module).parent.glob(f"{Path(module).stem}.*.so"):
        old.unlink()
    subprocess.run([sys.executable, "tests/simulation/build.py", module], cwd=folder, check=True, capture_output=True)
    calling = ("tests.simulation", "--seed", str(FIRST.get(bug.stem, 1)), "--seeds", str(SEEDS), "--calls", str(CALLS))
    kinds = {"tunnel": TUNNELS, "h2": STREAMS}
    words = [sys.executable, "-m", *kinds.get(bug.stem.partition("_")[0], calling)]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return f"exit {ran.returncode}: {ran.stdout}{ran.stderr}"


@pytest.mark.parametrize("bug", [bug.stem for bug in BUGS])
def test_it_is_found(outcomes: dict[str, Future[str]], bug: str) -> None:
    said = outcomes[bug].result()
    assert not said.startswith("exit 0"), "the simulation noticed nothing"
    assert any(each in said for each in ("ViolationError", "AssertionError", "exit -")), said
