"""Reports of the kit: on a terminal, as JUnit XML, as JSON, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.report.document import to_json
from conformance.report.junit import to_junit
from conformance.report.page import to_html
from conformance.suite import Report

FILES = {"report.html": to_html, "report.json": to_json, "junit.xml": to_junit}


def write(reports: Sequence[Report], folder: Path | str) -> list[Path]:
    """Writes all forms into the folder, which is made where it is not there; gives their paths."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    for name, form in FILES.items():
        (home / name).write_text(form(reports), encoding="utf-8")
    return [home / name for name in FILES]
