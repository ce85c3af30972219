r"""With what text must a value begin, or end, to match a regex? That rules most regexes out without trying them.

The beginning is RE2's own answer: the common start of the least and the greatest text that can match. It has none for
the end, so the end is read off the pattern by a scanner that gives up at whatever it is not sure of.

What always holds: every value that the regex matches as a whole begins and ends so; an empty text says nothing.
"""

from __future__ import annotations

import re

import re2

from proxy.routing.condition import compile_regex

LONGEST = 64
"""Bytes of a beginning; more tell no more routes apart."""

_TOKEN = re.compile(
    r"""
      \[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]   # a class
    | \\[dDsSwWbBAz]                               # an escape that stands for no text
    | \\[^A-Za-z0-9]                               # one that stands for itself
    | \(\?:|\(\?P?<\w+>|\((?!\?)                   # a group without flags
    | [^\\\[]
    """,
    re.VERBOSE | re.DOTALL,
)
_FLAG = re.compile(r"\(\?(?!:|P?<\w)")


def beginning(pattern: str) -> bytes:
    """Bytes that every match of the pattern begins with."""
    try:
        low, high = compile_regex(pattern).possiblematchrange(LONGEST)
    except re2.error:
        return b""
    same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return bytes(low[:same])


def ending(pattern: str) -> str:
    """Text that every match of the pattern ends with."""
    if _FLAG.search(pattern):
        return ""  # it may change what a letter or a dollar means
    run: list[str] = []
    depth = at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return ""
        text = token[0]
        at = token.end()
        if text == "$" and at == len(pattern):
            break
        if text == "|" and depth == 0:
            return ""
        depth += text.startswith("(") - (text == ")")
        if len(text) == 2 and text[0] == "\\" and not text[1].isalnum():
            run.append(text[1])
        elif len(text) == 1 and text not in "().|*+?{}^$":
            run.append(text)
        else:
            run.clear()
    return "".join(run)
