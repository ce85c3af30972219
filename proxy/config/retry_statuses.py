"""What a retry policy asks of answers, held against the protocols that its calls may come by.

A number is a status of whatever protocol a call has, so it is refused where it is none of any, and where it is success to one
of them: calls that went well would be made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from http import HTTPMethod

from proxy.config.problems import Path
from proxy.config.retries import EVENTS, Retry
from proxy.config.speakers import Speaker
from proxy.config.values import describe
from xproto.errors import suggest

METHODS = tuple(HTTPMethod)
MOST_NAMED = 3
"""Protocols that a message lists; of `auto` there are many."""
MOST_STATUSES = 20
"""Likewise, with the events."""


def check_policy(retry: Retry, spoken: Sequence[Speaker]) -> Iterator[tuple[Path, str]]:
    """`spoken`: at least one; the paths begin below `retry`."""
    for place, status in enumerate(retry.on):
        said = _event(status, retry, spoken) if isinstance(status, str) and status in EVENTS else _status(status, spoken)
        if said is not None:
            yield ("on", place), said
    if retry.retriable_headers and not any(each.answers_headers for each in spoken):
        yield ("retriable_headers",), f"answers of {_names(spoken)} have no headers; write statuses under on, or leave it out"
    yield from _methods(retry, spoken)


def _event(event: str, retry: Retry, spoken: Sequence[Speaker]) -> str | None:
    """`refused` is in what is retried where nothing is named, so only who writes it is told."""
    if event == "refused" and "on" in retry.model_fields_set and not any(each.web for each in spoken):
        return f"'refused' is said by HTTP/2 alone, not by {_names(spoken)}; write connect_failure, reset, or a status"
    return None


def _methods(retry: Retry, spoken: Sequence[Speaker]) -> Iterator[tuple[Path, str]]:
    """Methods of HTTP are in capitals; what else has methods may write them as it likes."""
    if not isinstance(retry.idempotent, tuple) or not all(each.web and not each.has_methods for each in spoken):
        return
    for place, name in enumerate(retry.idempotent):
        if name not in METHODS and name.upper() in METHODS:
            wrong = f"{name!r} is not the method {name.upper()}, case counts; write {name.upper()}"
            yield ("idempotent", "methods", place), wrong


def _status(status: str | int, spoken: Sequence[Speaker]) -> str | None:
    known = dict.fromkeys(name for each in spoken for name in each.protocol.statuses)
    if not known:
        return f"answers of {_names(spoken)} say no status; write one of {', '.join(EVENTS)}"
    if isinstance(status, str) and status not in known:
        return f"{describe(status)} is no status of {_names(spoken)}, and no event; {_instead(status, (*EVENTS, *known))}"
    if isinstance(status, int) and not any(each.takes(status) for each in spoken):
        return f"{status} is no status of {_names(spoken)}; write {_ranges(spoken)}"
    fine = next((each for each in spoken if each.succeeds(status)), None)
    if fine is not None:
        others = "a status by its name" if isinstance(status, int) and len(spoken) > 1 else "statuses of calls that failed"
        return f"{status!r} is what {fine.name} says of calls that went well; write {others}"
    return None


def _names(spoken: Sequence[Speaker]) -> str:
    names = [each.name for each in spoken]
    return " or ".join(names) if len(names) <= MOST_NAMED else "any protocol of its listeners"


def _ranges(spoken: Sequence[Speaker]) -> str:
    ranges = dict.fromkeys((each.least, each.most) for each in spoken if each.has_status)
    told = " or ".join(f"{least} to {most}" for least, most in ranges)
    return told if len(ranges) <= MOST_NAMED else "a status by its name (docs/retries.md)"


def _instead(status: str, known: tuple[str, ...]) -> str:
    """Of very many that could be meant only the nearest is named."""
    if len(known) <= MOST_STATUSES or get_close_matches(status, known, 1):
        return suggest(status, known)
    return f"write {', '.join(EVENTS)}, or a status (docs/retries.md)"
