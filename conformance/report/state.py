"""Where a check stands, in the words that all reports use."""

from __future__ import annotations

import enum

from conformance.suite import Result


class Standing(enum.StrEnum):
    """EMPTY: it applies, and there was nothing to try: no vectors, say. That proves nothing, and is no failure."""

    PASSED = "passed"
    FAILED = "failed"
    LACKS = "not applicable"
    EMPTY = "no cases"


def standing(result: Result) -> Standing:
    if result.lacks:
        return Standing.LACKS
    if result.failed:
        return Standing.FAILED
    return Standing.PASSED if result.cases else Standing.EMPTY
