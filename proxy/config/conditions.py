"""From what a file says of a match to conditions on keys, which are all that a route table knows besides the expression.

What always holds: each way to write a match becomes exactly one condition a key and entry, so that all are ANDed. Of several
names one must be met, which is why a list of them is one condition with choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proxy.config.key_match import MATCH_KINDS, PATH_KINDS, PathMatch, given_kinds
from proxy.config.key_match import HeaderMatch as Written
from proxy.config.match import Match
from proxy.routing.keys import (
    HOST,
    HTTP_METHOD,
    METADATA,
    METHOD,
    PATH,
    PROTOCOL,
    QUERY,
    SERVICE,
    SNI,
    SOURCE,
    VARIABLES,
)
from proxy.routing.networks import UNIX
from proxy.snapshot import HeaderMatch, MatchKind


def conditions(given: Match) -> tuple[HeaderMatch, ...]:
    """All that a call must meet."""
    return tuple(_conditions(given))


def _conditions(given: Match) -> Iterator[HeaderMatch]:
    for key, names in ((PROTOCOL, given.protocol), (HTTP_METHOD, given.http_method), (HOST, given.host), (SNI, given.sni)):
        if names is not None:
            yield one_of(key, map(_name, names))
    if given.source is not None:
        yield one_of(SOURCE, map(_network, given.source))
    if given.path is not None:
        yield _path(given.path)
    for key, condition in ((SERVICE, given.service), (METHOD, given.method)):
        if condition is not None:
            yield _header(key, condition)
    yield from (_header(f"{QUERY}{name}", condition) for name, condition in given.query.items())
    yield from (_header(VARIABLES[name], condition) for name, condition in given.variables.items())
    yield from (_header(f"{METADATA}{name}", condition) for name, condition in given.metadata.items())
    yield from (_header(key, condition) for key, condition in given.headers.items())


def one_of(key: str, choices: Iterable[tuple[MatchKind, str]]) -> HeaderMatch:
    """One of these must be met."""
    listed = tuple(dict.fromkeys(choices))
    if len(listed) == 1:
        return HeaderMatch(key, *listed[0])
    return HeaderMatch(key, "any_of", choices=listed)


def _name(name: str) -> tuple[MatchKind, str]:
    """A name that begins with an asterisk stands for all that end like it."""
    return ("suffix", name[1:]) if name.startswith("*") else ("exact", name)


def _network(network: str) -> tuple[MatchKind, str]:
    return ("exact", UNIX) if network == UNIX else ("network", network)


def _path(given: PathMatch) -> HeaderMatch:
    [kind] = given_kinds(given, PATH_KINDS)
    return _folded(HeaderMatch(PATH, kind, getattr(given, kind)), ignore_case=given.ignore_case)


def _header(key: str, given: Written) -> HeaderMatch:
    """``present: false`` is the inversion of ``present: true``."""
    [kind] = given_kinds(given, MATCH_KINDS)
    if kind == "present":
        return HeaderMatch(key, kind, invert=given.invert is bool(given.present))
    if given.range is not None:
        return HeaderMatch(key, kind, f"{given.range.start}:{given.range.end}", given.invert)
    return _folded(HeaderMatch(key, kind, getattr(given, kind), given.invert), ignore_case=given.ignore_case)


def _folded(condition: HeaderMatch, *, ignore_case: bool) -> HeaderMatch:
    if not ignore_case:
        return condition
    value = "".join(letter.lower() if letter.isascii() else letter for letter in condition.value)
    return HeaderMatch(condition.key, condition.kind, value, condition.invert, ignore_case=True)
