"""From what a file says of a match to conditions on keys, which are all that a route table knows.

What always holds: each way to write a match becomes exactly one condition a key and entry, so that all are ANDed. Of
several names one must be met, which is why a list of them is one regex.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from proxy.config.match import MATCH_KINDS, PATH_KINDS, Match, PathMatch
from proxy.config.match import HeaderMatch as Written
from proxy.snapshot import HeaderMatch


def conditions(given: Match) -> tuple[HeaderMatch, ...]:
    """All that a call must meet."""
    return tuple(_conditions(given))


def _conditions(given: Match) -> Iterator[HeaderMatch]:
    if given.http_method is not None:
        yield one_of("http_method", given.http_method)
    if given.host is not None:
        yield one_of("host", given.host)
    if given.path is not None:
        yield _path(given.path)
    yield from (_header(f"query.{name}", condition) for name, condition in given.query.items())
    yield from (_header(key, condition) for key, condition in given.headers.items())


def one_of(key: str, names: Sequence[str]) -> HeaderMatch:
    """One of the names is the key's value; a name that begins with an asterisk stands for all that end like it."""
    if len(names) > 1:
        return HeaderMatch(key, "regex", "|".join(map(_pattern, names)))
    [name] = names
    return HeaderMatch(key, "suffix", name[1:]) if name.startswith("*") else HeaderMatch(key, "exact", name)


def _pattern(name: str) -> str:
    return r"(?s:\C*)" + re.escape(name[1:]) if name.startswith("*") else re.escape(name)


def _path(given: PathMatch) -> HeaderMatch:
    kind = next(kind for kind in PATH_KINDS if getattr(given, kind) is not None)
    return HeaderMatch("path", kind, getattr(given, kind))


def _header(key: str, given: Written) -> HeaderMatch:
    """``present: false`` is the inversion of ``present: true``."""
    kind = next(kind for kind in MATCH_KINDS if getattr(given, kind) is not None)
    if kind == "present":
        return HeaderMatch(key, kind, invert=given.invert is bool(given.present))
    return HeaderMatch(key, kind, getattr(given, kind), given.invert)
