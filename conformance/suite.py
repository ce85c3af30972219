"""The shape of the kit: a check makes cases, a case tests bytes, the runner counts, times and shrinks.

A `Check` is one thing that must hold of every codec. Its `cases` are made from a `Bench`, which holds what there is of
one protocol: its two subjects (what clients send, what servers send), its vectors and its drawn frames. A `Case` tests
bytes: its `test` returns where all is well and raises where not, `DisagreementError` with the fault in words. Any other
exception is a failure as well: the declared error types are all that a codec may raise.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from conformance.bench import Bench
from conformance.outcome import DisagreementError
from conformance.shrink import shrink
from xproto.spec import Protocol

MOST_FAILURES = 5
"""Failures of one check that are kept, shrunk and shown; the others are counted."""
MAKING = "making the cases"
"""The case of a check whose cases could not be made."""


@dataclass(frozen=True)
class Case:
    """Bytes and what is asked of them.

    name: of the vector, or how the bytes were made; it says the same case in every run.
    direction: 0 for what a client sends, 1 for what a server sends.
    shrinks: whether `test` can be asked about any bytes, so that a failing example may be made smaller.
    declaration: where the bytes are read by another than the protocol's own: with other options, say.
    """

    name: str
    data: bytes
    test: Callable[[bytes], object]
    direction: int = 0
    shrinks: bool = False
    declaration: Protocol | None = None


@dataclass(frozen=True)
class Check:
    """One thing that must hold. `lacks` says why it does not apply to a protocol; empty where it does."""

    name: str
    about: str
    cases: Callable[[Bench], Iterable[Case]]
    lacks: Callable[[Bench], str] = lambda _bench: ""


@dataclass(frozen=True)
class Failure:
    """A case that failed, with the smallest bytes found that fail it.

    fault: in words. field: the dotted path at fault, or "". found: what each reader said, expected first.
    made, wanted: bytes made from the frame, and those that should have been made.
    original: the case's own bytes, which these are a part of or were made from. declaration: as the case's.
    """

    check: str
    case: str
    direction: int
    fault: str
    field: str
    found: tuple[str, ...]
    data: bytes
    made: bytes | None = None
    wanted: bytes | None = None
    original: bytes = b""
    declaration: Protocol | None = dataclasses.field(default=None, repr=False, compare=False)


@dataclass
class Result:
    """What became of one check. `lacks`: why it did not apply."""

    name: str
    about: str
    cases: int = 0
    failed: int = 0
    seconds: float = 0.0
    lacks: str = ""
    failures: list[Failure] = field(default_factory=list)


@dataclass
class Report:
    """What became of one protocol.

    source: as `Registered.source` says. command: what repeats the run. declaration: what frames are drawn by.
    narrows: options of the command that choose among the checks, and among a check's cases.
    """

    protocol: str
    source: str
    command: str
    results: list[Result] = field(default_factory=list)
    declaration: Protocol | None = field(default=None, repr=False, compare=False)
    narrows: tuple[str, ...] = ("--only", "--case")

    @property
    def failed(self) -> int:
        return sum(result.failed for result in self.results)

    @property
    def cases(self) -> int:
        return sum(result.cases for result in self.results)

    @property
    def seconds(self) -> float:
        return sum(result.seconds for result in self.results)

    def raise_for_failures(self) -> None:
        """Raises AssertionError with every failure that was kept."""
        if self.failed:
            raise AssertionError("\n\n".join(describe(f) for result in self.results for f in result.failures))


Progress = Callable[[str, int], None]
"""Called with a check's name and how many of its cases are done."""


def run(bench: Bench, checks: Sequence[Check], progress: Progress = lambda _name, _done: None) -> Iterator[Result]:
    """Each check's result, as soon as it is known."""
    for check in checks:
        yield _run(bench, check, progress)


def _run(bench: Bench, check: Check, progress: Progress) -> Result:
    result = Result(check.name, check.about, lacks=check.lacks(bench))
    if result.lacks:
        return result
    began = time.monotonic()
    try:
        for case in check.cases(bench):
            result.cases += 1
            failure = attempt(check.name, case)
            if failure is not None:
                result.failed += 1
                if len(result.failures) < MOST_FAILURES:
                    result.failures.append(_smallest(check.name, case, failure))
            progress(check.name, result.cases)
    except Exception as error:  # noqa: BLE001 - a check that cannot make its cases has failed
        result.cases, result.failed = result.cases + 1, result.failed + 1
        failure = _failure(check.name, Case(MAKING, b"", print), error)
        if not isinstance(error, DisagreementError):
            failure = dataclasses.replace(failure, fault=f"its cases cannot be made: {type(error).__name__}: {error}")
        result.failures.append(failure)
    result.seconds = time.monotonic() - began
    return result


def attempt(check: str, case: Case, data: bytes | None = None) -> Failure | None:
    """The case's failure, on its own bytes or on others; None where it holds."""
    tried = case.data if data is None else data
    try:
        case.test(tried)
    except Exception as error:  # noqa: BLE001 - whatever a codec raises is what is looked for
        return _failure(check, case, error, tried)
    return None


def _failure(check: str, case: Case, error: Exception, data: bytes = b"") -> Failure:
    if isinstance(error, DisagreementError):
        return Failure(
            check, case.name, case.direction, error.what, error.field, error.found, error.data or data,
            error.made, error.wanted, case.data, case.declaration,
        )  # fmt: skip
    fault = f"raised {type(error).__name__}, which is none of the declared errors: {error}"
    return Failure(check, case.name, case.direction, fault, "", (), data, original=case.data, declaration=case.declaration)


def _smallest(check: str, case: Case, failure: Failure) -> Failure:
    """The failure on the smallest bytes that fail in the same field."""
    if not case.shrinks:
        return failure

    def fails(data: bytes) -> bool:
        found = attempt(check, case, data)
        return found is not None and found.field == failure.field and _gist(found) == _gist(failure)

    return attempt(check, case, shrink(case.data, fails)) or failure


def _gist(failure: Failure) -> str:
    """The fault without its numbers."""
    return "".join(char for char in failure.fault if not char.isdigit())


def describe(failure: Failure) -> str:
    """A failure as text."""
    lines = [f"{failure.check}: {failure.fault}", f"  case: {failure.case}"]
    lines += [f"  field: {failure.field}"] if failure.field else []
    lines += [f"  {found}" for found in failure.found]
    lines.append(f"  bytes: {failure.data.hex(' ')}" if len(failure.data) <= 256 else f"  bytes: {len(failure.data)}")
    return "\n".join(lines)
