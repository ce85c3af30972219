"""What `xproto conformance` does, apart from its options' syntax: shows, writes, and gives the exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.bench import DEEP, QUICK, Profile
from conformance.judging import Trial, chosen, refuse_nothing, trials
from conformance.report import write
from conformance.report.document import to_json
from conformance.report.terminal import Live, closing, console, listing, show
from conformance.suite import Check, Report
from xproto.errors import ChoiceError, suggest

PASSED, FAILED = 0, 1
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Wishes:
    """The options.

    only, case: what of the checks. specs: files that declare protocols. vectors: their folder. folder: of the reports.
    as_json: the output is one JSON document. Instead of the checks that need no peer: live, host and port of a server to drive;
    play_server: the port on which to play the server to a client, 0 for any.
    """

    deep: bool = False
    only: Sequence[str] = ()
    case: str | None = None
    specs: Sequence[str] = ()
    vectors: str | None = None
    folder: str | None = None
    as_json: bool = False
    live: tuple[str, int] | None = None
    play_server: int | None = None

    @property
    def profile(self) -> Profile:
        return DEEP if self.deep else QUICK


def conformance(name_or_path: str, wishes: Wishes) -> int:
    """Judges, and shows each report once it is there. Raises as `conformance.judge` does, and `LiveError`."""
    found = trials(name_or_path, profile=wishes.profile, specs=wishes.specs, vectors=wishes.vectors)
    if wishes.folder is not None:
        _make(wishes.folder)
    out, reports = console(), []
    for report in _against_a_peer(found, wishes) or _reports(found, wishes):
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


def _make(folder: str) -> None:
    """The folder of the reports, before minutes are spent on what could not be written."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChoiceError(folder, f"the reports cannot be written there: {error.strerror}", "choose another folder") from error


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


def _against_a_peer(found: Sequence[Trial], wishes: Wishes) -> list[Report]:
    if wishes.live is None and wishes.play_server is None:
        return []
    if len(found) > 1:
        names = ", ".join(trial.bench.name for trial in found)
        raise ChoiceError(names, "a peer speaks one of these protocols", "name it")
    (trial,) = found
    if wishes.live is not None:
        return [_driven(trial, *wishes.live, wishes)]
    assert wishes.play_server is not None
    return [_played(trial, wishes.play_server)]


def _driven(trial: Trial, host: str, port: int, wishes: Wishes) -> Report:
    from conformance.live import NAMES, check_server

    bench = trial.bench
    for name in wishes.only:
        if name not in NAMES:
            raise ChoiceError(name, "there is no check of this name with --live", suggest(name, NAMES))
    with Live(bench.name, len(wishes.only or NAMES), console(stderr=True)) as progress:
        results = check_server(
            bench.registered, bench.vectors, host, port, wishes.profile, only=wishes.only, progress=progress
        )  # fmt: skip
        return trial.of(list(results), f"--live {host}:{port}", ("--only",))


def _played(trial: Trial, port: int) -> Report:
    from conformance.live import play_server

    def say(found: int) -> None:
        console(stderr=True).print(f"a server of {trial.bench.name} listens on {LOOPBACK}:{found}", markup=False)

    results = asyncio.run(play_server(trial.bench.registered, trial.bench.vectors, LOOPBACK, port, listening=say))
    return trial.of(results, f"--play-server {port}", ())
