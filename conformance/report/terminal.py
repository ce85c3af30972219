"""Reports on a terminal: a table of each protocol, and each failure with its bytes.

Plain text where the output is no terminal or NO_COLOR is set. Nothing that a fault or a value says is taken for markup, or
reaches the terminal as a control character.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import IO, Self

from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from conformance.report import picture
from conformance.report.hexdump import beside, drawn
from conformance.report.state import Standing, standing
from conformance.report.text import DIRECTIONS, counted, line, repeat
from conformance.suite import Failure, Report, Result

PLAIN_WIDTH = 120
"""Columns where the output is no terminal."""
_STYLES = {Standing.PASSED: "green", Standing.FAILED: "bold red", Standing.LACKS: "bright_black", Standing.EMPTY: "yellow"}


def console(file: IO[str] | None = None, *, stderr: bool = False) -> Console:
    """A console for `show`."""
    found = Console(file=file, stderr=stderr, highlight=False)
    if found.is_terminal and not os.environ.get("NO_COLOR"):
        return found
    width = None if found.is_terminal else PLAIN_WIDTH
    return Console(file=file, stderr=stderr, highlight=False, color_system=None, width=width)


def show(report: Report, to: Console) -> None:
    """One protocol: its table, then its failures."""
    to.print(_table(report))
    for result in report.results:
        for failure in result.failures:
            to.print()
            for part in _failure(report, failure):
                to.print(part, soft_wrap=isinstance(part, Text))
        more = result.failed - len(result.failures)
        if more > 0:
            to.print(Text(f"\n{result.name}: {more:,} more failed", _STYLES[Standing.FAILED]))
    to.print()


def listing(protocol: str, checks: Sequence[tuple[str, str, str]]) -> Table:
    """Checks by name, with what each is about, and why it does not apply."""
    table = Table(box=box.SIMPLE_HEAD, title=Text(line(protocol)), title_justify="left", title_style="bold")
    for name in ("check", "about", "applies"):
        table.add_column(name, overflow="fold")
    for name, about, lacks in checks:
        style = _STYLES[Standing.LACKS] if lacks else ""
        table.add_row(Text(name, style), Text(line(about), style), Text(f"no: {line(lacks)}" if lacks else "yes", style))
    return table


def closing(reports: Sequence[Report]) -> Text:
    """What became of all, in a line."""
    failed = [report.protocol for report in reports if report.failed]
    cases, seconds = sum(report.cases for report in reports), sum(report.seconds for report in reports)
    said = f"failed: {', '.join(failed)}" if failed else "passed"
    style = _STYLES[Standing.FAILED if failed else Standing.PASSED]
    return Text.assemble((said, style), f"  {counted(len(reports), 'protocol')}, {counted(cases, 'case')}, {seconds:.1f} s")


def _table(report: Report) -> Table:
    title = Text(f"{report.protocol}  ({line(report.source)})")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for name in ("check", "cases", "failed", "seconds", "state"):
        table.add_column(name, justify="right" if name in {"cases", "failed", "seconds"} else "left", overflow="fold")
    for result in report.results:
        table.add_row(*_row(result))
    return table


def _row(result: Result) -> list[Text]:
    state = standing(result)
    style = _STYLES[state]
    if state is Standing.LACKS:
        return [Text(cell, style) for cell in (result.name, "", "", "", f"{state}: {line(result.lacks)}")]
    numbers = (f"{result.cases:,}", f"{result.failed:,}", f"{result.seconds:.2f}")
    return [Text(result.name), *map(Text, numbers), Text(state, style)]


def _failure(report: Report, failure: Failure) -> Iterator[RenderableType]:
    yield Text.assemble((f"{failure.check}: ", _STYLES[Standing.FAILED]), (line(failure.fault), "bold"))
    yield Text(f"  case   {line(failure.case)}  ({DIRECTIONS[failure.direction]})")
    if failure.field:
        yield Text.assemble("  field  ", (line(failure.field), "bold"))
    for found in failure.found:
        yield Text(f"         {line(found)}")
    if failure.data:
        yield from drawn(failure.data, picture.drawn(report, failure), failure.field)
    if failure.original and failure.original != failure.data:
        yield Text(f"  from an example of {counted(len(failure.original), 'byte')}")
    if failure.made is not None and failure.wanted is not None:
        yield from beside(failure.wanted, failure.made)
    yield Text(f"  again  {line(repeat(report, failure))}")


class Live:
    """A line of progress while a protocol is judged; nothing where `to` is no terminal."""

    def __init__(self, protocol: str, checks: int, to: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}"),
            TimeElapsedColumn(),
            console=to,
            transient=True,
            disable=not to.is_terminal,
        )
        self._task = self._bar.add_task(protocol, total=checks, now="")
        self._seen: list[str] = []

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, check: str, done: int) -> None:
        """As `conformance.suite.Progress`."""
        if check not in self._seen:
            self._seen.append(check)
        self._bar.update(self._task, completed=len(self._seen) - 1, now=f"{check}: {counted(done, 'case')}")
