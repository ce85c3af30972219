r"""What one condition means, told as plainly as possible; the indexes beside this module must agree with it.

Envoy's meaning, checked against Envoy 1.40:

* A condition on the *value* never holds for an absent key, **inverted or not**: "not blue" is a statement about a colour
  that was sent.
* `present` holds for any value, the empty one too; `present` inverted is the only condition that an absent key meets.
* A regex must match the whole value. It is RE2's, over UTF-8: `.` is one code point and not a newline, so a value that
  is not UTF-8 matches only where the pattern takes single bytes (`\C`), and meets the inverted condition otherwise.
* A range is half open, and of integers: a value that is no decimal integer of 64 bits is in none.
* Whose case is ignored is ignored for ASCII letters alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

from proxy.routing import template
from proxy.routing.networks import is_in
from proxy.snapshot import HeaderMatch

SHOWN = 64
"""Bytes of a value that an explanation quotes."""
LEAST, MOST = -(1 << 63), (1 << 63) - 1
_INTEGER = re.compile(rb"[+-]?[0-9]{1,20}")
"""20 digits hold every integer of 64 bits, and leave a hostile value nothing to be slow with."""


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


def pattern_of(condition: HeaderMatch) -> str:
    """The regex that a condition of kind `regex`, `template` or `contains` is."""
    if condition.kind == "template":
        return template.regex(condition.value)
    if condition.kind == "contains":
        text = re2.escape(condition.value)
        if condition.ignore_case:
            text = "".join(_either(letter) for letter in condition.value)
        return rf"(?s:\C*){text}(?s:\C*)"
    return condition.value


def _either(letter: str) -> str:
    return f"[{letter.lower()}{letter.upper()}]" if letter.isascii() and letter.isalpha() else str(re2.escape(letter))


def bounds(value: str) -> tuple[int, int]:
    """A range's start, which is in it, and its end, which is not."""
    start, _, end = value.partition(":")
    return int(start), int(end)


def integer(value: bytes) -> int | None:
    """What a range compares; None: it is no such number."""
    if len(value) > 21 or not _INTEGER.fullmatch(value):
        return None
    number = int(value)
    return number if LEAST <= number <= MOST else None


def holds(condition: HeaderMatch, value: bytes | None) -> bool:
    """Whether the condition holds for the key's value, None where the key is absent."""
    if value is None:
        return condition.kind == "present" and condition.invert
    if condition.kind == "any_of":
        met = any(_met(condition, kind, text, value) for kind, text in condition.choices)
    else:
        met = _met(condition, condition.kind, condition.value, value)
    return met != condition.invert


def _met(condition: HeaderMatch, kind: str, text: str, value: bytes) -> bool:
    if condition.ignore_case:
        value = value.lower()
    wanted = text.encode()
    match kind:
        case "exact":
            return value == wanted
        case "prefix":
            return value.startswith(wanted)
        case "suffix":
            return value.endswith(wanted)
        case "contains":
            return wanted in value
        case "network":
            return is_in(value, text)
        case "range":
            number, (start, end) = integer(value), bounds(text)
            return number is not None and start <= number < end
        case "present":
            return True
    return compile_regex(pattern_of(condition)).fullmatch(value) is not None


def describe(condition: HeaderMatch, value: bytes | None) -> str:
    """One line for a person: the condition, the value, and whether the one holds for the other."""
    seen = "absent" if value is None else repr(value[:SHOWN]) + ("..." if len(value) > SHOWN else "")
    verdict = "holds" if holds(condition, value) else "fails"
    case = ", whatever its case," if condition.ignore_case else ""
    return f"{condition.key}: {'not ' if condition.invert else ''}{_wanted(condition)}{case} {verdict} for {seen}"


def _wanted(condition: HeaderMatch) -> str:
    if condition.kind == "present":
        return "present"
    if condition.kind == "range":
        return "range [{}, {})".format(*bounds(condition.value))
    if condition.kind == "any_of":
        return " or ".join(f"{kind} {text!r}" for kind, text in condition.choices)
    return f"{condition.kind} {condition.value!r}"
