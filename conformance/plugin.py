"""pytest: a test for each check of each protocol that is named by ``--conformance`` or in the ini file.

Loaded by pytest in every run where the package is installed, so it imports nothing of the kit until a protocol is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.judging import Trial
    from conformance.suite import Check, Report


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "conformance of codecs (xproto)")
    about = "a protocol's name, or the file that declares it, to be judged; may be repeated"
    group.addoption("--conformance", action="append", default=[], metavar="NAME|PATH.py", help=about)
    group.addoption("--conformance-deep", action="store_true", help="try more: minutes instead of seconds")
    parser.addini("conformance", "protocols to be judged: names, or files that declare them", type="args", default=[])


# First, so that -k and the like choose among these as among all others.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    for name in _named(config):
        for node in _nodes(session, name, deep=config.getoption("conformance_deep")):
            report = session.ihook.pytest_make_collect_report(collector=node)
            session.ihook.pytest_collectreport(report=report)
            items.extend(report.result)


def _named(config: pytest.Config) -> list[str]:
    """Names and paths; those of the ini file are relative to it."""
    home = config.inipath.parent if config.inipath else config.rootpath
    listed = [str(home / name) if name.endswith(".py") else name for name in config.getini("conformance")]
    return list(dict.fromkeys([*listed, *config.getoption("conformance")]))


def _nodes(session: pytest.Session, name: str, *, deep: bool) -> Iterator[ProtocolNode]:
    from conformance.bench import DEEP, QUICK
    from conformance.golden import VectorError
    from conformance.judging import trials
    from xproto.errors import SpecError

    try:
        found = trials(name, profile=DEEP if deep else QUICK)
    except (SpecError, VectorError) as error:
        raise pytest.UsageError(f"--conformance: {error}") from error
    for trial in found:
        nodeid = f"conformance::{trial.bench.name}"
        yield ProtocolNode.from_parent(session, name=trial.bench.name, nodeid=nodeid, trial=trial)


class ProtocolNode(pytest.Collector):
    """One protocol."""

    def __init__(self, *, trial: Trial, **more: Any) -> None:
        super().__init__(**more)
        self.trial = trial

    def collect(self) -> list[CheckItem]:
        from conformance.checks import CHECKS

        return [CheckItem.from_parent(self, name=check.name, check=check) for check in CHECKS]


class CheckItem(pytest.Item):
    """One check of it."""

    def __init__(self, *, check: Check, **more: Any) -> None:
        super().__init__(**more)
        self.check = check

    @cached_property
    def trial(self) -> Trial:
        assert isinstance(self.parent, ProtocolNode)
        return self.parent.trial

    def runtest(self) -> None:
        from conformance.report.state import Standing, standing

        report = self.trial.report([self.check])
        (result,) = report.results
        match standing(result):
            case Standing.LACKS:
                pytest.skip(result.lacks)
            case Standing.EMPTY:
                pytest.skip("there was nothing to try")
            case Standing.FAILED:
                raise CheckFailedError(report)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What failed, with nothing of the kit's own calls."""
        if isinstance(excinfo.value, CheckFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        return self.trial.bench.registered.source, None, self.nodeid


class CheckFailedError(AssertionError):
    """A check failed: its failures in words, each with the command that repeats it."""

    def __init__(self, report: Report) -> None:
        from conformance.report.text import failures

        super().__init__("\n\n".join(failures(report, report.results[0])))
