"""The codec conformance kit: independent judges of a protocol, and vectors that are hard on it.

::

    from conformance import judge

    judge("acme.py").raise_for_failures()

Names are imported when they are first used, so that pytest, which loads the plugin in every run, pays nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.bench import DEEP, QUICK, Bench, Profile
    from conformance.judging import ALL, Trial, judge, trials
    from conformance.suite import Case, Check, Failure, Report, Result, describe, run

__all__ = [
    "ALL", "DEEP", "QUICK", "Bench", "Case", "Check", "Failure", "Profile", "Report", "Result", "Trial", "describe",
    "judge", "run", "trials",
]  # fmt: skip

_HOMES = {
    "bench": ("DEEP", "QUICK", "Bench", "Profile"),
    "judging": ("ALL", "Trial", "judge", "trials"),
    "suite": ("Case", "Check", "Failure", "Report", "Result", "describe", "run"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"conformance.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
