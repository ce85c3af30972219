"""Reports as JSON, for programs. The shape is stable: a change that breaks a reader raises `VERSION`.

::

    {"version": 1, "passed": bool, "protocols": [{
        "protocol": str, "source": str, "command": str, "passed": bool, "cases": int, "failed": int, "seconds": float,
        "checks": [{
            "name": str, "about": str, "state": "passed" | "failed" | "not applicable" | "no cases", "reason": str,
            "cases": int, "failed": int, "seconds": float,
            "failures": [{
                "case": str, "direction": "request" | "response", "fault": str, "field": str, "found": [str],
                "bytes": hex, "original": hex, "made": hex | null, "wanted": hex | null, "repeat": str,
                "picture": [{
                    "offset": int, "size": int, "bits": [first, count] | null, "path": str, "value": str, "depth": int,
                    "state": "read" | "refused" | "unread" | "behind", "why": str
                }]
            }]
        }]
    }]}

`reason` is why a check does not apply. `failures` has the first few; `failed` counts them all. `original` is the case's own
bytes, which `bytes` are a part of or were made from; `made` and `wanted` are what was written and what should have been.
Bytes are hex without spaces. Places are in bytes; the first bit is the highest of the byte at `offset`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from conformance.report.picture import Span, drawn
from conformance.report.state import standing
from conformance.report.text import DIRECTIONS, repeat
from conformance.suite import Failure, Report, Result

VERSION = 1


def to_json(reports: Sequence[Report]) -> str:
    return json.dumps(document(reports), indent=1) + "\n"


def document(reports: Sequence[Report]) -> dict[str, Any]:
    """The same as plain values."""
    passed = not any(report.failed for report in reports)
    return {"version": VERSION, "passed": passed, "protocols": [_protocol(report) for report in reports]}


def _protocol(report: Report) -> dict[str, Any]:
    return {
        "protocol": report.protocol,
        "source": report.source,
        "command": report.command,
        "passed": not report.failed,
        "cases": report.cases,
        "failed": report.failed,
        "seconds": round(report.seconds, 3),
        "checks": [_check(report, result) for result in report.results],
    }


def _check(report: Report, result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "about": result.about,
        "state": str(standing(result)),
        "reason": result.lacks,
        "cases": result.cases,
        "failed": result.failed,
        "seconds": round(result.seconds, 3),
        "failures": [_failure(report, failure) for failure in result.failures],
    }


def _failure(report: Report, failure: Failure) -> dict[str, Any]:
    return {
        "case": failure.case,
        "direction": DIRECTIONS[failure.direction],
        "fault": failure.fault,
        "field": failure.field,
        "found": list(failure.found),
        "bytes": failure.data.hex(),
        "original": failure.original.hex(),
        "made": None if failure.made is None else failure.made.hex(),
        "wanted": None if failure.wanted is None else failure.wanted.hex(),
        "repeat": repeat(report, failure),
        "picture": [_span(span) for span in drawn(report, failure)],
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "offset": span.offset,
        "size": span.size,
        "bits": None if span.bits is None else list(span.bits),
        "path": span.path,
        "value": span.value,
        "depth": span.depth,
        "state": str(span.state),
        "why": span.why,
    }
