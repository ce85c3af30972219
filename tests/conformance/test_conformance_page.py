"""The kit's page of the docs says what the kit does."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from conformance.checks import CHECKS
from conformance.suite import MOST_FAILURES
from proxy.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text()


def test_the_table_has_every_check() -> None:
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE) == [(check.name, check.about) for check in CHECKS]


def test_the_options_that_are_named_exist() -> None:
    known = CliRunner().invoke(main, ["conformance", "--help"]).stdout
    named = {word for line in PAGE.splitlines() if "pytest" not in line for word in re.findall(r"(?<!\w)--[a-z][a-z-]+", line)}
    assert {word for word in named if word not in known} == set()
    assert MOST_FAILURES == 5, "the page says five"
