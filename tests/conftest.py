"""What hypothesis does in all tests.

No test is timed: how long an example takes says something about the machine only. Settings are bound when a test's module
is imported, so a profile is chosen before that.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

DEEP = os.environ.get("CONFORMANCE_PROFILE") == "deep"
CONFORMANCE = Path(__file__).parent / "conformance"

settings.register_profile("steady", deadline=None)
settings.register_profile(
    "conformance", deadline=None, suppress_health_check=list(HealthCheck),
    **({"max_examples": 10_000} if DEEP else {"max_examples": 200, "derandomize": True, "database": None}),
)  # fmt: skip
settings.load_profile("steady")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """The conformance tests draw the same frames every time; CONFORMANCE_PROFILE=deep draws many and other ones."""
    if isinstance(collector, pytest.Module):
        settings.load_profile("conformance" if CONFORMANCE in collector.path.parents else "steady")
