"""Inputs that once failed, in `regressions`: a folder for each target, a file for each input."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.fuzz.child import target

FILES = sorted(path for path in (Path(__file__).parent / "regressions").rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_holds(path: Path) -> None:
    target(path.parent.name, deep=True).test(memoryview(path.read_bytes()))
