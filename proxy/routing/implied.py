"""What must hold, cheaply told, for a condition that is dear to tell.

A regex that begins or ends with a literal holds only for values that begin or end so, which a column answers for all
routes at once; so only the regexes of few routes are tried. What always holds: where the condition holds, all that is
implied does. The condition itself is still asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.routing.condition import pattern_of
from proxy.routing.literals import beginning, ending
from proxy.snapshot import HeaderMatch


def implied(condition: HeaderMatch) -> Iterator[HeaderMatch]:
    """Of a condition that a column does not answer: those that one does."""
    yielded = False
    if not condition.invert:
        pattern = pattern_of(condition)
        for kind, text in (("prefix", _text(beginning(pattern))), ("suffix", ending(pattern))):
            if text:
                yielded = True
                yield HeaderMatch(condition.key, kind, text)  # type: ignore[arg-type]
    if not yielded:
        yield HeaderMatch(condition.key, "present")


def _text(start: bytes) -> str:
    """Without a character that is cut at its end."""
    try:
        return start.decode()
    except UnicodeDecodeError as error:
        return start[: error.start].decode()
