"""Text of anyone's making, made fit to be shown: what a terminal would obey, or XML cannot hold, is written as an escape."""

from __future__ import annotations

import re
import shlex

from conformance.suite import MAKING, Failure, Report, Result, describe

DIRECTIONS = ("request", "response")
"""What a client sends, what a server sends: the words of the vectors."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff]"
)
"""Control characters but for tab and newline, lone surrogates, what turns the direction of text, what is no character."""


def visible(text: str) -> str:
    """The text with its hidden characters as escapes."""
    return _HIDDEN.sub(lambda found: _escape(ord(found[0])), text)


def line(text: str) -> str:
    """The same on one line."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def repeat(report: Report, failure: Failure) -> str:
    """The command that runs this case again, or as little besides it as can be."""
    words = [report.command]
    for option, value in (("--only", failure.check), ("--case", failure.case)):
        if option in report.narrows and value != MAKING:
            words += [option, shlex.quote(value)]
    return " ".join(words)


def failures(report: Report, result: Result) -> list[str]:
    """The failures of a check in words, each with the command that repeats it; how many more there are."""
    kept = [f"{visible(describe(each))}\n  again: {line(repeat(report, each))}" for each in result.failures]
    more = result.failed - len(kept)
    return [*kept, f"{more:,} more failed"] if more > 0 else kept


def counted(number: int, what: str) -> str:
    """``1 case``, ``1,200 cases``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
