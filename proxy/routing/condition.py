r"""What one condition means, told as plainly as possible; the indexes beside this module must agree with it.

Envoy's meaning, checked against Envoy 1.40:

* A condition on the *value* (exact, prefix, suffix, regex) never holds for an absent key, **inverted or not**: "not
  blue" is a statement about a colour that was sent.
* `present` holds for any value, the empty one too; `present` inverted is the only condition that an absent key meets.
* A regex must match the whole value. It is RE2's, over UTF-8: `.` is one code point and not a newline, so a value that
  is not UTF-8 matches only where the pattern takes single bytes (`\C`), and meets the inverted condition otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from proxy.snapshot import HeaderMatch

SHOWN = 64
"""Bytes of a value that an explanation quotes."""


@lru_cache(maxsize=256)
def compile_regex(pattern: str) -> Any:
    """The pattern as a RE2 object; raises ValueError with RE2's reason."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        raise ValueError(f"regex {pattern!r}: {reason}") from error


def holds(condition: HeaderMatch, value: bytes | None) -> bool:
    """Whether the condition holds for the key's value, None where the key is absent."""
    if value is None:
        return condition.kind == "present" and condition.invert
    wanted = condition.value.encode()
    match condition.kind:
        case "exact":
            met = value == wanted
        case "prefix":
            met = value.startswith(wanted)
        case "suffix":
            met = value.endswith(wanted)
        case "regex":
            met = compile_regex(condition.value).fullmatch(value) is not None
        case _:
            met = True
    return met != condition.invert


def describe(condition: HeaderMatch, value: bytes | None) -> str:
    """One line for a person: the condition, the value, and whether the one holds for the other."""
    wanted = "present" if condition.kind == "present" else f"{condition.kind} {condition.value!r}"
    seen = "absent" if value is None else repr(value[:SHOWN]) + ("..." if len(value) > SHOWN else "")
    verdict = "holds" if holds(condition, value) else "fails"
    return f"{condition.key}: {'not ' if condition.invert else ''}{wanted} {verdict} for {seen}"
