"""The instrumented kernel, built once for a run: nothing is compiled where nothing has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.fuzz import launch


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of what was built. A machine without clang, on which it cannot be installed either, fails here."""
    launch.build()
    return launch.FOLDER
