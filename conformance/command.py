"""What `xproto conformance` does, apart from its options' syntax: shows, writes, and gives the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.bench import DEEP, QUICK, Profile
from conformance.judging import Trial, chosen, refuse_nothing, trials
from conformance.report import write
from conformance.report.document import to_json
from conformance.report.terminal import Live, closing, console, listing, show
from conformance.suite import Check, Report
from xproto.errors import ChoiceError

PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Wishes:
    """The options.

    only, case: what of the checks. specs: files that declare protocols. vectors: their folder. folder: of the reports.
    as_json: the output is one JSON document. live: host and port of a server that is driven instead.
    """

    deep: bool = False
    only: Sequence[str] = ()
    case: str | None = None
    specs: Sequence[str] = ()
    vectors: str | None = None
    folder: str | None = None
    as_json: bool = False
    live: tuple[str, int] | None = None

    @property
    def profile(self) -> Profile:
        return DEEP if self.deep else QUICK


def conformance(name_or_path: str, wishes: Wishes) -> int:
    """Judges, and shows each report once it is there. Raises as `conformance.judge` does, and `LiveError`."""
    found = trials(name_or_path, profile=wishes.profile, specs=wishes.specs, vectors=wishes.vectors)
    out, reports = console(), []
    for report in _live(found, wishes) if wishes.live else _reports(found, wishes):
        reports.append(report)
        if not wishes.as_json:
            show(report, out)
    refuse_nothing(reports, wishes.case)
    written = write(reports, wishes.folder) if wishes.folder is not None else []
    if wishes.as_json:
        sys.stdout.write(to_json(reports))
    else:
        if len(reports) > 1:
            out.print(closing(reports))
        for path in written:
            out.print(f"written: {path}", markup=False, soft_wrap=True)
    return FAILED if any(report.failed for report in reports) else PASSED


def list_checks(name_or_path: str, wishes: Wishes) -> None:
    """Shows each check, and why one does not apply to the protocol."""
    checks = chosen(wishes.only)
    for trial in trials(name_or_path, specs=wishes.specs, vectors=wishes.vectors):
        console().print(listing(trial.bench.name, [(check.name, check.about, check.lacks(trial.bench)) for check in checks]))


def _reports(found: Sequence[Trial], wishes: Wishes) -> Iterator[Report]:
    checks: Sequence[Check] = chosen(wishes.only, wishes.case)
    errors = console(stderr=True)
    for trial in found:
        with Live(trial.bench.name, len(checks), errors) as progress:
            report = trial.report(checks, progress)
        yield report


def _live(found: Sequence[Trial], wishes: Wishes) -> Iterator[Report]:
    from conformance.live import NAMES, check_server

    assert wishes.live is not None
    host, port = wishes.live
    if len(found) > 1:
        names = ", ".join(trial.bench.name for trial in found)
        raise ChoiceError("--live", f"a server speaks one of these protocols: {names}", "name it")
    (trial,) = found
    registered = trial.bench.registered
    with Live(trial.bench.name, len(wishes.only or NAMES), console(stderr=True)) as progress:
        results = list(
            check_server(
                registered, trial.bench.vectors, host, port, wishes.profile, only=wishes.only, progress=progress
            )
        )  # fmt: skip
    yield Report(
        registered.protocol.name, registered.source, f"{trial.command} --live {host}:{port}", results, registered.protocol
    )
