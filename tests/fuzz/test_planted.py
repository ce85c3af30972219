"""Faults that are put in are found, from good frames alone: a fuzzer that finds nothing must be one that could have."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.fuzz import launch
from conformance.judging import vectors_of
from xproto.registry import load

SECONDS = 60
"""At most; a fault is found in two or three."""
CHECK = "if c.stop - c.at < width:\n        return SHORT\n    if signed_:"
GOOD = [vector.data for vector in vectors_of(load()["bolt"]) if vector.kind != "refused" and len(vector.data) < 400][:40]


def test_a_wrong_plan_is_found(built, tmp_path) -> None:
    """A bound moved by one: construct refuses what the Plan accepts."""
    run = launch.fuzz(
        "bolt", ["-seed=1"], module="tests.fuzz.planted", folder=built, own=tmp_path, inputs=GOOD, seconds=SECONDS
    )
    assert run.seeded, "the good frames hold"
    assert run.crash is not None
    assert "DisagreementError" in run.output
    assert "construct: Malformed(path='proto'" in run.output, "of whichever Plan it is that a judge sees"
    assert run.crash.read_bytes()[0] == 3


@pytest.fixture(scope="module")
def faulty(built, tmp_path_factory) -> Path:
    """A kernel of its own whose reader of pairs looks one byte too far. Returns what `built` does."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("xproto", "conformance/fuzz"):
        shutil.copytree(launch.ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(launch.ROOT / name, tree / name)
    folder = tree / "build" / "fuzz"
    shutil.copytree(built, folder, symlinks=True, ignore=shutil.ignore_patterns("runs"))
    source = tree / "xproto" / "kernel" / "keyvalues.pyx"
    text = source.read_text()
    assert text.count(CHECK) == 1
    source.write_text(text.replace(CHECK, CHECK.replace("width:", "width - 1:", 1)))
    script = tree / "conformance" / "fuzz" / "build.sh"
    subprocess.run(
        ["bash", script, folder], check=True, env={**launch.environment(folder), "LD_PRELOAD": "", "PYTHON": sys.executable}
    )
    return folder


def test_a_read_too_far_is_found(faulty, tmp_path) -> None:
    """The address sanitizer sees one byte behind a frame, and the input that does it is kept."""
    run = launch.fuzz("bolt", ["-seed=1"], folder=faulty, own=tmp_path, inputs=GOOD, seconds=SECONDS)
    assert run.seeded, "the good frames hold"
    assert run.crash is not None
    assert "heap-buffer-overflow" in run.output
    assert "keyvalues" in run.output
    passed, said = launch.repeat("bolt", [run.crash], folder=faulty)
    assert not passed
    assert "heap-buffer-overflow" in said
    assert launch.repeat("bolt", [run.crash])[0], "the kernel without the fault holds"
