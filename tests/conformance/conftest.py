"""Hypothesis profiles: CONFORMANCE_PROFILE=deep for the long run. The fast one draws the same frames every time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.conformance.subjects import DEEP

_QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("conformance-fast", max_examples=200, derandomize=True, database=None, **_QUIET)
settings.register_profile("conformance-deep", max_examples=10_000, **_QUIET)


def pytest_runtest_setup(item) -> None:
    settings.load_profile("conformance-deep" if DEEP else "conformance-fast")
